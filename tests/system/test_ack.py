"""Acknowledgement levels: what a source asks for is reached and named, or refused; never lowered in silence."""
import contextlib
import hashlib
import hmac
import os
import random
import re
import signal
import subprocess
import threading
import unittest

from harness import BUILD, PATIENCE_S, REDIS_SERVER, SOUND, Redis, Stack, StackTest, collection, mixed, sign, until

BODY = collection(SOUND)
SAFE = """
[source safe]
scheme = standard-webhooks
secret = whsec_dGhlIGtleSBvZiBhY21lLCAzMiBieXRlcyBsb25nLi4=
ack = aof
[source twin]
secret = whsec_dGhlIGtleSBvZiBhY21lLCAzMiBieXRlcyBsb25nLi4=
ack = replica
[source plain]
scheme = generic
secret = open
ack = replica
"""
SECRET = "whsec_dGhlIGtleSBvZiBhY21lLCAzMiBieXRlcyBsb25nLi4="


def redis_version():
    text = subprocess.run([REDIS_SERVER, "--version"], capture_output=True, check=True).stdout.decode()
    return tuple(map(int, re.search(r"v=(\d+)\.(\d+)", text).groups()))


class Ack(unittest.TestCase):
    check_problem = StackTest.check_problem

    def stack_with(self, sources, always=False, start=("server",), ack="memory"):
        stack = Stack(sources, start=(), environ={
            "GEOSLUICE_REDIS_ACK_TIMEOUT_MS": "1500", "GEOSLUICE_SOURCE_ACME_ACK": ack,
            "GEOSLUICE_SERVER_THREADS": "1"})   # each notices a change of Redis's settings by itself
        self.addCleanup(stack.close)
        if always:
            stack.redis("CONFIG", "SET", "appendfsync", "always")
        for name in start:
            stack.start(name)
        return stack

    def post(self, stack, source, delivery=None, body=BODY):
        return stack.post(source, body, signed=sign(source, body, delivery=delivery, secret=SECRET))

    def reached(self, stack, answer, level):
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual(answer.json()["acknowledged"], level)
        self.assertEqual(stack.job(answer.json()["jobID"])["acknowledged"], level)
        return answer.json()["jobID"]

    def unavailable(self, answer):
        self.assertEqual(self.check_problem(answer, 503)["code"], "ACK_UNAVAILABLE")
        self.assertTrue(answer.headers["retry-after"].isdigit())
        return answer.json()["detail"]

    @unittest.skipIf(redis_version() >= (7, 2), "this Redis has WAITAOF")
    def test_a_level_that_can_never_be_had_stops_the_start(self):
        stack = self.stack_with(SAFE, start=())
        done = subprocess.run([os.path.join(BUILD, "geosluice-server"), "--config", stack.config], capture_output=True,
                              timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"[source safe] ack = aof cannot be had", done.stderr)

    def test_appendfsync_always(self):
        stack = self.stack_with(SAFE, always=True)
        self.reached(stack, self.post(stack, "safe"), "aof")
        self.reached(stack, stack.post("acme", BODY), "aof")    # more than was asked for is named too
        stack.redis("CONFIG", "SET", "appendfsync", "no")
        until(lambda: self.post(stack, "safe").status == 503, "the change is noticed")
        self.unavailable(self.post(stack, "safe"))
        self.reached(stack, stack.post("acme", BODY), "memory")
        self.assertEqual(stack.get("/readyz").status, 200)
        stack.redis("CONFIG", "SET", "appendfsync", "always")
        until(lambda: self.post(stack, "safe").status == 202, "the change is noticed")

    @unittest.skipUnless(redis_version() >= (7, 2), "WAITAOF needs Redis 7.2; name one by REDIS_SERVER")
    def test_waitaof(self):
        stack = self.stack_with(SAFE)
        self.reached(stack, self.post(stack, "safe"), "aof")
        self.reached(stack, stack.post("acme", BODY), "memory")
        big = BODY + b" " * 3_000_000
        self.reached(stack, self.post(stack, "safe", body=big), "aof")
        begun = int(stack.redis("GET", "gs:{p0}:barrier"))
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.post(stack, "safe"))) for _ in range(40)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual([a.status for a in answers], [202] * 40)
        waits = int(stack.redis("GET", "gs:{p0}:barrier")) - begun
        self.assertLess(waits, 40)      # they share them
        stack.redis("CONFIG", "SET", "appendonly", "no")
        until(lambda: self.post(stack, "safe").status == 503, "the change is noticed")
        self.unavailable(self.post(stack, "safe"))

    def another_redis(self, stack, name, *more):
        """Its process, and a connection to it."""
        where = os.path.join(stack.dir, name)
        os.mkdir(where)
        stack._spawn(name, [REDIS_SERVER, "--port", "0", "--unixsocket", where + "/redis.sock", "--dir", where,
                            "--save", "", *more])
        self.addCleanup(lambda: name in stack.running and stack.stop(name))

        def connect():
            with contextlib.suppress(OSError):
                return Redis(where + "/redis.sock")
            return None
        redis = until(connect, "it listens")
        self.addCleanup(redis.close)
        return stack.running[name], redis

    def replica(self, stack, *more, of=None, name="replica"):
        """A replica of the stack's Redis, or of another: its process."""
        of = of or stack.redis
        of("CONFIG", "SET", "repl-diskless-sync-delay", "0")
        port = of.listen()
        process, _ = self.another_redis(stack, name, "--replicaof", "127.0.0.1 %d" % port, *more)
        until(lambda: b"state=online" in of("INFO", "replication"), "the replica follows")
        return process

    def test_replica(self):
        stack = self.stack_with(SAFE, always=True)
        self.unavailable(self.post(stack, "twin"))      # there is none yet
        self.assertEqual(stack.redis.keys(), [k for k in stack.redis.keys() if "barrier" in k])
        replica = self.replica(stack)
        until(lambda: self.post(stack, "twin").status == 202, "the replica is noticed")
        self.reached(stack, self.post(stack, "twin"), "replica")
        replica.send_signal(signal.SIGSTOP)
        answer = self.post(stack, "twin", "once")
        words = self.unavailable(answer)
        job = re.search(r"job (\S+),", words).group(1)  # it is there, and says how far it came
        self.assertIn("is answered with this job", words)
        self.assertEqual(answer.headers["location"], "/v1/jobs/" + job)
        self.assertEqual(stack.job(job)["acknowledged"], "aof")
        answer = self.post(stack, "twin", "once")       # still out of reach: the same job, no second one
        self.assertIn(job, self.unavailable(answer))
        self.assertEqual(answer.headers["location"], "/v1/jobs/" + job)
        jobs = stack.redis("XLEN", "gs:{p0}:jobs")
        plain = {"x-signature": hmac.new(b"open", BODY, hashlib.sha256).hexdigest()}
        answer = stack.post("plain", BODY, signed=plain)
        self.assertIn("sent again, it is another job", self.unavailable(answer))
        self.assertNotEqual(answer.headers["location"], "/v1/jobs/" + job)
        self.assertEqual(stack.redis("XLEN", "gs:{p0}:jobs"), jobs + 1)
        replica.send_signal(signal.SIGCONT)
        again = until(lambda: (a := self.post(stack, "twin", "once")).status == 202 and a, "the replica is back")
        self.assertEqual(self.reached(stack, again, "replica"), job)
        self.reached(stack, self.post(stack, "safe"), "aof")

    def test_another_primary_s_replica_proves_nothing(self):
        """While it fails over, the connection that waits is the first to be at the new primary."""
        stack = self.stack_with("", ack="replica")
        replica = self.replica(stack)

        def who_waits():
            self.post(stack, "acme")
            found = re.search(r"^id=(\d+) .* cmd=wait ", stack.redis("CLIENT", "LIST").decode(), re.M)
            return found and found.group(1)
        waits = until(who_waits, "the connection that waits is seen")
        until(lambda: self.post(stack, "acme").status == 202, "the replica is noticed")
        _, heir = self.another_redis(stack, "heir", "--appendonly", "yes")
        self.replica(stack, of=heir, name="heirs-replica")
        replica.send_signal(signal.SIGSTOP)
        os.rename(os.path.join(stack.dir, "heir", "redis.sock"), os.path.join(stack.dir, "redis.sock"))
        stack.redis("CLIENT", "KILL", "ID", waits)
        until(lambda: re.search(r" cmd=(ping|role) ", heir("CLIENT", "LIST").decode()), "it has reconnected")
        answer = self.post(stack, "acme")
        self.unavailable(answer)
        self.assertFalse([k for k in heir.keys() if ":job:" in k])
        replica.send_signal(signal.SIGCONT)

    def test_a_reload_does_not_ask_another_redis(self):
        """What a replica of the one has says nothing of a job on the other."""
        stack, other = self.stack_with(""), self.stack_with("", start=())
        here = self.replica(stack)
        self.replica(other)
        until(lambda: stack.redis("WAIT", "1", "100") == 1, "the replica has all")
        here.send_signal(signal.SIGSTOP)
        with open(stack.config) as f:
            settings = f.read()
        with open(stack.config, "w") as f:
            f.write(settings.replace(stack.dir, other.dir) + SAFE.replace("aof", "memory"))
        os.kill(stack.pid("server"), signal.SIGHUP)
        until(lambda: "event=reload_needs_restart" in stack.log("server") and "event=reloaded" in stack.log("server"),
              "the server says so")
        self.unavailable(until(lambda: (a := self.post(stack, "twin")).status != 404 and a, "the source is there"))
        self.assertEqual(other.redis.keys(), [])
        here.send_signal(signal.SIGCONT)

    def test_a_primary_that_dies_takes_nothing_that_a_replica_was_said_to_have(self):
        """Documents keep coming while the primary is killed and the replica takes its place."""
        stack = self.stack_with("", ack="replica")
        replica = self.replica(stack, "--appendonly", "yes")
        until(lambda: self.post(stack, "acme").status == 202, "the replica is noticed")
        for name in ("worker", "courier"):
            stack.start(name)
        said, over = [], threading.Event()

        def keep_posting(sender):
            rng = random.Random(sender)
            while not over.is_set():
                body, rejected = mixed(rng.choice((1, 10, 300)))
                try:
                    answer = self.post(stack, "acme", body=body)
                except OSError:
                    continue
                if answer.status == 202:
                    said.append((answer.json(), body.count(b'"Feature"'), rejected))

        threads = [threading.Thread(target=keep_posting, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        try:
            until(lambda: len(said) > 60, "documents come in")
            stack.kill("redis")
            heir = Redis(os.path.join(stack.dir, "replica", "redis.sock"))
            heir("REPLICAOF", "NO", "ONE")
            os.rename(os.path.join(stack.dir, "replica", "redis.sock"), os.path.join(stack.dir, "redis.sock"))
            until(lambda: stack.get("/readyz").status == 200, "the replica has taken over")
        finally:
            over.set()
            for t in threads:
                t.join()
        self.assertIsNone(replica.poll())
        for answer, features, rejected in said:
            self.assertEqual(answer["acknowledged"], "replica")
            info = stack.wait_for(answer["jobID"])
            self.assertEqual((info["status"], info["counts"]["features"], info["counts"]["rejected"]),
                             ("successful", features, rejected), info)
            lines = stack.get("/v1/jobs/%s/results" % answer["jobID"], "application/geo+json-seq").lines()
            self.assertEqual(len(lines), features - rejected)
            until(lambda job=answer["jobID"]: stack.job(job).get("callback", {}).get("outcome") == "delivered",
                  "the callback came")
            self.assertEqual(len({c.headers["webhook-id"] for c in stack.receiver.about(answer["jobID"])}), 1)


if __name__ == "__main__":
    unittest.main()
