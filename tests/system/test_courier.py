"""The courier alone: what it does with callbacks owed, and with answers."""
import base64
import contextlib
import email.utils
import fcntl
import http.server
import os
import signal
import subprocess
import threading
import time
import unittest

from harness import BUILD, PATIENCE_S, SECRETS, until
from owing import CALLBACK_SECRET, OUTBOX, Owing, job_id


class Courier(Owing):
    def test_delivers_signed_statusinfo_once(self):
        job, _ = self.owe()
        self.stack.start("courier")
        self.settled(job, "delivered")
        calls = self.receiver.about(job)
        self.assertEqual(len(calls), 1)
        self.assertTrue(calls[0].signed_by(SECRETS["acme"]))
        self.assertEqual(calls[0].headers["webhook-id"], "msg_" + job)
        self.assertEqual(calls[0].headers["content-type"], "application/json")
        info = calls[0].json()
        self.assertEqual(info["jobID"], job)
        self.assertEqual(info["status"], "successful")
        self.assertEqual(info["counts"], {"features": 10, "accepted": 7, "repaired": 2, "rejected": 1})
        self.assertEqual(self.field(job, "callback_attempts"), "1")
        self.assertEqual(self.field(job, "callback_status"), "204")

    def test_a_source_can_have_a_key_for_callbacks(self):
        self.stack.start("courier")
        job, _ = self.owe("other")
        self.settled(job, "delivered")
        self.assertTrue(self.receiver.about(job)[0].signed_by("whsec_" + CALLBACK_SECRET))

    def test_tries_again_what_may_pass(self):
        # A receiver that is being deployed, or whose secret is being changed, says some of these.
        for answer in (500, 503, 429, 408, 404, 401, 400, 301):
            self.receiver.answers.append(answer)
        self.stack.start("courier")
        job, _ = self.owe()
        self.settled(job, "delivered")
        calls = self.receiver.about(job)
        self.assertEqual(len(calls), 9)
        self.assertEqual({c.headers["webhook-id"] for c in calls}, {"msg_" + job})
        self.assertEqual(self.field(job, "callback_attempts"), "9")

    def test_gives_up_on_what_will_not_pass(self):
        self.stack.start("courier")
        self.receiver.answers.append(410)
        job, _ = self.owe()
        self.settled(job, "failed")
        self.assertEqual(len(self.receiver.about(job)), 1)
        self.assertEqual(self.field(job, "callback_status"), "410")

    def test_each_attempt_has_a_signature_of_its_own_and_retry_after_is_respected(self):
        self.stack.environ = {"GEOSLUICE_COURIER_BACKOFF_MAX_MS": "60000"}
        self.receiver.answers.append((503, {"retry-after": "2"}))
        self.stack.start("courier")
        job, _ = self.owe()
        self.assertTrue(self.receiver.wait(lambda: self.receiver.about(job), PATIENCE_S))
        stamp = email.utils.formatdate(time.time() + 4, usegmt=True)    # two seconds behind the second call
        self.receiver.answers.append((429, {"retry-after": stamp}))
        self.settled(job, "delivered")
        calls = self.receiver.about(job)
        self.assertEqual(len(calls), 3)
        self.assertGreaterEqual(calls[1].at - calls[0].at, 2)
        self.assertGreaterEqual(calls[2].at, int(calls[0].at) + 3)
        self.assertTrue(all(c.signed_by(SECRETS["acme"]) for c in calls))
        for c in calls:
            self.assertLess(abs(c.at - int(c.headers["webhook-timestamp"])), 2)
        self.assertEqual(len({c.headers["webhook-id"] for c in calls}), 1)
        self.assertEqual(len({c.headers["webhook-timestamp"] for c in calls}), 3)
        self.assertEqual(len({c.headers["webhook-signature"] for c in calls}), 3)
        self.assertIsNone(self.field(job, "callback_due"))

    def test_retry_after_outlives_the_courier(self):
        self.stack.environ = {"GEOSLUICE_COURIER_BACKOFF_MAX_MS": "60000"}
        self.receiver.answers += [(503, {"retry-after": "3"})]
        self.stack.start("courier")
        job, _ = self.owe()
        until(lambda: self.field(job, "callback_due"), "the attempt has failed")
        self.stack.stop("courier")
        self.stack.start("courier")
        self.settled(job, "delivered")
        first, second = self.receiver.about(job)
        self.assertGreaterEqual(second.at - first.at, 3)

    def test_a_proxy_of_the_environment_is_not_asked(self):
        self.stack.environ = {name: "http://127.0.0.1:1" for name in (
            "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")}
        self.stack.start("courier")
        job, _ = self.owe()
        self.settled(job, "delivered")
        self.assertEqual(self.field(job, "callback_attempts"), "1")

    def test_what_the_url_holds_is_sent_and_not_logged(self):
        self.source("keeper", self.receiver.url.replace("://", "://us%65r:hush@") + "?key=whisper#part")
        self.stack.start("courier")
        self.receiver.answers.append(500)
        job, _ = self.owe("keeper")
        self.settled(job, "delivered")
        call = self.receiver.about(job)[1]
        self.assertEqual(base64.b64decode(call.headers["authorization"].split()[1]), b"user:hush")
        self.assertEqual(call.path, "/hook?key=whisper")
        for word in ("hush", "whisper", "dXNlcjpodXNo", CALLBACK_SECRET, SECRETS["acme"]):
            self.assertNotIn(word, self.stack.log("courier"))

    def test_private_addresses_are_not_called(self):
        self.stack.start("courier")
        for source in ("forbidden", "unroutable"):
            job, _ = self.owe(source)
            self.settled(job, "failed")
            self.assertEqual(self.field(job, "callback_status"), "0")
            self.assertEqual(self.field(job, "callback_attempts"), "1")

    def test_nothing_allowed_means_nothing_called(self):
        self.stack.environ = {"GEOSLUICE_COURIER_ALLOW": "10.0.0.0/8"}
        self.stack.start("courier")
        for source in ("acme", "local"):    # an address, and a name that has one
            job, _ = self.owe(source)
            self.settled(job, "failed")
            self.assertEqual(self.field(job, "callback_attempts"), "1")
        self.assertEqual(self.receiver.calls, [])

    def test_a_name_that_does_not_resolve_is_tried_again(self):
        self.stack.start("courier")
        job, _ = self.owe("named")
        until(lambda: int(self.field(job, "callback_attempts") or 0) >= 2, "it was tried twice")
        self.assertIsNone(self.field(job, "callback"))

    def test_a_name_that_is_looked_up_slowly_holds_up_nobody(self):
        """Neither while it is looked up, nor at the end of that attempt, nor at its own end."""
        slow = os.path.join(self.stack.dir, "slow")
        open(slow, "w").close()
        self.stack.programs["courier"] = os.path.join(BUILD, "tests", "geosluice-courier")
        self.stack.environ = {"SLOW_NAME": slow, "GEOSLUICE_COURIER_MAX_ATTEMPTS": "2"}
        self.source("slow", "http://slow.test/")
        self.stack.start("courier")
        job, _ = self.owe("slow")
        self.settled(job, "failed")
        self.assertEqual(self.stack.log("courier").count("Timeout was reached"), 2)
        self.owe("slow")
        other, _ = self.owe()
        self.until(other, "delivered")
        self.assertEqual(self.stack.stop("courier"), 0)

    def test_a_source_without_callback_is_settled_in_silence(self):
        quiet = self.owe("quiet")[0]
        self.stack.start("courier")
        until(self.nothing_owed, "the outbox is empty")
        self.assertIsNone(self.field(quiet, "callback"))
        self.assertEqual(self.receiver.calls, [])

    def test_a_source_that_it_does_not_know_is_kept_for_one_who_does(self):
        unknown, _ = self.owe("nobody")
        self.stack.start("courier")
        until(lambda: "event=unknown_source" in self.stack.log("courier"), "the courier has met it")
        known, _ = self.owe()
        until(lambda: self.field(known, "callback") == "delivered", "others are not held up")
        self.assertEqual(self.redis("XLEN", OUTBOX), 1)
        self.stack.stop("courier")
        with open(self.stack.config, "a") as f:
            f.write("[source nobody]\nsecret = s\ncallback_url = %s\n" % self.receiver.url)
        self.stack.start("courier")
        self.settled(unknown, "delivered")

    def test_a_source_that_nobody_knows_is_dropped_when_its_job_is_no_longer_kept(self):
        self.redis("XADD", OUTBOX, "1-1", "v", "1", "job", job_id(), "source", "nobody")
        self.stack.start("courier")
        until(lambda: self.redis("XLEN", OUTBOX) == 0, "the outbox is empty")

    def test_a_job_that_seems_not_to_have_ended_is_looked_at_again(self):
        job, _ = self.owe(state="running")
        self.stack.start("courier")
        later, _ = self.owe()
        until(lambda: self.field(later, "callback") == "delivered", "the courier has been there")
        self.assertEqual(self.receiver.about(job), [])
        self.redis("HSET", "gs:{p0}:job:" + job, "state", "successful")
        self.settled(job, "delivered")
        self.assertEqual(len(self.receiver.about(job)), 1)

    def test_a_job_that_expired_is_not_brought_back(self):
        job, _ = self.owe()
        self.redis("DEL", "gs:{p0}:job:" + job)
        self.stack.start("courier")
        until(lambda: self.redis("EXISTS", OUTBOX) and self.redis("XLEN", OUTBOX) == 0, "the outbox is empty")
        self.assertEqual(self.redis("EXISTS", "gs:{p0}:job:" + job), 0)

    def test_messages_of_a_newer_version_are_left(self):
        self.stack.start("courier")
        newer, message = self.owe(version="2")
        job, _ = self.owe()
        until(lambda: self.field(job, "callback") == "delivered", "the other one is delivered")
        self.assertEqual(self.receiver.about(newer), [])
        self.assertEqual(self.redis("XPENDING", OUTBOX, "couriers")[0], 1)

    def test_killed_before_its_callback(self):
        self.receiver.answers.append("hang")
        self.stack.start("courier")
        job, _ = self.owe()
        self.assertTrue(self.receiver.wait(lambda: self.receiver.about(job), PATIENCE_S))
        self.stack.kill("courier")
        self.stack.start("courier")
        self.settled(job, "delivered")
        calls = self.receiver.about(job)
        self.assertEqual(len(calls), 2)     # the one that hung, and the one that counts
        self.assertEqual(calls[0].headers["webhook-id"], calls[1].headers["webhook-id"])

    def test_ending_finishes_what_is_under_way_and_gives_the_rest_back(self):
        self.stack.environ = {"GEOSLUICE_COURIER_BACKOFF_MIN_MS": "60000", "GEOSLUICE_COURIER_BACKOFF_MAX_MS": "60000"}
        gate = threading.Event()
        stack = self.stack

        class Slow(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                gate.set()
                until(lambda: "event=ending" in stack.log("courier"), "the courier is told to end")
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Slow)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        with open(self.stack.config, "a") as f:
            f.write("[source slow]\nsecret = s\ncallback_url = http://127.0.0.1:%d/\n" % server.server_port)
        self.receiver.answers.append(500)
        self.stack.start("courier")
        waiting, _ = self.owe()
        until(lambda: self.field(waiting, "callback_attempts") == "1", "the first failed once")
        slow, _ = self.owe("slow")
        self.assertTrue(gate.wait(PATIENCE_S))
        self.assertEqual(self.stack.stop("courier"), 0)
        self.assertEqual(self.field(slow, "callback"), "delivered")
        idle = self.redis("XPENDING", OUTBOX, "couriers", "-", "+", "10")[0][2]
        self.assertGreaterEqual(idle, 2000)     # the lease: free for another at once
        self.stack.environ = {}
        self.stack.start("courier")
        self.settled(waiting, "delivered")

    def test_it_says_why_redis_is_not_reached(self):
        self.redis("CONFIG", "SET", "requirepass", "open sesame")
        self.stack.start("courier")
        until(lambda: "NOAUTH" in self.stack.log("courier"), "it says that a password is needed")
        self.redis("CONFIG", "SET", "requirepass", "")
        job, _ = self.owe()
        self.settled(job, "delivered")
        self.assertLessEqual(self.stack.log("courier").count("NOAUTH"), 2)     # once for each of its connections
        self.stack.stop("courier")
        self.stack.environ = {"GEOSLUICE_REDIS": "unix:///nowhere/redis.sock"}
        self.stack.start("courier")
        until(lambda: "No such file" in self.stack.log("courier"), "it says that nobody is there")

    def test_survives_redis(self):
        self.stack.start("courier")
        job, _ = self.owe()
        self.settled(job, "delivered")
        self.stack.kill("redis")
        self.stack.start_redis()
        self.redis = self.stack.redis
        self.redis("DEL", OUTBOX)       # and the group with it
        job, _ = self.owe()
        self.settled(job, "delivered")
        self.assertEqual(len(self.receiver.about(job)), 1)

    def test_many_and_one_slow_receiver(self):
        self.receiver.answers += ["hang"] * 3 + [500] * 20
        self.stack.start("courier")
        jobs = [self.owe()[0] for _ in range(200)]
        for job in jobs:
            until(lambda: self.field(job, "callback") == "delivered", "all are delivered")
        until(self.nothing_owed, "the outbox is empty")

    def test_two_couriers_deliver_once(self):
        self.stack.start("courier")
        first = self.stack.running.pop("courier")
        self.stack.start("courier")
        try:
            jobs = [self.owe()[0] for _ in range(100)]
            for job in jobs:
                until(lambda: self.field(job, "callback") == "delivered", "all are delivered")
            self.assertEqual([len(self.receiver.about(j)) for j in jobs], [1] * 100)
        finally:
            first.terminate()
            self.assertEqual(first.wait(PATIENCE_S), 0)


class Rounds(Owing):
    """Each reload begins a round of its own."""

    def setUp(self):
        super().setUp()
        self.heard = b""
        self.log, end = os.pipe()
        fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, 4096)
        self.full = os.open("/proc/self/fd/%d" % end, os.O_WRONLY | os.O_NONBLOCK)
        os.set_blocking(self.log, False)
        self.courier = subprocess.Popen(
            [os.path.join(BUILD, "geosluice-courier"), "--config", self.stack.config], stderr=end,
            env=dict(os.environ, **self.stack.environ))
        os.close(end)

    def tearDown(self):
        self.courier.kill()
        self.courier.wait()
        os.close(self.log)
        os.close(self.full)
        super().tearDown()

    def hear(self):
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.log, 4096):
                self.heard += data
        return self.heard

    def waits_for_its_log(self):
        """For as long as it has patience: a busy machine may miss that."""
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.full, b"\n" * 64)
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            with open("/proc/%d/wchan" % self.courier.pid) as f:
                if f.read().startswith("poll"):
                    return True
        return False

    def reload(self):
        said = self.hear().count(b"event=reloaded")
        self.courier.send_signal(signal.SIGHUP)
        until(lambda: self.hear().count(b"event=reloaded") > said, "it says that it reloads")

    def ended(self):
        self.hear()
        return self.courier.poll() is not None

    def test_what_it_is_told_between_two_of_them_counts(self):
        """Held up there by a log that nobody reads."""
        until(lambda: b"event=started" in self.hear(), "it runs")
        for _ in range(20):
            self.reload()
            if self.waits_for_its_log():
                break
        else:
            self.fail("it is never seen between two rounds")
        self.courier.send_signal(signal.SIGTERM)
        until(self.ended, "it ends")
        self.assertEqual(self.courier.returncode, 0)


if __name__ == "__main__":
    unittest.main()
