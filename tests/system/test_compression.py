"""Segments compressed on their way into Redis: whole documents come back, after kills too; scripts lost in a commit."""
import itertools
import json
import random
import re
import threading
import time
import unittest

from harness import PATIENCE_S, Stack, children, kill, mixed, sign, until
from raw_client import RawClient

N = 30000
BODY, REJECTED = mixed(N)
SMALL, SMALL_REJECTED = mixed(20)


class Compressed(unittest.TestCase):
    def setUp(self):
        self.stack = Stack(environ={"GEOSLUICE_SERVER_COMPRESS_SEGMENTS": "always",
                                    "GEOSLUICE_WORKER_CHUNK_FEATURES": "200"})
        self.addCleanup(self.stack.close)

    def segments(self, job):
        """(bytes, length that z says or None) of each."""
        found = []
        for _, flat in self.stack.redis("XRANGE", "gs:{p0}:raw:" + job, "-", "+"):
            fields = dict(zip(flat[::2], flat[1::2]))
            found.append((len(fields[b"d"]), int(fields[b"z"]) if b"z" in fields else None))
        return found

    def field(self, job, name):
        return self.stack.redis("HGET", "gs:{p0}:job:" + job, name)

    def check(self, info, n, rejected):
        self.assertEqual(info["status"], "successful", info)
        self.assertEqual((info["counts"]["features"], info["counts"]["rejected"]), (n, rejected))

    def test_a_large_document_is_small_in_redis_and_whole_when_read(self):
        job, info = self.stack.run("acme", BODY, delivery="whole")
        self.check(info, N, REJECTED)
        parts = self.segments(job)
        self.assertGreater(len(parts), 3)
        self.assertTrue(all(z for _, z in parts))
        self.assertEqual(sum(z for _, z in parts), len(BODY))
        self.assertLess(sum(n for n, _ in parts), len(BODY) / 2)
        self.assertEqual(self.field(job, "v"), b"2")
        self.assertEqual(int(self.field(job, "held")), sum(n for n, _ in parts))
        again = self.stack.post("acme", BODY, signed=sign("acme", BODY, "whole", at=time.time() - 9))
        self.assertEqual((again.status, again.json()["jobID"]), (202, job))

    def test_a_small_one_too_and_its_redelivery_is_known(self):
        signed = sign("acme", SMALL)
        first = self.stack.post("acme", SMALL, signed=signed)
        again = self.stack.post("acme", SMALL, signed=signed)
        self.assertEqual((first.status, again.status), (202, 202))
        job = first.json()["jobID"]
        self.assertEqual(again.json()["jobID"], job)
        self.check(self.stack.wait_for(job), 20, SMALL_REJECTED)
        self.assertEqual([z for _, z in self.segments(job)], [len(SMALL)])
        other = self.stack.post("acme", BODY[:3000], signed=sign("acme", BODY[:3000], signed["webhook-id"]))
        self.assertEqual(other.status, 422)
        self.assertEqual(self.stack.redis("ZCARD", "gs:{p0}:index"), 1)
        self.assertEqual([k for k in self.stack.redis.keys() if ":raw:" in k], ["gs:{p0}:raw:" + job])

    def test_a_worker_killed_on_the_way(self):
        job = self.stack.post("acme", BODY).json()["jobID"]
        until(lambda: int(self.field(job, "chunk") or 0) >= 2, "some chunks are done")
        kill(children(self.stack.pid("worker")))
        self.check(self.stack.wait_for(job), N, REJECTED)

    def test_a_torn_frame_ends_the_job_in_words(self):
        self.stack.kill("worker")
        job = self.stack.post("acme", BODY).json()["jobID"]
        key = "gs:{p0}:raw:" + job
        *whole, (last, flat) = self.stack.redis("XRANGE", key, "-", "+")
        fields = dict(zip(flat[::2], flat[1::2]))
        self.stack.redis("DEL", key)
        for name, values in whole:
            self.stack.redis("XADD", key, name, *values)
        self.stack.redis("XADD", key, last, "d", fields[b"d"][:-7], "z", fields[b"z"])
        self.stack.start("worker")
        info = self.stack.wait_for(job)
        self.assertEqual(info["status"], "failed")
        self.assertIn("BODY_LOST", str(info))


class LostScripts(unittest.TestCase):
    """A Redis that loses its scripts while it runs: commits are made once, whatever form they have."""

    def test_commits_go_on(self):
        stack = Stack(start=("server", "worker"))
        self.addCleanup(stack.close)
        for n, body in enumerate((SMALL, mixed(3000)[0], SMALL)):
            stack.redis("SCRIPT", "FLUSH")
            signed = sign("acme", body)
            answer = stack.post("acme", body, signed=signed)
            self.assertEqual(answer.status, 202, answer)
            self.assertEqual(stack.wait_for(answer.json()["jobID"])["status"], "successful")
            self.assertEqual(stack.post("acme", body, signed=signed).json()["jobID"], answer.json()["jobID"])
            self.assertEqual(stack.redis("ZCARD", "gs:{p0}:index"), n + 1)
        self.assertEqual(int(stack.redis("HGET", "gs:{p0}:room", "queued:acme")), 0)
        self.assertTrue(re.search("event=request", stack.log("server")))


class AsTheyCome(unittest.TestCase):
    """Bytes that are read straight into a segment are those that were sent, wherever the reads and the segments end."""

    SEGMENT = 65536

    def setUp(self):
        self.stack = Stack(start=("server",), environ={
            "GEOSLUICE_SERVER_COMPRESS_SEGMENTS": "never", "GEOSLUICE_SERVER_THREADS": "1",
            "GEOSLUICE_SERVER_SEGMENT_BYTES": str(self.SEGMENT), "GEOSLUICE_SERVER_WINDOW_SEGMENTS": "2"})
        self.addCleanup(self.stack.close)

    def stored(self, job):
        entries = self.stack.redis("XRANGE", "gs:{p0}:raw:" + job, "-", "+")
        self.assertTrue(all(len(fields[1]) == self.SEGMENT for _, fields in entries[:-1]))
        return b"".join(fields[1] for _, fields in entries)

    def test_uploads_in_one_stream(self):
        rng, bodies = random.Random(7), []
        for segments, more in itertools.product((1, 2, 5, 20), (-1, 0, 1, 777)):
            bodies.append(rng.randbytes(segments * self.SEGMENT + more))
        client = RawClient(self.stack.address, PATIENCE_S)
        self.addCleanup(client.close)

        def send():
            for i, body in enumerate(bodies):
                headers = dict(sign("acme", body), **{"content-type": "application/geo+json", "host": "x",
                                                      "content-length": len(body)})
                head = "POST /v1/ingest/acme HTTP/1.1\r\n" + "".join("%s: %s\r\n" % h for h in headers.items())
                whole = head.encode() + b"\r\n" + body + b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
                for at in range(0, len(whole), (10 ** 9, 5000, 65536, 40001)[i % 4]):
                    client.send(whole[at:at + (10 ** 9, 5000, 65536, 40001)[i % 4]])
        sender = threading.Thread(target=send)
        sender.start()
        for body in bodies:
            status, _, text = client.answer()
            self.assertEqual(status, 202, text)
            self.assertEqual(self.stored(json.loads(text)["jobID"]), body)
            self.assertEqual(client.answer()[0], 200)
        sender.join()

    def test_a_client_that_stops_in_the_middle(self):
        body = bytes(20 * self.SEGMENT)
        for part in (self.SEGMENT + 1, 10 * self.SEGMENT, 20 * self.SEGMENT - 1):
            client = RawClient(self.stack.address, PATIENCE_S)
            client.send("".join("%s\r\n" % line for line in (
                "POST /v1/ingest/acme HTTP/1.1", "host: x", "content-type: application/geo+json",
                "content-length: %d" % len(body), *("%s: %s" % h for h in sign("acme", body).items()), "")).encode()
                + body[:part])
            until(lambda: any(":raw:" in k for k in self.stack.redis.keys()), "its segments come")
            client.vanish()
            until(lambda: not any(":raw:" in k for k in self.stack.redis.keys()), "nothing of it is left")


if __name__ == "__main__":
    unittest.main()
