"""Programs are replaced one after the other while documents come in: nothing is lost, nothing is done twice."""
import http.client
import itertools
import re
import threading
import unittest

from harness import PATIENCE_S, Stack, mixed, until

POSTERS = 2


class RollingRestart(unittest.TestCase):
    def setUp(self):
        self.stack = Stack(environ={"GEOSLUICE_WORKER_CHUNK_FEATURES": "50"})
        self.addCleanup(self.stack.close)
        self.body, self.rejected = mixed(400)
        self.jobs = {}      # delivery → jobs that its 202s named
        self.refused = []
        self.numbers = itertools.count()
        self.stop = threading.Event()

    def deliver(self, delivery):
        """Until it is taken, as senders do."""
        while True:
            try:
                answer = self.stack.post("acme", self.body, delivery=delivery)
            except (OSError, http.client.HTTPException):
                continue
            if answer.status == 202:
                self.jobs.setdefault(delivery, set()).add(answer.json()["jobID"])
                return
            if answer.status != 503:
                self.refused.append(answer)
                return

    def poster(self):
        while not self.stop.is_set():
            delivery = "msg_rolling_%d" % next(self.numbers)
            self.deliver(delivery)
            self.deliver(delivery)

    def replace(self, name):
        """The new one beside the old one, then the old one ends in order."""
        old = self.stack.running.pop(name)
        self.stack.start(name)
        for process in (old, self.stack.running[name]):
            until(lambda p=process: re.search(r"pid=%d event=(started|listening)" % p.pid, self.stack.log(name)),
                  "%s can be told to end" % name)
        old.terminate()
        self.assertEqual(old.wait(PATIENCE_S), 0, name)

    def test_every_program_is_replaced_under_load(self):
        threads = [threading.Thread(target=self.poster, daemon=True) for _ in range(POSTERS)]
        for t in threads:
            t.start()
        try:
            for name in ("worker", "courier", "server"):
                before = len(self.jobs)
                until(lambda n=before: len(self.jobs) >= n + 2 * POSTERS, "documents come in")
                self.replace(name)
        finally:
            self.stop.set()
            for t in threads:
                t.join(PATIENCE_S)
        self.assertEqual(self.refused, [])
        self.assertEqual([len(jobs) for jobs in self.jobs.values()], [1] * len(self.jobs))
        jobs = [next(iter(j)) for j in self.jobs.values()]
        self.assertEqual(len(set(jobs)), len(jobs))
        for job in jobs:
            info = self.stack.wait_for(job, 2 * PATIENCE_S)
            self.assertEqual(info["status"], "successful", info)
            self.assertEqual((info["counts"]["features"], info["counts"]["rejected"]), (400, self.rejected), info)
            ids = [f["id"] for f in self.stack.get(
                "/v1/jobs/%s/results" % job, "application/geo+json-seq").lines() if f["id"] != 2]
            self.assertEqual(len(ids), len(set(ids)))
        for job in jobs:
            until(lambda: self.stack.receiver.about(job), "the callback of %s came" % job)
        calls = {c.headers["webhook-id"] for c in self.stack.receiver.calls}
        self.assertEqual(len(calls), len(jobs))


if __name__ == "__main__":
    unittest.main()
