"""Results beyond what may be kept go before their time, the oldest first; what is asked for then is said in words.
And what has not ended has no time at all."""
import contextlib
import json
import os
import signal
import unittest

from harness import BOW_TIE, PATIENCE_S, SOUND, Stack, StackTest, children, collection, mixed, until


class Results(StackTest):
    @classmethod
    def setUpClass(cls):
        # The janitor's rounds follow from this.
        cls.stack = Stack(environ={"GEOSLUICE_REDIS_MAX_RESULT_BYTES": "3000",
                                   "GEOSLUICE_REDIS_STAGING_TIMEOUT_S": "10"})

    def test_the_oldest_go_and_the_job_says_so(self):
        old, _ = self.stack.run("acme", collection(BOW_TIE, SOUND))
        jobs = [self.stack.run("acme", collection(SOUND))[0] for _ in range(30)]
        until(lambda: self.stack.job(old).get("resultsDropped"), "a round of the janitor finds too much")
        info = self.stack.job(old)
        self.check_counts(info, 2, 0)
        self.assertFalse([link for link in info["links"] if link["href"].endswith("/results")])
        self.check_problem(self.stack.get("/v1/jobs/%s/results" % old), 410)
        report = self.stack.get("/v1/jobs/%s/report" % old)
        self.assertEqual((report.status, len(report.lines())), (200, 1))
        self.assertEqual(self.stack.get("/v1/jobs/%s/results" % jobs[-1]).status, 200)
        self.assertIn(b"geosluice_janitor_results_dropped_total", self.stack.get("/metrics").body)
        until(lambda: int(self.stack.redis("HGET", "gs:{p0}:room", "results:acme")) <= 3000 + 1000,
              "what is held is about what may be")
        removed = self.stack.request("DELETE", "/v1/jobs/" + old)
        self.assertIn(removed.status, (200, 204), removed)
        self.assertEqual(self.stack.redis("EXISTS", "gs:{p0}:job:" + old), 0)


class Unfinished(StackTest):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(environ={"GEOSLUICE_WORKER_CHUNK_FEATURES": "200", "GEOSLUICE_WORKER_SPLIT_BYTES": "1000000",
                                   "GEOSLUICE_WORKER_PROCESSES": "2", "GEOSLUICE_SERVER_SEGMENT_BYTES": "65536"})

    def times(self, *jobs):
        """For how long each key of these jobs is kept, -1 for as long as it takes."""
        return {k: self.stack.redis("PTTL", k) for k in self.stack.redis.keys() if any(job in k for job in jobs)}

    def unfinished(self, body, content_type="application/geo+json"):
        """Results of it have been written, and nobody goes on. Returns its job, and who was stopped."""
        job = self.stack.post("acme", body, content_type).json()["jobID"]
        until(lambda: self.stack.redis("EXISTS", "gs:{p0}:out:" + job), "it has results")
        frozen = children(self.stack.pid("worker"))
        self.addCleanup(self.thaw, frozen)
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        self.assertEqual(self.stack.job(job)["status"], "running")
        return job, frozen

    def stays(self, kinds, *jobs):
        """Each of their keys is kept for as long as it takes."""
        times = self.times(*jobs)
        self.assertEqual({k: t for k, t in times.items() if t != -1}, {})
        self.assertLessEqual(set(kinds.split()), {k.split(":")[2] for k in times})

    @staticmethod
    def thaw(frozen):
        for pid in frozen:
            with contextlib.suppress(ProcessLookupError):   # it was still for too long
                os.kill(pid, signal.SIGCONT)

    def ends(self, frozen, *jobs):
        self.thaw(frozen)
        for job in jobs:
            self.assertEqual(self.stack.wait_for(job, 2 * PATIENCE_S)["status"], "successful")
            self.assertEqual({k: t for k, t in self.times(job).items() if t <= 0}, {}, "now it has its time")

    def test_nothing_of_it_expires_while_it_is_worked_on_in_chunks(self):
        job, frozen = self.unfinished(mixed(30000)[0])
        small = self.stack.post("acme", collection(SOUND)).json()["jobID"]
        large = self.stack.post("acme", collection(*[SOUND] * 2000)).json()["jobID"]
        self.stays("job raw out report deadof parts ids", job)
        self.stays("job raw", small, large)     # nor while it waits
        self.ends(frozen, job, small, large)

    def test_nothing_of_it_expires_while_it_is_worked_on_whole(self):
        features = json.loads(mixed(30000)[0])["features"]
        job, frozen = self.unfinished(b"".join(json.dumps(f).encode() + b"\n" for f in features),
                                      "application/x-ndjson")
        self.stays("job raw out report deadof", job)
        self.ends(frozen, job)


if __name__ == "__main__":
    unittest.main()
