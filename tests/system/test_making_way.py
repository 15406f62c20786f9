"""Processes that make way: for a fresh one where their memory grows, for another worker where theirs is to stop."""
import contextlib
import os
import re
import signal
import unittest

from harness import BUILD, PATIENCE_S, SANITISED, Stack, StackTest, children, collection, until
from test_flight_recorder import poisoned, state

WORKER = os.path.join(BUILD, "tests", "geosluice-worker")
SETTINGS = {"GEOSLUICE_WORKER_PROCESSES": "1", "GEOSLUICE_WORKER_LEASE_MS": "1800000",
            "GEOSLUICE_WORKER_FEATURE_TIMEOUT_MS": "600000", "GEOSLUICE_WORKER_SPLIT_BYTES": str(1 << 30)}
EXIT_AGAIN = 75


class MakingWay(unittest.TestCase):
    check_counts = StackTest.check_counts

    def begin(self, **environ):
        self.stack = Stack(environ=dict(SETTINGS, **environ), programs={"worker": WORKER})
        self.addCleanup(self.stack.close)

    def post(self, n, poisons):
        return self.stack.post("acme", collection(*poisoned(n, poisons))).json()["jobID"]

    def delivers_each_once(self, job, n, timeout_s=None):
        info = self.stack.wait_for(job, timeout_s)
        self.assertEqual(info["status"], "successful", info)
        self.check_counts(info, n, 0)
        results = self.stack.get("/v1/jobs/%s/results" % job, "application/geo+json-seq").lines()
        self.assertEqual([f["id"] for f in results], list(range(n)))

    def events(self, name):
        return re.findall(r"^.* event=%s(?: .*)?$" % name, self.stack.log("worker"), re.M)


@unittest.skipIf(SANITISED, "memory has no limit there")
class Recycling(MakingWay):
    def renewed(self):
        """Nothing but this ended a process, and the supervisor started one for each that went."""
        went = self.events("process_renews")
        until(lambda: len(self.events("child_ended")) >= len(went), "the supervisor knows of all that went")
        for line in self.events("child_ended"):
            self.assertIn(" status=%d " % EXIT_AGAIN, line)
        until(lambda: len([x for x in self.events("child_started") if " role=transform " in x]) >= 1 + len(went),
              "each has a successor")
        self.assertEqual(self.events("feature_suspected"), [])
        return len(went)

    def test_a_process_whose_memory_is_nearly_full_makes_way_in_the_midst_of_a_job(self):
        self.begin(GEOSLUICE_WORKER_MEMORY_BYTES=str(96 << 20))
        job = self.post(60, {20: "fill-long"})
        self.delivers_each_once(job, 60)
        self.assertEqual(self.renewed(), 1)
        self.assertTrue([x for x in self.events("job_kept") if job in x])
        self.assertEqual(self.stack.redis("HGET", "gs:{p0}:job:" + job, "attempts"), b"2")
        self.delivers_each_once(self.post(3, {}), 3)

    def test_a_process_whose_memory_is_nearly_full_makes_way_after_a_job(self):
        self.begin(GEOSLUICE_WORKER_MEMORY_BYTES=str(96 << 20))
        for n in (1, 2):
            self.delivers_each_once(self.post(1, {0: "fill"}), 1)
            until(lambda times=n: len(self.events("process_renews")) >= times, "it makes way")
        self.assertEqual(self.renewed(), 2)
        self.delivers_each_once(self.post(3, {}), 3)

    def test_a_process_that_grows_steadily_makes_way(self):
        """Far from its limit. A chunk is a sample of its memory, and it takes nine windows of 256 to be sure."""
        self.begin(GEOSLUICE_WORKER_MEMORY_BYTES=str(4 << 30), GEOSLUICE_WORKER_SPLIT_BYTES="1",
                   GEOSLUICE_WORKER_CHUNK_FEATURES="1")
        n = 9 * 256 + 300
        self.delivers_each_once(self.post(n, {i: "leak" for i in range(n)}), n, 4 * PATIENCE_S)
        self.assertEqual(self.renewed(), 1)


class HandingBack(MakingWay):
    def stops(self, pid):
        """It is to end, and will know when it goes on."""
        with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as f:
            pending = re.findall(r"^(?:Sig|Shd)Pnd:\s+([0-9a-f]+)$", f.read(), re.M)
        return any(int(mask, 16) >> signal.SIGTERM - 1 & 1 for mask in pending)

    def end(self, worker, stopped):
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if worker.poll() is None:
            worker.kill()
            worker.wait()

    def test_a_whole_job_is_handed_to_another_worker_at_once(self):
        """Leases are long here: who takes it over was told to."""
        self.begin(GEOSLUICE_WORKER_GRACE_S="300", GEOSLUICE_WORKER_CHUNK_FEATURES="4")
        job = self.post(10, {5: "stop"})

        def at_it():
            return [pid for pid in children(self.stack.pid("worker")) if state(pid) == "T"]

        stopped = until(at_it, "it is at hand")
        old = self.stack.running.pop("worker")
        self.addCleanup(self.end, old, stopped)
        self.stack.start("worker")
        until(lambda: len(self.events("sandbox")) >= 2, "another worker is there")
        old.terminate()
        until(lambda: self.stops(stopped[0]), "the process is told to stop")
        self.assertEqual(self.stack.job(job)["status"], "running")
        os.kill(stopped[0], signal.SIGCONT)
        self.assertEqual(old.wait(PATIENCE_S), 0)
        self.assertTrue([x for x in self.events("job_released") if job in x])
        self.delivers_each_once(job, 10)
        self.assertEqual(self.stack.redis("HGET", "gs:{p0}:job:" + job, "attempts"), b"2")
        self.assertEqual(self.events("feature_suspected"), [])


if __name__ == "__main__":
    unittest.main()
