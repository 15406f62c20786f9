"""Leases: who is slow keeps its work, who is dead loses it; and what a worker does not understand it leaves."""
import hmac
import json
import os
import random
import resource
import signal
import subprocess
import tempfile
import time
import unittest

from harness import BUILD, PATIENCE_S, SOUND, Stack, StackTest, children, collection, feature, polygon, until


def scribbles(n):
    """Features that take a good tenth of a second each: rings that cross themselves thousands of times."""
    pick = random.Random(7)
    made = []
    for i in range(n):
        ring = [[pick.uniform(-80, 80), pick.uniform(-80, 80)] for _ in range(400)]
        made.append(feature(polygon([ring + ring[:1]]), i))
    return made


def measure():
    """What a scribble takes here, in seconds of CPU; and how many times as long it takes by the clock."""
    sample, before, began = 8, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, time.monotonic()
    with tempfile.NamedTemporaryFile(suffix=".geojson") as f:
        f.write(collection(*scribbles(sample)))
        f.flush()
        subprocess.run([os.path.join(BUILD, "geosluice"), "check", f.name], stdout=subprocess.DEVNULL, check=False)
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    return used / sample, max(1, (time.monotonic() - began) / used)


# Leases are longer where others use the machine, too: who renews them waits for its turn.
SCRIBBLE_S, TIMES = measure()
LEASE_MS = int(1500 * min(TIMES, 2.5))
SCRIBBLES = 8 + int(3 * LEASE_MS / 1000 * 1.8 / SCRIBBLE_S)     # more than three leases, if nobody else does
SETTINGS = {"GEOSLUICE_WORKER_LEASE_MS": str(LEASE_MS), "GEOSLUICE_WORKER_FEATURE_TIMEOUT_MS": str(LEASE_MS - 100),
            "GEOSLUICE_WORKER_PROCESSES": "2", "GEOSLUICE_WORKER_SPLIT_BYTES": str(1 << 30)}


class Unknown(unittest.TestCase):
    """A source that no worker knows yet: its documents wait max_deliveries leases for one that does."""

    LATE = "[source late]\nscheme = github\nsecret = open sesame\n"

    def test_a_redis_that_comes_and_goes_does_not_shorten_that(self):
        stack = Stack(self.LATE, start=("server",), environ={"GEOSLUICE_WORKER_PROCESSES": "1"})
        self.addCleanup(stack.close)
        body = collection(SOUND)
        answer = stack.post("late", body, signed={
            "x-hub-signature-256": "sha256=" + hmac.new(b"open sesame", body, "sha256").hexdigest()})
        self.assertEqual(answer.status, 202, answer)
        job = "gs:{p0}:job:" + answer.json()["jobID"]
        with open(stack.config) as f:
            known = f.read()
        with open(stack.config, "w") as f:
            f.write(known.replace(self.LATE, ""))
        stack.start("worker")
        until(lambda: "source_unknown" in stack.log("worker"), "the worker has met it")
        for _ in range(8):      # within two leases
            stack.redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            time.sleep(0.5)
        self.assertEqual(stack.redis("HGET", job, "state"), b"running")
        self.assertLess(int(stack.redis("HGET", job, "attempts")), 4)


class Slow(unittest.TestCase):
    check_counts = StackTest.check_counts

    def stack(self, **environ):
        stack = Stack(environ=dict(SETTINGS, **environ))
        self.addCleanup(stack.close)
        return stack

    def outlives(self, stack, job):
        """Waits for its end; it has to come several leases after its beginning."""
        info = stack.wait_for(job, 8 * PATIENCE_S)
        self.assertEqual(info["status"], "successful", info)
        self.check_counts(info, SCRIBBLES)
        began, ended = (int(stack.redis("HGET", "gs:{p0}:job:" + job, f)) for f in ("started", "finished"))
        self.assertGreater(ended - began, 3 * LEASE_MS)

    def test_a_job_that_outlives_its_lease_is_not_stolen(self):
        stack = self.stack()
        job = stack.post("acme", collection(*scribbles(SCRIBBLES))).json()["jobID"]
        self.outlives(stack, job)
        self.assertEqual(stack.redis("HGET", "gs:{p0}:job:" + job, "attempts"), b"1")
        self.assertNotIn("_let_go", stack.log("worker"))

    def idle_ms(self, stack, stream):
        """For how long the entry of `stream` that is longest in hand was not renewed: past a lease it is anybody's."""
        held = stack.redis("XPENDING", "gs:{p0}:" + stream, "workers", "-", "+", "10")
        return max([0] + [entry[2] for entry in held])

    def test_a_chunk_that_outlives_its_lease_is_not_stolen(self):
        """One process alone has all of it in hand, and nobody is there to steal it: so its entry is looked at."""
        stack = self.stack(GEOSLUICE_WORKER_SPLIT_BYTES="1", GEOSLUICE_WORKER_PROCESSES="1")
        parts, taken, idle = "gs:{p0}:parts:", set(), []
        job = stack.post("acme", collection(*scribbles(SCRIBBLES))).json()["jobID"]

        def ended():
            for field in range(3):
                note = stack.redis("HGET", parts + job, "c%d" % field)
                if note:
                    taken.add((field, note))
            if stack.redis("HGET", parts + job, "0"):
                idle.append(self.idle_ms(stack, "chunks"))
            return stack.job(job)["status"] not in ("accepted", "running")

        until(ended, "it ends", 8 * PATIENCE_S)
        self.outlives(stack, job)
        self.assertTrue(taken)
        self.assertEqual(len(taken), len({field for field, _ in taken}), "each was taken once: %r" % taken)
        self.assertNotIn("_let_go", stack.log("worker"))
        self.assertLess(max(idle), 2 * LEASE_MS)    # a machine with other things to do may be late

    def test_a_split_that_outlives_its_lease_is_not_stolen(self):
        """While its chunks may not be out there is nothing to cut, and who cuts works on them."""
        stack = self.stack(GEOSLUICE_WORKER_SPLIT_BYTES="1", GEOSLUICE_WORKER_PROCESSES="1",
                           GEOSLUICE_WORKER_CHUNKS_OUTSTANDING="1",
                           GEOSLUICE_WORKER_CHUNK_FEATURES=str(SCRIBBLES // 2))
        idle, seen_s = [], []
        job = stack.post("acme", collection(*scribbles(SCRIBBLES))).json()["jobID"]

        def ended():
            held = self.idle_ms(stack, "splits")
            if stack.redis("HGET", "gs:{p0}:job:" + job, "split") == b"open":
                idle.append(held)
                seen_s.append(time.monotonic())
            return stack.job(job)["status"] not in ("accepted", "running")

        until(ended, "it ends", 8 * PATIENCE_S)
        self.outlives(stack, job)
        self.assertGreater(seen_s[-1] - seen_s[0], 3 * LEASE_MS / 1000)
        self.assertLess(max(idle), 2 * LEASE_MS)
        self.assertNotIn("_let_go", stack.log("worker"))

    def test_a_job_whose_worker_is_frozen_is_taken_over(self):
        """It is slow beyond all measure: another has it then, and what the first still writes counts for nothing."""
        stack = self.stack()
        job = stack.post("acme", collection(*scribbles(SCRIBBLES))).json()["jobID"]
        key = "gs:{p0}:job:" + job
        holder = until(lambda: stack.redis("HGET", key, "worker"), "somebody has it")
        old = stack.running.pop("worker")
        frozen = [old.pid] + children(old.pid)
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            stack.start("worker")
            until(lambda: stack.redis("HGET", key, "worker") != holder, "another one has it")
        finally:
            for pid in reversed(frozen):    # a supervisor that wakes ends whoever was too long at a feature
                os.kill(pid, signal.SIGCONT)
        info = stack.wait_for(job, 8 * PATIENCE_S)
        old.terminate()
        self.assertEqual(old.wait(PATIENCE_S), 0)
        self.assertEqual(info["status"], "successful", info)
        self.check_counts(info, SCRIBBLES)
        self.assertNotEqual(stack.redis("HGET", key, "worker"), holder)
        self.assertGreaterEqual(int(stack.redis("HGET", key, "attempts")), 2)   # more, if the other had no time for it


class NextVersion(unittest.TestCase):
    """A worker of the next version beside one of this; the test is that worker."""

    NEWER = "4"

    def setUp(self):
        self.stack = Stack(environ=SETTINGS)
        self.addCleanup(self.stack.close)

    def claim(self, stream):
        """What a worker of the next version gets whose leases are long: messages that were released."""
        entries = self.stack.redis("XAUTOCLAIM", "gs:{p0}:" + stream, "workers", "worker-of-the-next", 3600000, "0")[1]
        return [entry[0].decode() for entry in entries if entry[1]]

    def test_what_is_newer_is_left_to_those_who_know_it(self):
        self.stack.stop("worker")
        job = self.stack.post("acme", collection(SOUND)).json()["jobID"]
        key, raw = "gs:{p0}:job:" + job, "gs:{p0}:raw:" + job
        entry = self.stack.redis("XRANGE", "gs:{p0}:jobs", "-", "+")[0]
        self.stack.redis("XDEL", "gs:{p0}:jobs", entry[0])
        newer = {"jobs": self.stack.redis("XADD", "gs:{p0}:jobs", "*", "v", self.NEWER, "job", job).decode()}
        self.stack.redis("HSET", key, "message", newer["jobs"], "v", self.NEWER)
        for stream in ("chunks", "splits"):
            newer[stream] = self.stack.redis("XADD", "gs:{p0}:" + stream, "*", "v", self.NEWER, "job", job,
                                             "n", "0").decode()
        before = self.stack.redis("HGETALL", key)
        self.stack.start("worker")
        until(lambda: self.stack.log("worker").count("event=message_of_newer_version") >= 3, "it has met all three")
        _, info = self.stack.run("acme", collection(SOUND))
        self.assertEqual(info["status"], "successful", "others are done")
        self.assertEqual(self.stack.redis("HGETALL", key), before, "it was not touched")
        self.assertEqual(self.stack.redis("XLEN", raw), 1)
        for stream, message in newer.items():
            until(lambda s=stream, m=message: m in self.claim(s), "the next version gets its message of " + stream)

    def test_fields_that_are_new_are_no_hindrance(self):
        self.stack.stop("worker")
        job = self.stack.post("acme", json.dumps(SOUND).encode()).json()["jobID"]
        entry = self.stack.redis("XRANGE", "gs:{p0}:jobs", "-", "+")[0]
        self.stack.redis("XDEL", "gs:{p0}:jobs", entry[0])
        message = self.stack.redis("XADD", "gs:{p0}:jobs", "*", "priority", "5", "v", "1", "job", job)
        self.stack.redis("HSET", "gs:{p0}:job:" + job, "message", message, "colour", "green")
        self.stack.start("worker")
        info = self.stack.wait_for(job)
        self.assertEqual((info["status"], info["counts"]["features"]), ("successful", 1))
        self.assertEqual(self.stack.redis("HGET", "gs:{p0}:job:" + job, "colour"), b"green")


if __name__ == "__main__":
    unittest.main()
