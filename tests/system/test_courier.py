"""The courier alone: jobs are written into Redis by hand, so that each case is exactly as wanted."""
import http.server
import secrets
import threading
import time
import unittest

from harness import PATIENCE_S, SECRETS, Stack, until

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
OUTBOX = "gs:{p0}:outbox"
# Sources of their own, beside those of the harness.
EXTRA = """
[source quiet]
secret = s
[source forbidden]
secret = s
callback_url = http://169.254.169.254/latest/meta-data
[source unroutable]
secret = s
callback_url = http://[::ffff:10.0.0.1]:9/
[source local]
secret = s
callback_url = http://localhost:9/
[source named]
secret = s
callback_url = http://localhost.localdomain.invalid/
[source other]
secret = s
callback_secret = whsec_%s
callback_url = %s
"""
CALLBACK_SECRET = "YW5vdGhlciBrZXk="


def job_id():
    return "0-" + "".join(secrets.choice(ALPHABET) for _ in range(26))


class Courier(unittest.TestCase):
    def setUp(self):
        self.stack = Stack(start=())
        with open(self.stack.config, "a") as f:
            f.write(EXTRA % (CALLBACK_SECRET, self.stack.receiver.url))
        self.redis = self.stack.redis
        self.receiver = self.stack.receiver

    def tearDown(self):
        self.stack.close()

    def owe(self, source="acme", version="1", **fields):
        """A job that has ended, and its message: (job, message id)."""
        job = job_id()
        have = {"v": 1, "state": "successful", "source": source, "bytes": 1000, "parsed": 1000,
                "accepted": 7, "repaired": 2, "rejected": 1, "created": 1700000000000}
        have.update(fields)
        self.redis("HSET", "gs:{p0}:job:" + job, *[x for pair in have.items() for x in pair])
        message = self.redis("XADD", OUTBOX, "*", "v", version, "job", job, "source", source)
        return job, message.decode()

    def field(self, job, name):
        value = self.redis("HGET", "gs:{p0}:job:" + job, name)
        return value and value.decode()

    def settled(self, job, outcome):
        until(lambda: self.field(job, "callback") == outcome, "%s is %s" % (job, outcome))
        until(self.nothing_owed, "the outbox is empty")

    def nothing_owed(self):
        return self.redis("XLEN", OUTBOX) == 0 and self.redis("XPENDING", OUTBOX, "couriers")[0] == 0

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
        for answer in (500, 503, 429, 408):
            self.receiver.answers.append(answer)
        self.stack.start("courier")
        job, _ = self.owe()
        self.settled(job, "delivered")
        calls = self.receiver.about(job)
        self.assertEqual(len(calls), 5)
        self.assertEqual({c.headers["webhook-id"] for c in calls}, {"msg_" + job})
        self.assertEqual(self.field(job, "callback_attempts"), "5")

    def test_gives_up_on_what_will_not_pass(self):
        self.stack.start("courier")
        for answer in (410, 404, 400, 301):
            with self.subTest(answer):
                self.receiver.answers.append(answer)
                job, _ = self.owe()
                self.settled(job, "failed")
                self.assertEqual(len(self.receiver.about(job)), 1)
                self.assertEqual(self.field(job, "callback_status"), str(answer))

    def test_gives_up_after_the_last_attempt(self):
        self.receiver.answers += [500] * 100
        self.stack.start("courier")
        job, _ = self.owe(callback_attempts=57, callback_at=1, callback_status=500)
        self.settled(job, "failed")
        self.assertEqual(len(self.receiver.about(job)), 3)

    def test_a_receiver_that_hangs_is_tried_again(self):
        self.receiver.answers.append("hang")
        self.stack.start("courier")
        job, _ = self.owe()
        self.settled(job, "delivered")
        self.assertEqual(len(self.receiver.about(job)), 2)

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


if __name__ == "__main__":
    unittest.main()
