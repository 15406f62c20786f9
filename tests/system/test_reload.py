"""SIGHUP, SIGTERM and two servers on one port: nobody who is served loses anything by it."""
import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time
import unittest

from harness import BUILD, PATIENCE_S, SECRETS, SOUND, Stack, collection, sign, until
from raw_client import RawClient
from test_hostile import head, upload
from test_tls import make_certificate

BODY = collection(SOUND)
LARGE = BODY + b" " * 3_000_000


class Reload(unittest.TestCase):
    def setUp(self):
        self.stack = Stack(start=("server",))
        self.addCleanup(self.stack.close)
        with open(self.stack.config) as f:
            self.settings = f.read()

    def write(self, text):
        with open(self.stack.config + ".new", "w") as f:
            f.write(text)
        os.rename(self.stack.config + ".new", self.stack.config)

    def reload(self, event="reloaded"):
        before = self.stack.log("server").count("event=" + event)
        os.kill(self.stack.pid("server"), signal.SIGHUP)
        until(lambda: self.stack.log("server").count("event=" + event) >= before + (2 if event == "reloaded" else 1),
              "the server says " + event)

    def client(self):
        client = RawClient(self.stack.address, PATIENCE_S)
        self.addCleanup(client.close)
        return client

    def test_sources_come_change_and_go(self):
        kept = self.client()
        kept.send(head())
        self.assertEqual(kept.answer()[0], 200)
        self.assertEqual(self.stack.post("acme", BODY).status, 202)
        self.write(re.sub(r"\[source small\][^\[]*", "", self.settings).replace(SECRETS["acme"], "whsec_bmV3IGtleQ==")
                   + "[source aaa]\nsecret = %s\n" % SECRETS["acme"])
        self.reload()
        self.assertEqual(self.stack.post("acme", BODY).status, 401)
        self.assertEqual(self.stack.post("acme", BODY, secret="whsec_bmV3IGtleQ==").status, 202)
        self.assertEqual(self.stack.post("aaa", BODY, secret=SECRETS["acme"]).status, 202)
        self.assertEqual(self.stack.post("small", BODY).status, 404)
        self.assertEqual(self.stack.post("hub", BODY).status, 202)
        kept.send(head())       # the connection that was open is the same
        self.assertEqual(kept.answer()[0], 200)

    def test_an_upload_ends_on_the_terms_that_it_began_with(self):
        """Its source is gone and its secret with it, many times over: the bytes that were promised are taken."""
        client = self.client()
        client.send(upload(LARGE))
        client.send(LARGE[:1_000_000])
        until(lambda: self.stack.redis("EXISTS", "gs:{p0}:staging"), "the upload has begun")
        self.write(re.sub(r"\[source acme\][^\[]*", "", self.settings))
        for _ in range(5):
            self.reload()
        self.assertEqual(self.stack.post("acme", BODY).status, 404)
        client.send(LARGE[1_000_000:])
        status, _, body = client.answer()
        self.assertEqual(status, 202, body)
        self.assertEqual(json.loads(body)["source"], "acme")

    def test_the_sign_of_life_of_uploads_comes_as_often_as_the_new_settings_say(self):
        """The janitor goes by them too: an upload that showed itself as rarely as before would be taken away."""
        self.write(self.settings.replace("staging_timeout_s = 5", "staging_timeout_s = 3600"))
        self.stack.stop("server")
        self.stack.start("server")
        client = self.client()
        client.send(upload(LARGE))
        client.send(LARGE[:1_000_000])
        job = until(lambda: self.stack.redis("ZRANGE", "gs:{p0}:staging", "0", "-1"), "the upload has begun")[0]
        self.write(self.settings)
        self.reload()
        first = float(self.stack.redis("ZSCORE", "gs:{p0}:staging", job))
        until(lambda: float(self.stack.redis("ZSCORE", "gs:{p0}:staging", job)) > first, "it shows itself")
        client.send(LARGE[1_000_000:])
        self.assertEqual(client.answer()[0], 202)

    def test_limits_change(self):
        client = self.client()
        self.write(self.settings.replace("[redis]", "header_fields = 8\n[redis]", 1))
        self.reload()
        client.send(head("GET /healthz HTTP/1.1", *["a: b"] * 10))
        self.assertEqual(client.answer()[0], 431)

    def test_tokens_come_and_go(self):
        made = subprocess.run([os.path.join(BUILD, "geosluice"), "token", "alice"], check=True, capture_output=True,
                              text=True)
        token = re.search(r"gst_\S+|\S{32,}", made.stdout).group(0)
        line = re.search(r"alice:\S+", made.stdout).group(0)
        self.assertEqual(self.stack.get("/v1/jobs").status, 200)
        self.write(self.settings.replace("[redis]", "tokens = %s\n[redis]" % line, 1))
        self.reload()
        self.assertEqual(self.stack.get("/v1/jobs").status, 401)
        answer = self.stack.request("GET", "/v1/jobs", headers={"authorization": "Bearer " + token})
        self.assertEqual(answer.status, 200)
        self.write(self.settings)
        self.reload()
        self.assertEqual(self.stack.get("/v1/jobs").status, 200)

    def test_a_rate_that_was_spent_stays_so(self):
        limited = self.settings + "[source slow]\nsecret = %s\nrate_bytes = 100\n" % SECRETS["acme"]
        self.write(limited)
        self.reload()
        # What is larger than the bucket is paid for by what comes after it, for a quarter of an hour here.
        self.assertEqual(self.stack.post("slow", BODY + b" " * 100_000, secret=SECRETS["acme"]).status, 202)
        self.write(limited + "[source a-new-one]\nsecret = %s\n" % SECRETS["acme"])
        self.reload()
        self.assertEqual(self.stack.post("slow", BODY, secret=SECRETS["acme"]).status, 429)
        self.assertEqual(self.stack.post("a-new-one", BODY, secret=SECRETS["acme"]).status, 202)

    def test_what_began_before_a_reload_counts_for_the_rate_after_it(self):
        limited = self.settings + "[source slow]\nsecret = %s\nrate_bytes = 100\n" % SECRETS["acme"]
        self.write(limited)
        self.reload()
        body = BODY + b" " * 100_000
        client = self.client()
        client.send(upload(body, source="slow", secret=SECRETS["acme"]) + body[:-1])
        until(lambda: b"uploads_in_flight 1" in self.stack.get("/metrics").body, "it has begun")
        self.reload()
        client.send(body[-1:])
        self.assertEqual(client.answer()[0], 202)
        self.assertEqual(self.stack.post("slow", BODY, secret=SECRETS["acme"]).status, 429)

    def test_what_is_wrong_is_refused_with_its_line_and_the_old_stays(self):
        for text, words in (("[source acme]\nsecret = whsec_!!\n", r"geosluice\.ini:2: "),
                            (self.settings + "[source x]\nscheme = none\n", r"geosluice\.ini:\d+: scheme"),
                            (self.settings + "[nothing]\na = b\n", r"geosluice\.ini:\d+: \[nothing\]"),
                            (None, r"geosluice\.ini: ")):
            if text is None:
                os.unlink(self.stack.config)
            else:
                self.write(text)
            self.reload("reload_refused")
            self.assertRegex(self.stack.log("server"), "event=reload_refused .*" + words)
            self.assertEqual(self.stack.post("acme", BODY).status, 202)
        self.write(self.settings)
        self.reload()

    def test_tls_does_not_come_or_go(self):
        certificate, key = make_certificate(self.stack.dir, "localhost")
        self.write(self.settings.replace("[server]", "[server]\ntls_certificate = %s\ntls_key = %s"
                                         % (certificate, key), 1))
        self.reload("reload_refused")
        self.assertEqual(self.stack.post("acme", BODY).status, 202)

    def test_what_only_a_restart_changes_is_said(self):
        self.write(self.settings.replace("threads = 2", "threads = 3\nlog_level = debug"))
        for _ in range(2):      # also when it is asked again
            self.reload("reload_needs_restart")
        self.assertEqual(self.stack.log("server").count(
            'event=reload_needs_restart setting="server.threads, server.log_level"'), 2)
        self.assertEqual(self.stack.post("acme", BODY).status, 202)

    def test_reloads_under_load(self):
        failures, posted, done = [], [0], threading.Event()

        def post():
            while not done.is_set():
                answer = self.stack.post("acme", BODY)
                posted[0] += 1
                if answer.status != 202:
                    failures.append(answer)
        threads = [threading.Thread(target=post) for _ in range(4)]
        for t in threads:
            t.start()
        for _ in range(20):
            self.reload()
        until(lambda: posted[0] > 100, "there was load")
        done.set()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])


def sockets(pid):
    with contextlib.suppress(OSError):
        links = [os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)]
        return sum(link.startswith("socket:") for link in links)
    return 0


class Early(unittest.TestCase):
    def test_redis_answers_when_the_end_has_begun(self):
        """The first answer opens the door: not one that was never opened and is gone again."""
        stack = Stack(start=(), environ={"GEOSLUICE_SERVER_THREADS": "1"})
        self.addCleanup(stack.close)
        for _ in range(8):
            redis = stack.pid("redis")
            os.kill(redis, signal.SIGSTOP)
            stack._spawn("server", [os.path.join(BUILD, "geosluice-server"), "--config", stack.config])
            process = stack.running.pop("server")
            until(lambda: sockets(process.pid) >= 3, "it listens and has called Redis twice")
            process.terminate()
            os.kill(redis, signal.SIGCONT)
            self.assertEqual(process.wait(PATIENCE_S), 0, stack.log("server"))


class Stopping(unittest.TestCase):
    def setUp(self):
        self.stack = Stack(start=("server",))
        self.addCleanup(self.stack.close)

    def client(self, address=None):
        client = RawClient(address or self.stack.address, PATIENCE_S)
        self.addCleanup(client.close)
        return client

    def terminate(self):
        process = self.stack.running.pop("server")
        process.terminate()
        until(lambda: self.stack.log("server").count("event=stopping") == 2, "both reactors are stopping")
        return process

    def test_an_upload_in_flight_ends_and_nothing_new_begins(self):
        upload_client, idle, half = self.client(), self.client(), self.client()
        upload_client.send(upload(LARGE))
        upload_client.send(LARGE[:1_000_000])
        until(lambda: self.stack.redis("EXISTS", "gs:{p0}:staging"), "the upload has begun")
        idle.send(head())
        self.assertEqual(idle.answer()[0], 200)
        half.send(upload(BODY) + BODY[:10])
        process = self.terminate()
        with self.assertRaises(ConnectionRefusedError):
            RawClient(self.stack.address, PATIENCE_S)
        half.send(BODY[10:])
        status, headers, _ = half.answer()
        self.assertEqual((status, headers["connection"]), (202, "close"))
        # A connection that was kept may ask once more, and is told that this was the last time.
        idle.send(upload(BODY) + BODY)
        status, headers, _ = idle.answer()
        self.assertEqual((status, headers["connection"]), (202, "close"))
        upload_client.send(LARGE[1_000_000:])
        status, headers, body = upload_client.answer()
        self.assertEqual((status, headers["connection"]), (202, "close"))
        self.assertEqual(process.wait(PATIENCE_S), 0)

    def test_a_large_upload_does_not_begin_any_more(self):
        busy, late = self.client(), self.client()
        busy.send(upload(BODY) + BODY[:10])
        late.send(head())
        self.assertEqual(late.answer()[0], 200)
        process = self.terminate()
        late.send(upload(LARGE))
        status, headers, body = late.answer()
        self.assertEqual((status, headers["connection"], json.loads(body)["code"]), (503, "close", "STOPPING"))
        self.assertTrue(headers["retry-after"].isdigit())
        busy.close()
        self.assertEqual(process.wait(PATIENCE_S), 0)

    def test_idle_connections_do_not_hold_it_up(self):
        idle = [self.client() for _ in range(20)]
        for client in idle:
            client.send(head())
            self.assertEqual(client.answer()[0], 200)
        process = self.terminate()
        begin = time.monotonic()
        self.assertEqual(process.wait(PATIENCE_S), 0)
        self.assertLess(time.monotonic() - begin, 8)    # grace_s is 10
        for client in idle:
            self.assertTrue(client.hung_up())

    def test_connections_that_wait_to_be_accepted_are_served(self):
        """The server stands still while clients connect and ask, more than it accepts in one go; then it is told to
        end before it has seen any of them."""
        os.kill(self.stack.pid("server"), signal.SIGSTOP)
        waiting = [self.client() for _ in range(400)]
        for client in waiting:
            client.send(head())
        process = self.stack.running.pop("server")
        process.terminate()
        process.send_signal(signal.SIGCONT)
        answers = [client.answer() for client in waiting]
        self.assertEqual([a[0] if a else None for a in answers], [200] * 400)
        self.assertIn("close", [a[1].get("connection") for a in answers])
        self.assertEqual(process.wait(PATIENCE_S), 0)

    def test_what_does_not_end_in_time_is_cut_off_and_leaves_nothing(self):
        stack = Stack(environ={"GEOSLUICE_SERVER_GRACE_S": "1"}, start=("server",))
        try:
            client = self.client(stack.address)
            client.send(upload(LARGE))
            client.send(LARGE[:1_000_000])
            until(lambda: stack.redis("EXISTS", "gs:{p0}:staging"), "the upload has begun")
            self.assertEqual(stack.stop("server"), 0)
            self.assertTrue(client.hung_up())
            self.assertEqual([k for k in stack.redis.keys() if ":raw:" in k or ":staging" in k], [])
        finally:
            stack.close()

    def test_what_was_not_sent_when_it_is_cut_off_is_no_job(self):
        """Redis is at one commit when the grace time ends, and another waits for it; an upload that has to be taken
        away keeps the server long enough for Redis to come back."""
        stack = Stack(environ={"GEOSLUICE_SERVER_GRACE_S": "1", "GEOSLUICE_SERVER_THREADS": "1"}, start=("server",))
        try:
            large, first, second = (self.client(stack.address) for _ in range(3))
            large.send(upload(LARGE))
            large.send(LARGE[:1_000_000])
            until(lambda: stack.redis("EXISTS", "gs:{p0}:staging"), "the upload has begun")
            os.kill(stack.pid("redis"), signal.SIGSTOP)
            for client in (first, second):
                client.send(upload(BODY, "content-crs: EPSG:4326") + BODY)
                self.assertEqual(stack.get("/healthz").status, 200)     # it is at its end
            process = stack.running.pop("server")
            process.terminate()
            until(lambda: stack.log("server").count("status=0") == 3, "all are cut off")
            os.kill(stack.pid("redis"), signal.SIGCONT)
            self.assertEqual(process.wait(PATIENCE_S), 0, stack.log("server"))
            for client in (large, first, second):
                self.assertTrue(client.hung_up())
            self.assertEqual(stack.redis("XLEN", "gs:{p0}:jobs"), 1)
            for kind in ("seen", "raw", "job"):
                self.assertEqual(sum(":%s:" % kind in k for k in stack.redis.keys()), 1, kind)
        finally:
            stack.close()


class Rolling(unittest.TestCase):
    RESTARTS = 4

    def test_a_rolling_restart_under_load(self):
        """
        Each server is replaced by the next on the same port, the new one ready before the old one is told to end.
        Clients of both kinds go on: some connect anew for each document, some keep their connection. What
        docs/operations.md allows: a connection on which the client has not had a byte of this answer may be closed,
        and the client sends again, with the same id. Nothing else may fail, and each document is one job.
        """
        stack = Stack(start=("server",))
        port = stack.address[1]
        stack.environ["GEOSLUICE_LISTEN"] = "127.0.0.1:%d" % port
        done, failures, again, ids = threading.Event(), [], [0], []

        def post(connection, body, signed):
            connection.request("POST", "/v1/ingest/acme", body,
                               dict(signed, **{"content-type": "application/geo+json"}))
            response = connection.getresponse()
            return response.status, response.read()

        def load(keeps):
            connection = None
            while not done.is_set():
                signed = sign("acme", BODY)
                for attempt in range(3):
                    try:
                        connection = connection or http.client.HTTPConnection(*stack.address, timeout=PATIENCE_S)
                        status, answer = post(connection, BODY, signed)
                        break
                    except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError,
                            ConnectionRefusedError) as e:
                        again[0] += 1
                        connection = None
                        status, answer = None, repr(e)
                if status != 202:
                    failures.append((status, answer))
                    return
                ids.append((signed["webhook-id"], json.loads(answer)["jobID"]))
                if not keeps:
                    connection.close()
                    connection = None

        threads = [threading.Thread(target=load, args=(i % 2 == 0,)) for i in range(6)]
        try:
            for t in threads:
                t.start()
            for _ in range(self.RESTARTS):
                before = len(ids)
                until(lambda: len(ids) > before + 100 or failures, "documents go in")
                old = stack.running.pop("server")
                stack.start("server", ready=False)
                old.terminate()
                self.assertEqual(old.wait(PATIENCE_S), 0)
            before = len(ids)
            until(lambda: len(ids) > before + 100 or failures, "documents go in")
            done.set()
            for t in threads:
                t.join()
            self.assertEqual(failures, [])
            self.assertEqual(len(ids), len({job for _, job in ids}))
            self.assertEqual(stack.redis("XLEN", "gs:{p0}:jobs"), len(ids))
            self.assertLessEqual(again[0], self.RESTARTS * len(threads))
        finally:
            done.set()
            for t in threads:
                t.join()
            stack.close()


if __name__ == "__main__":
    unittest.main()
