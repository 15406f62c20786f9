"""Results beyond what may be kept go before their time, the oldest first; what is asked for then is said in words."""
import unittest

from harness import BOW_TIE, SOUND, Stack, StackTest, collection, until


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


if __name__ == "__main__":
    unittest.main()
