"""Features that crash, hang and eat memory, in a worker that obeys them: each costs itself alone."""
import os
import subprocess
import unittest

from harness import BUILD, SANITISED, SOUND, Stack, StackTest, collection, until

WORKER = os.path.join(BUILD, "tests", "geosluice-worker")
SETTINGS = {
    "GEOSLUICE_WORKER_FEATURE_TIMEOUT_MS": "1500",
    "GEOSLUICE_WORKER_LEASE_MS": "20000",
    "GEOSLUICE_WORKER_MEMORY_BYTES": str(96 << 20),
    "ASAN_OPTIONS": "handle_segv=0",    # a sanitised worker dies of it as any other does
}


def poisoned(n, poisons):
    """A collection of n features; poisons: index → what it does."""
    features = []
    for i in range(n):
        features.append(dict(SOUND, id=i, properties={"poison": poisons[i]} if i in poisons else {"n": i}))
    return collection(*features)


class FlightRecorder(unittest.TestCase):
    check_counts = StackTest.check_counts

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(environ=SETTINGS, programs={"worker": WORKER})

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def delivers_all_but(self, n, poisons, code):
        """poisons cost themselves and nobody else."""
        job, info = self.stack.run("acme", poisoned(n, poisons))
        self.assertEqual(info["status"], "successful", info)
        self.check_counts(info, n, len(poisons))
        results = self.stack.get("/v1/jobs/%s/results" % job, "application/geo+json-seq").lines()
        self.assertEqual([f["id"] for f in results], [i for i in range(n) if i not in poisons])
        letters = self.stack.get("/v1/dead-letters?job=" + job).json()["deadLetters"]
        self.assertEqual(sorted(x["index"] for x in letters), sorted(poisons))
        for letter in letters:
            self.assertEqual(letter["code"], code, letter)
        return letters, job

    def test_a_feature_that_crashes(self):
        letters, job = self.delivers_all_but(2500, {1200: "segfault"}, "FEATURE_CRASH")
        self.assertIn("signal 11", letters[0]["reason"])
        self.assertIn("in stage", letters[0]["reason"])
        self.assertIn("feature_trial job=%s feature=1200" % job, self.stack.log("worker"))

    def test_the_first_and_the_last_and_neighbours(self):
        self.delivers_all_but(40, {0: "segfault", 20: "segfault", 21: "segfault", 39: "segfault"}, "FEATURE_CRASH")

    def test_a_document_of_nothing_else(self):
        self.delivers_all_but(3, {0: "segfault", 1: "segfault", 2: "segfault"}, "FEATURE_CRASH")

    def test_a_feature_that_is_killed_from_outside(self):
        letters, _ = self.delivers_all_but(10, {5: "kill"}, "FEATURE_CRASH")
        self.assertIn("signal 9", letters[0]["reason"])

    def test_a_feature_that_never_ends(self):
        letters, _ = self.delivers_all_but(30, {11: "loop"}, "FEATURE_TIMEOUT")
        self.assertIn("no end after", letters[0]["reason"])

    @unittest.skipIf(SANITISED, "memory has no limit there")
    def test_a_feature_that_eats_all_memory(self):
        self.delivers_all_but(30, {7: "allocate"}, "FEATURE_MEMORY")

    def test_every_process_says_what_it_could_apply(self):
        until(lambda: self.stack.log("worker").count("event=sandbox ") >= 2, "both have said it")
        line = [x for x in self.stack.log("worker").splitlines() if "event=sandbox " in x][0]
        for name in ("no_new_privs", "seccomp", "landlock", "memory"):
            self.assertIn(name + "=", line)

    def test_what_is_shipped_knows_no_poison(self):
        shipped = subprocess.run(["strings", "-a", os.path.join(BUILD, "geosluice-worker")], stdout=subprocess.PIPE,
                                 check=True).stdout
        tested = subprocess.run(["strings", "-a", WORKER], stdout=subprocess.PIPE, check=True).stdout
        for word in (b'"poison"', b"__wrap_stages_run"):
            self.assertIn(word, tested)
            self.assertNotIn(word, shipped)


if __name__ == "__main__":
    unittest.main()
