"""SIGHUP to worker and courier: new settings, the same program, and nothing in hand is lost."""
import os
import re
import signal
import unittest

from harness import SECRETS, SOUND, Stack, StackTest, children, collection, mixed, until


class ReloadWorkers(unittest.TestCase):
    check_counts = StackTest.check_counts

    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.close)
        for name in ("worker", "courier"):
            until(lambda n=name: "event=started" in self.stack.log(n), "it runs")
        with open(self.stack.config) as f:
            self.settings = f.read()

    def write(self, text):
        with open(self.stack.config + ".new", "w") as f:
            f.write(text)
        os.rename(self.stack.config + ".new", self.stack.config)

    def hang_up(self, name, event="reloaded"):
        before = self.stack.log(name).count("event=" + event)
        os.kill(self.stack.pid(name), signal.SIGHUP)
        until(lambda: self.stack.log(name).count("event=" + event) > before, "%s says %s" % (name, event))

    def test_a_new_source_from_worker_to_callback(self):
        self.stack.run("acme", collection(SOUND))
        before = children(self.stack.pid("worker"))
        self.write(self.settings + "[source fresh]\nsecret = %s\ncallback_url = %s\n" % (
            SECRETS["acme"], self.stack.receiver.url))
        for name in ("worker", "courier", "server"):
            self.hang_up(name)
        until(lambda: self.stack.post("fresh", collection(SOUND), secret=SECRETS["acme"]).status == 202,
              "the server knows it")
        job = self.stack.get("/v1/jobs?source=fresh").json()["jobs"][0]["jobID"]
        self.check_counts(self.stack.wait_for(job), 1, 0)
        until(lambda: self.stack.receiver.about(job), "its callback came")
        until(lambda: not set(before) & set(children(self.stack.pid("worker"))), "fresh processes took over")

    def test_what_is_in_hand_goes_on(self):
        body, rejected = mixed(3000)
        jobs = [self.stack.post("acme", body).json()["jobID"] for _ in range(4)]
        for _ in range(5):
            self.hang_up("worker")
            self.hang_up("courier")
        for job in jobs:
            info = self.stack.wait_for(job)
            self.assertEqual(info["status"], "successful", info)
            self.check_counts(info, 3000, rejected)
            until(lambda j=job: self.stack.receiver.about(j), "its callback came")

    def test_a_document_comes_out_in_one_crs(self):
        """That in which it was begun."""
        for split_bytes in 1, 1 << 40:
            with self.subTest(split_bytes):
                settings = self.settings.replace("[worker]\n", "[worker]\nsplit_bytes = %d\nchunk_features = 20\n"
                                                 % split_bytes)
                before = children(self.stack.pid("worker"))
                self.write(settings)
                self.hang_up("worker")
                until(lambda old=before: not set(old) & set(children(self.stack.pid("worker"))), "fresh ones took over")
                job = self.stack.post("acme", collection(*[SOUND] * 20000)).json()["jobID"]
                until(lambda: int(self.stack.redis("HGET", "gs:{p0}:job:" + job, "accepted") or 0) > 100, "it goes on")
                before = children(self.stack.pid("worker"))
                self.write(settings.replace("[source acme]\n", "[source acme]\ntarget_crs = EPSG:3857\n"))
                self.hang_up("worker")
                self.assertEqual(self.stack.job(job)["status"], "running")
                self.check_counts(self.stack.wait_for(job), 20000, 0)
                results = self.stack.get("/v1/jobs/%s/results" % job, "application/geo+json-seq").lines()
                self.assertEqual(sum(f["geometry"] != SOUND["geometry"] for f in results), 0)
                until(lambda old=before: not set(old) & set(children(self.stack.pid("worker"))), "fresh ones took over")
                _, info = self.stack.run("acme", collection(SOUND))
                after = self.stack.get("/v1/jobs/%s/results" % info["jobID"]).json()["features"][0]
                self.assertNotEqual(after["geometry"], SOUND["geometry"])

    def test_names_go_with_those_who_end(self):
        """What had nothing in hand leaves no consumer behind."""
        job, _ = self.stack.run("acme", collection(SOUND))
        until(lambda: self.stack.receiver.about(job), "its callback came")
        until(lambda: self.stack.redis("HGET", "gs:{p0}:job:" + job, "callback") == b"delivered", "and is settled")
        for name in ("worker", "courier"):
            self.assertEqual(self.stack.stop(name), 0)
        for stream, group in (("jobs", "workers"), ("chunks", "workers"), ("splits", "workers"),
                              ("outbox", "couriers")):
            self.assertEqual(self.stack.redis("XINFO", "CONSUMERS", "gs:{p0}:" + stream, group), [], stream)

    def test_what_is_wrong_changes_nothing(self):
        before = until(lambda: len(children(self.stack.pid("worker"))) == 3 and children(self.stack.pid("worker")),
                       "all processes are there")
        self.write(self.settings + "[worker]\nlease_ms = soon\n")
        for name in ("worker", "courier"):
            self.hang_up(name, "reload_refused")
            self.assertRegex(self.stack.log(name), r"event=reload_refused .*lease_ms")
        self.check_counts(self.stack.run("acme", collection(SOUND))[1], 1, 0)
        self.assertEqual(children(self.stack.pid("worker")), before)

    def test_authorities_that_cannot_be_read_change_nothing(self):
        """Neither others than before, nor those that it has and that are gone now."""
        authorities = os.path.join(self.stack.dir, "authorities.pem")
        self.write(self.settings.replace("[courier]\n", "[courier]\nca_file = %s\n" % authorities))
        self.hang_up("courier", "reload_refused")
        open(authorities, "w").close()
        self.hang_up("courier")
        os.unlink(authorities)
        self.hang_up("courier", "reload_refused")
        self.assertEqual(len(re.findall("level=error .*event=reload_refused .*" + re.escape(authorities),
                                        self.stack.log("courier"))), 2)
        job, _ = self.stack.run("acme", collection(SOUND))
        until(lambda: self.stack.receiver.about(job), "its callback came")

    def test_transform_processes_do_not_end_of_it(self):
        """As a terminal does that goes: all get it."""
        for pid in children(self.stack.pid("worker")):
            os.kill(pid, signal.SIGHUP)
        self.check_counts(self.stack.run("acme", collection(SOUND))[1], 1, 0)
        self.assertIsNone(re.search(r"signal=1\b", self.stack.log("worker")))


if __name__ == "__main__":
    unittest.main()
