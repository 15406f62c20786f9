"""Features that crash, hang and eat memory, in a worker that obeys them: each costs itself alone."""
import base64
import gzip
import json
import os
import random
import signal
import subprocess
import unittest

from harness import BUILD, SANITISED, SOUND, Stack, StackTest, children, collection, sign, until

WORKER = os.path.join(BUILD, "tests", "geosluice-worker")
SETTINGS = {
    "GEOSLUICE_WORKER_FEATURE_TIMEOUT_MS": "3000",     # to fill memory takes a while where others are at work
    "GEOSLUICE_WORKER_LEASE_MS": "20000",
    "GEOSLUICE_WORKER_MEMORY_BYTES": str(96 << 20),
    "ASAN_OPTIONS": "handle_segv=0",    # a sanitised worker dies of it as any other does
}


def state(pid):
    """T: it is stopped. "" if it is gone."""
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def poisoned(n, poisons):
    """n features; poisons: index → what it does ("segfault"), or does while it is read ("decode-segfault")."""
    features = []
    for i in range(n):
        what = poisons.get(i, "")
        properties = {"n": i, "text": "]}{[\\\","}
        if what.startswith("decode-"):
            properties["poison-" + what[7:]] = 1
        elif what:
            properties["poison"] = what
        features.append(dict(SOUND, id=i, properties=properties))
    return features


class FlightRecorder(unittest.TestCase):
    check_counts = StackTest.check_counts

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(environ=SETTINGS, programs={"worker": WORKER})

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def delivers_all_but(self, n, poisons, code, written=lambda features: collection(*features), **kwargs):
        """poisons cost themselves and nobody else."""
        job, info = self.stack.run("acme", written(poisoned(n, poisons)), **kwargs)
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
        self.assertEqual(self.deaths(job), 2)
        self.assertIn("feature_trial job=%s feature=1200" % job, self.stack.log("worker"))

    def deaths(self, job):
        return self.stack.log("worker").count("event=feature_suspected job=" + job)

    def test_a_feature_that_was_at_hand_when_its_process_was_killed(self):
        """Once is a suspicion: alone it does no harm, and is delivered like all others."""
        job = self.stack.post("acme", collection(*poisoned(10, {5: "stop"}))).json()["jobID"]

        def stopped():
            return [pid for pid in children(self.stack.pid("worker")) if state(pid) == "T"]

        os.kill(until(stopped, "it is at hand")[0], signal.SIGKILL)

        def ended():
            for pid in stopped():
                os.kill(pid, signal.SIGCONT)
            return self.stack.job(job)["status"] not in ("accepted", "running")
        until(ended, "it ends")
        self.check_counts(self.stack.job(job), 10, 0)
        self.assertEqual(self.deaths(job), 1)
        self.assertIn("feature_trial job=%s feature=5" % job, self.stack.log("worker"))

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

    def test_a_feature_that_crashes_while_it_is_read(self):
        letters, job = self.delivers_all_but(2500, {1200: "decode-segfault"}, "FEATURE_CRASH")
        self.assertIn("signal 11 (Segmentation fault) in stage decode", letters[0]["reason"])
        self.assertIn("feature_masked job=%s feature=1200" % job, self.stack.log("worker"))
        text = json.loads(self.stack.get("/v1/dead-letters/" + letters[0]["id"]).json()["raw"])
        self.assertEqual(text["properties"]["n"], 1200, "the letter has its own text")

    def test_many_that_cannot_be_read(self):
        kinds = {0: "decode-segfault", 3: "segfault", 4: "decode-segfault", 5: "decode-segfault",
                 39: "decode-segfault"}
        self.delivers_all_but(40, kinds, "FEATURE_CRASH")
        self.delivers_all_but(2, {0: "decode-segfault", 1: "decode-segfault"}, "FEATURE_CRASH")

    def test_a_feature_that_never_ends_while_it_is_read(self):
        self.delivers_all_but(30, {11: "decode-loop"}, "FEATURE_TIMEOUT")

    @unittest.skipIf(SANITISED, "memory has no limit there")
    def test_a_feature_that_eats_all_memory_while_it_is_read(self):
        self.delivers_all_but(30, {7: "decode-allocate"}, "FEATURE_MEMORY")

    def test_documents_of_all_forms(self):
        one = {3: "decode-segfault", 8: "decode-segfault"}
        lines = self.delivers_all_but(10, one, "FEATURE_CRASH", content_type="application/x-ndjson",
                                      written=lambda fs: b"".join(json.dumps(f).encode() + b"\n" for f in fs))
        self.assertEqual(sorted(x["index"] for x in lines[0]), [3, 8])
        self.delivers_all_but(10, one, "FEATURE_CRASH", content_type="application/geo+json-seq", written=lambda fs:
                              b"".join(b"\x1e" + json.dumps(f, indent=1).encode() + b"\n" for f in fs))
        self.delivers_all_but(1, {0: "decode-segfault"}, "FEATURE_CRASH",
                              written=lambda fs: json.dumps(fs[0], indent=1).encode())
        self.delivers_all_but(10, one, "FEATURE_CRASH", written=lambda fs: json.dumps(
            {"name": {"features": [1, 2]}, "note": "features", "features": fs, "type": "FeatureCollection"}).encode())

    def test_what_is_masked_is_what_the_decoder_means_or_nothing(self):
        """A member of that name in a Feature is no collection: then the document fails, and nothing is changed."""
        bad = dict(SOUND, features=[dict(SOUND, id=1)], properties={"poison-segfault": 1})
        _, info = self.stack.run("acme", json.dumps(bad).encode())
        self.assertEqual((info["status"], info["code"]), ("failed", "FEATURE_CRASH"), info)

    def test_what_is_behind_the_features_costs_the_document(self):
        """There is no feature to be blamed, and it is not tried for ever."""
        for member in ('"poison-segfault": 1', '"more": {"poison-segfault": 1}'):
            with self.subTest(member):
                before = self.stack.log("worker").count("event=feature_suspected")
                _, info = self.stack.run("acme", collection(*poisoned(40, {}))[:-1] + (", %s}" % member).encode())
                self.assertEqual((info["status"], info["code"]), ("failed", "FEATURE_CRASH"), info)
                self.assertEqual(self.stack.log("worker").count("event=feature_suspected"), before + 4)

    def test_every_process_says_what_it_could_apply(self):
        until(lambda: self.stack.log("worker").count("event=sandbox ") >= 2, "both have said it")
        line = [x for x in self.stack.log("worker").splitlines() if "event=sandbox " in x][0]
        for name in ("no_new_privs", "seccomp", "landlock", "memory"):
            self.assertIn(name + "=", line)

    def test_what_is_shipped_knows_no_poison(self):
        shipped = subprocess.run(["strings", "-a", os.path.join(BUILD, "geosluice-worker")], stdout=subprocess.PIPE,
                                 check=True).stdout
        tested = subprocess.run(["strings", "-a", WORKER], stdout=subprocess.PIPE, check=True).stdout
        for word in (b'"poison"', b"__wrap_stages_run", b"__wrap_name_hash"):
            self.assertIn(word, tested)
            self.assertNotIn(word, shipped)


class BehindACheckpoint(unittest.TestCase):
    """Who goes on decodes all that is before it, too."""

    check_counts = StackTest.check_counts
    delivers_all_but = FlightRecorder.delivers_all_but
    deaths = FlightRecorder.deaths

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(environ=dict(SETTINGS, GEOSLUICE_WORKER_CHUNK_FEATURES="10"), programs={"worker": WORKER})

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def test_what_cannot_be_read_is_not_read_again(self):
        poisons = {3: "decode-segfault", 25: "segfault", 31: "decode-segfault"}
        _, job = self.delivers_all_but(40, poisons, "FEATURE_CRASH")
        self.assertEqual(self.deaths(job), 6)

    def test_nor_when_all_is_done_again_for_a_late_crs(self):
        crs = {"type": "name", "properties": {"name": "EPSG:3857"}}
        _, job = self.delivers_all_but(40, {3: "decode-segfault", 25: "segfault"}, "FEATURE_CRASH",
                                       lambda features: collection(*features, crs=crs))
        self.assertIn("second_pass job=" + job, self.stack.log("worker"))


@unittest.skipIf(SANITISED, "memory has no limit there")
class LittleMemory(unittest.TestCase):
    """A feature that fits, but not what comes of it, beside it: its result, its dead letter, Redis's replies."""

    check_counts = StackTest.check_counts

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(environ={"GEOSLUICE_WORKER_MEMORY_BYTES": str(64 << 20), "GEOSLUICE_WORKER_PROCESSES": "1",
                                   "GEOSLUICE_WORKER_SPLIT_BYTES": str(1 << 30)})

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def test_neighbours_are_delivered(self):
        line = [[x / 7, y / 7] for x in range(-1000, 1000) for y in range(-50, 50)]
        text = json.dumps(line)[1:-1]
        for times in (1, 2, 3, 5, 8):
            with self.subTest("%d MB" % (times * len(text) >> 20)):
                large = '{"type":"Feature","properties":null,"geometry":{"type":"LineString","coordinates":[%s]}}' % (
                    ",".join([text] * times))
                small = json.dumps(SOUND)
                job, info = self.stack.run("acme", ('{"type":"FeatureCollection","features":[%s,%s,%s]}' % (
                    small, large, small)).encode())
                self.assertEqual(info["status"], "successful", info)
                letters = self.stack.get("/v1/dead-letters?job=" + job).json()["deadLetters"]
                self.assertIn([x["code"] for x in letters], ([], ["FEATURE_MEMORY"], ["FEATURE_TOO_LARGE"]))
                self.check_counts(info, 3, len(letters))
                self.assertEqual([x["index"] for x in letters], [1] * len(letters))
        self.assertEqual(len(letters), 1, "the largest is too large")


@unittest.skipIf(SANITISED, "memory has no limit there")
class LittleMemoryInChunks(unittest.TestCase):
    """The same where a chunk goes out in one step, with the dead letter of a feature that was too large."""

    check_counts = StackTest.check_counts

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(environ={"GEOSLUICE_WORKER_MEMORY_BYTES": str(64 << 20), "GEOSLUICE_WORKER_PROCESSES": "1",
                                   "GEOSLUICE_WORKER_FEATURE_TIMEOUT_MS": "10000",
                                   "GEOSLUICE_WORKER_LEASE_MS": "20000"})

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def delivers_neighbours(self, large, code):
        small = json.dumps(SOUND)
        body = '{"type":"FeatureCollection","features":[%s,%s,%s]}' % (small, large, small)
        job, info = self.stack.run("acme", body.encode())
        self.assertEqual(info["status"], "successful", info)
        self.check_counts(info, 3, 1)
        letters = self.stack.get("/v1/dead-letters?job=" + job).json()["deadLetters"]
        self.assertEqual([(x["index"], x["code"]) for x in letters], [(1, code)])

    def test_one_that_is_too_large(self):
        points = ",".join(['{"type":"Point","coordinates":[1,2]}'] * 168000)
        self.delivers_neighbours('{"type":"Feature","properties":null,"geometry":{"type":"GeometryCollection",'
                                 '"geometries":[%s]}}' % points, "FEATURE_MEMORY")

    def test_one_whose_dead_letter_is_large(self):
        self.delivers_neighbours('{"type":"Feature","geometry":null,"properties":[%s]}' % ",".join(["1"] * 6200000),
                                 "PROPERTIES_TYPE")

    def test_one_whose_text_does_not_fit_a_message(self):
        """Twelve megabytes that packing leaves large: who cuts the document has no memory for them."""
        dice = random.Random(1)
        text = ['"%s"' % base64.b64encode(dice.randbytes(375000)).decode() for _ in range(24)]
        large = '{"type":"Feature","geometry":null,"properties":{"t":[%s]}}' % ",".join(text)
        small = json.dumps(SOUND)
        body = gzip.compress(('{"type":"FeatureCollection","features":[%s]}' % ",".join(
            [small] * 5 + [large] + [small] * 5)).encode(), 1)
        job = self.stack.post("acme", body, signed=dict(sign("acme", body), **{"content-encoding": "gzip"})).json()
        _, info = self.stack.run("acme", small.encode())
        self.assertEqual(info["status"], "successful", info)
        info = self.stack.wait_for(job["jobID"])
        self.assertEqual(info["status"], "successful", info)
        letters = self.stack.get("/v1/dead-letters?job=" + job["jobID"]).json()["deadLetters"]
        self.check_counts(info, 11, len(letters))
        self.assertIn([(x["index"], x["code"]) for x in letters], ([], [(5, "FEATURE_MEMORY")]))


class CannotBeCut(unittest.TestCase):
    """The splitter fails each time that it is at it."""

    def test_it_is_tried_so_often_and_no_more(self):
        stack = Stack(environ=dict(
            SETTINGS, GEOSLUICE_WORKER_FEATURE_TIMEOUT_MS="15000", GEOSLUICE_WORKER_PROCESSES="1",
            GEOSLUICE_WORKER_SPLIT_BYTES="1", GEOSLUICE_WORKER_CHUNK_FEATURES="1",
            GEOSLUICE_WORKER_CHUNKS_OUTSTANDING="1"), programs={"worker": WORKER})
        try:
            job = stack.post("acme", collection(*poisoned(5, {0: "stop"}))).json()["jobID"]
            stopped = until(lambda: [pid for pid in children(stack.pid("worker")) if state(pid) == "T"], "it is cut")
            stack.redis("HSET", "gs:{p0}:job:" + job, "split_chunk", "x")
            os.kill(stopped[0], signal.SIGCONT)
            info = stack.wait_for(job)
            self.assertEqual((info["status"], info.get("code")), ("failed", "FEATURE_CRASH"), info)
            self.assertEqual(stack.run("acme", json.dumps(SOUND).encode())[1]["status"], "successful")
        finally:
            stack.close()


if __name__ == "__main__":
    unittest.main()
