"""While Redis syncs its file, large bodies wait where small documents come, and not for ever."""
import contextlib
import os
import re
import threading
import time
import unittest

from harness import BUILD, PATIENCE_S, ROOT, SOUND, Stack, collection, sign, until
from raw_client import RawClient

SMALL = collection(SOUND)
SEGMENT = 16384
LARGE = collection(SOUND) + b" " * (400 * SEGMENT)


class OnASlowDisk(Stack):
    """Redis has a disk whose syncs hang while there is `hangs`."""

    def _spawn(self, name, argv):
        self.hangs = os.path.join(self.dir, "hangs")
        if name == "redis":     # the others may be sanitised, and are not for preloading
            library = os.path.join(ROOT, BUILD, "tests", "slow_disk.so")
            if not os.path.exists(library):
                raise AssertionError("make %s" % library)
            argv = ["env", "LD_PRELOAD=" + library, "SLOW_DISK=" + self.hangs] + argv
        super()._spawn(name, argv)

    def hang(self):
        """Returns when there is a sync that hangs."""
        open(self.hangs, "w").close()

        def syncs():
            self.redis("INCR", "written")
            return self.redis.info("aof_pending_bio_fsync") == "1"
        until(syncs, "Redis syncs its file")
        self.redis("DEL", "written")

    def recover(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.hangs)


class Pacing(unittest.TestCase):
    def setUp(self):
        self.stack = OnASlowDisk(start=("server",), environ={
            "GEOSLUICE_SERVER_SEGMENT_BYTES": str(SEGMENT), "GEOSLUICE_SERVER_COMPRESS_SEGMENTS": "never",
            "GEOSLUICE_SERVER_WINDOW_SEGMENTS": "64"})
        self.addCleanup(self.stack.close)
        self.addCleanup(self.stack.recover)
        self.over = threading.Event()
        self.addCleanup(self.over.set)

    def upload(self):
        """Sends LARGE, a segment and more every few milliseconds: it takes many of the server's ticks."""
        client = RawClient(self.stack.address, PATIENCE_S)
        headers = dict({"content-type": "application/geo+json", "content-length": str(len(LARGE))},
                       **sign("acme", LARGE))
        client.send(("POST /v1/ingest/acme HTTP/1.1\r\nhost: localhost\r\n"
                     + "".join("%s: %s\r\n" % h for h in headers.items()) + "\r\n").encode())
        for at in range(0, len(LARGE), SEGMENT):
            client.send(LARGE[at:at + SEGMENT])
            self.over.wait(0.01)
        self.answer = client.answer()
        client.close()

    def stalls(self):
        return int(re.search(r"^geosluice_upload_stalls_total (\d+)", self.stack.get("/metrics").body.decode(),
                             re.M).group(1))

    def in_background(self, what):
        thread = threading.Thread(target=what, daemon=True)
        thread.start()
        self.addCleanup(thread.join, PATIENCE_S)
        return thread

    def uploading(self):
        """The stream of the body that has more than one segment."""
        return next((k for k in self.stack.redis.keys()
                     if k.startswith("gs:{p0}:raw:") and self.stack.redis("XLEN", k) > 1), None)

    def test_large_bodies_wait_for_a_while_and_small_ones_do_not(self):
        refused, count = [], [0]

        def small_ones():
            while not self.over.wait(0.02):
                answer = self.stack.post("acme", SMALL)
                count[0] += answer.status == 202
                if answer.status != 202:
                    refused.append(answer)

        small = self.in_background(small_ones)
        until(lambda: count[0] > 0, "small documents come")
        self.stack.hang()
        large = self.in_background(self.upload)
        raw = until(self.uploading, "the large body comes")

        def stored():
            return self.stack.redis("XLEN", raw)
        seen = [0, 0, 0]

        def held():
            if stored() > seen[0]:
                seen[:] = [stored(), time.monotonic(), count[0]]
            return time.monotonic() - seen[1] > 1
        until(held, "the large body waits for a second")
        self.assertLess(seen[0], len(LARGE) // SEGMENT)
        self.assertGreater(self.stalls(), 0)
        self.assertGreater(count[0], seen[2] + 2)
        self.assertEqual(self.stack.redis.info("aof_pending_bio_fsync"), "1")
        until(lambda: stored() > seen[0] + 20, "the large body goes on, for the sync takes too long")
        self.assertEqual(self.stack.redis.info("aof_pending_bio_fsync"), "1")
        self.stack.recover()
        large.join(PATIENCE_S)
        self.assertEqual(self.answer[0], 202, self.answer)
        self.over.set()
        small.join(PATIENCE_S)
        self.assertEqual(refused, [])

    def test_nobody_waits_where_nothing_small_comes(self):
        self.stack.hang()
        large = self.in_background(self.upload)
        large.join(PATIENCE_S)
        self.assertEqual(self.answer[0], 202, self.answer)
        self.assertEqual(self.stalls(), 0)
        self.assertEqual(self.stack.redis.info("aof_pending_bio_fsync"), "1")
        job = re.search(r"[^/]+$", self.answer[1]["location"]).group(0)
        self.assertEqual(self.stack.redis("XLEN", "gs:{p0}:raw:" + job), len(LARGE) // SEGMENT + 1)


if __name__ == "__main__":
    unittest.main()
