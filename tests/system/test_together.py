"""Small documents that end in one turn of the server's loop, or while Redis is at others, are committed together: each
has its own verdict."""
import os
import re
import signal
import unittest

from harness import PATIENCE_S, SOUND, SANITISED, Stack, collection, sign, until
from raw_client import RawClient

BODY, OTHER = collection(SOUND), collection(SOUND) + b" "
COUNT = 40      # more than go into one transaction
SOURCES = "[source second]\nscheme = standard-webhooks\nsecret = whsec_dGhlIGtleSBvZiBhY21lLCAzMiBieXRlcyBsb25nLi4=\n"
SECRET = "whsec_dGhlIGtleSBvZiBhY21lLCAzMiBieXRlcyBsb25nLi4="


def request(source, delivery, body):
    headers = dict({"host": "localhost", "content-type": "application/geo+json", "content-length": str(len(body))},
                   **sign(source, body, delivery=delivery, secret=SECRET))
    return ("POST /v1/ingest/%s HTTP/1.1\r\n" % source + "".join("%s: %s\r\n" % h for h in headers.items())
            + "\r\n").encode() + body


class Together(unittest.TestCase):
    def setUp(self):
        self.stack = Stack(SOURCES, start=("server",), environ={"GEOSLUICE_SERVER_THREADS": "1"})
        self.addCleanup(self.stack.close)

    def at_once(self, posts, meanwhile=lambda: None):
        """The answers to (source, delivery, body), all of which the server finds when it wakes up."""
        clients = [RawClient(self.stack.address, PATIENCE_S) for _ in posts]
        for client in clients:      # the server has accepted them all
            client.send(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
            self.assertEqual(client.answer()[0], 200)
        os.kill(self.stack.pid("server"), signal.SIGSTOP)
        try:
            for client, post in zip(clients, posts):
                client.send(request(*post))
            meanwhile()
        finally:
            os.kill(self.stack.pid("server"), signal.SIGCONT)
        answers = [client.answer() for client in clients]
        for client in clients:
            client.close()
        return answers

    def holds(self, jobs, sizes):
        """So many jobs, and nothing else, and room for their bytes."""
        redis = self.stack.redis
        self.assertEqual(redis("XLEN", "gs:{p0}:jobs"), len(jobs))
        self.assertEqual(redis("ZCARD", "gs:{p0}:index"), len(jobs))
        for kind in ("raw", "job"):
            self.assertEqual({k.rsplit(":", 1)[1] for k in redis.keys() if ":%s:" % kind in k}, set(jobs))
        for job in jobs:
            self.assertTrue(redis("HGET", "gs:{p0}:job:" + job, "message"))
        for source, size in sizes.items():
            self.assertEqual(int(redis("HGET", "gs:{p0}:room", "queued:" + source)), size)

    def transactions(self):
        """But for those in which the server looks at Redis, twice a second: each has one PING."""
        flat = self.stack.redis("INFO", "commandstats").decode()
        calls = dict(re.findall(r"^cmdstat_(\w+):calls=(\d+)", flat, re.M))
        return int(calls.get("exec", 0)) - int(calls.get("ping", 0))

    def test_each_is_a_job(self):
        posts = [(("acme", "second")[i % 3 == 0], "msg_%d" % i, BODY) for i in range(COUNT)]
        answers = self.at_once(posts)
        self.assertEqual([a[0] for a in answers], [202] * COUNT)
        jobs = [a[1]["location"].rsplit("/", 1)[1] for a in answers]
        self.assertEqual(len(set(jobs)), COUNT)
        second = sum(p[0] == "second" for p in posts)
        self.holds(jobs, {"acme": (COUNT - second) * len(BODY), "second": second * len(BODY)})
        if not SANITISED:
            self.assertLess(self.transactions(), COUNT)
        self.assertEqual(set(self.stack.redis("HKEYS", "gs:{p0}:job:" + jobs[0])), {
            b"state", b"segments", b"created", b"updated", b"source", b"held", b"bytes", b"delivery",
            b"message"}, "each field costs as much as a command")

    def test_a_delivery_that_is_there_twice_takes_no_other_along(self):
        posts = [("acme", "msg_%d" % (i % 10), OTHER if i in (15, 28) else BODY) for i in range(30)]
        answers = self.at_once(posts)
        first = {}
        for (_, delivery, body), (status, headers, text) in zip(posts, answers):
            if status == 202:
                job = headers["location"].rsplit("/", 1)[1]
                self.assertEqual(first.setdefault(delivery, (body, job)), (body, job))
        self.assertEqual(len(first), 10)
        for (_, delivery, body), (status, headers, text) in zip(posts, answers):
            self.assertEqual(status, 202 if first[delivery][0] == body else 409, text)
        self.holds([job for _, job in first.values()], {"acme": sum(len(body) for body, _ in first.values())})

    def test_what_ends_while_redis_is_at_it_goes_together(self):
        count = COUNT // 2
        clients = [RawClient(self.stack.address, PATIENCE_S) for _ in range(count)]
        before, redis = self.transactions(), self.stack.pid("redis")
        os.kill(redis, signal.SIGSTOP)
        try:
            for i, client in enumerate(clients):
                client.send(request("acme", "msg_%d" % i, BODY))
                self.assertEqual(self.stack.get("/healthz").status, 200)    # each ends in a turn of its own
        finally:
            os.kill(redis, signal.SIGCONT)
        self.assertEqual([client.answer()[0] for client in clients], [202] * count)
        self.assertEqual(self.transactions() - before, 2, "the first one, and those that came meanwhile")
        for client in clients:
            client.close()

    def test_redis_has_lost_its_scripts(self):
        answers = self.at_once([("acme", "msg_%d" % (i % 20), BODY) for i in range(COUNT)],
                               lambda: self.stack.redis("SCRIPT", "FLUSH"))
        self.assertEqual([a[0] for a in answers], [202] * COUNT)
        jobs = {a[1]["location"].rsplit("/", 1)[1] for a in answers}
        self.assertEqual(len(jobs), 20)
        self.holds(jobs, {"acme": 20 * len(BODY)})

    def test_redis_is_full(self):
        self.assertEqual(self.at_once([("acme", "msg_first", BODY)])[0][0], 202)
        answers = self.at_once([("acme", "msg_%d" % i, BODY) for i in range(COUNT)],
                               lambda: self.stack.redis("CONFIG", "SET", "maxmemory", "1"))
        self.assertEqual({a[0] for a in answers}, {503})
        self.stack.redis("CONFIG", "SET", "maxmemory", "0")
        self.assertEqual(self.stack.redis("XLEN", "gs:{p0}:jobs"), 1)
        self.assertEqual(self.stack.redis("ZCARD", "gs:{p0}:index"), 1)
        self.assertEqual(len([k for k in self.stack.redis.keys() if ":raw:" in k or ":job:" in k]), 2)
        until(lambda: self.stack.get("/readyz").status == 200, "it is ready again")
        answers = self.at_once([("acme", "msg_%d" % i, BODY) for i in range(COUNT)])
        self.assertEqual({a[0] for a in answers}, {202})

    def test_clients_that_leave_meanwhile(self):
        """Their documents are jobs or not, but whole."""
        clients = [RawClient(self.stack.address, PATIENCE_S) for _ in range(COUNT)]
        os.kill(self.stack.pid("redis"), signal.SIGSTOP)
        try:
            for i, client in enumerate(clients):
                client.send(request("acme", "msg_%d" % i, BODY))
                client.close()
        finally:
            os.kill(self.stack.pid("redis"), signal.SIGCONT)
        answers = self.at_once([("acme", "msg_%d" % i, BODY) for i in range(COUNT)])
        self.assertEqual({a[0] for a in answers}, {202})
        self.holds({a[1]["location"].rsplit("/", 1)[1] for a in answers}, {"acme": COUNT * len(BODY)})


if __name__ == "__main__":
    unittest.main()
