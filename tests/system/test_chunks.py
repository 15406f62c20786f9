"""Large collections in chunks: what comes out is what `geosluice convert` makes of the same document, whatever dies."""
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
import unittest

from harness import (BOW_TIE, BUILD, FAR_AWAY, PATIENCE_S, SOUND, Stack, StackTest, children, collection, feature,
                     kill, polygon, until)

SETTINGS = {
    "GEOSLUICE_WORKER_SPLIT_BYTES": "1",
    "GEOSLUICE_WORKER_CHUNK_FEATURES": "50",
    "GEOSLUICE_WORKER_CHUNKS_OUTSTANDING": "8",
    "GEOSLUICE_SERVER_SEGMENT_BYTES": "8192",
}
WIDE, NARROW = [-180, -90, 180, 90], [1, 1, 11, 51]     # around all of mixture; BOW_TIE reaches out of it
CRS = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}


def mixture(n):
    """n features of all outcomes, every seventh id used before."""
    made = []
    for i in range(n):
        f = dict({3: BOW_TIE, 7: FAR_AWAY}.get(i % 10) or SOUND, id=i if i % 7 else i // 2)
        made.append(dict(f, properties={"i": i, "text": "]}\\\"{[" * (i % 5)}))
    return made


def bbox_of(features):
    """Over all positions, in two dimensions."""
    def positions(value):
        return [value] if isinstance(value[0], (int, float)) else [p for v in value for p in positions(v)]

    every = [p for f in features for p in positions(f["geometry"]["coordinates"])]
    x, y = [p[0] for p in every], [p[1] for p in every]
    return [min(x), min(y), max(x), max(y)]


def run_cli(stack, verb, body, *more):
    path = os.path.join(stack.dir, "document.geojson")
    with open(path, "wb") as f:
        f.write(body)
    done = subprocess.run([os.path.join(BUILD, "geosluice"), verb, *more, path], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
    return done.stdout


def freeze(pids):
    """Returns them."""
    frozen = list(pids)
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    return frozen


def go_on(frozen):
    for pid in reversed(frozen):    # who watches over the others last: it ends who is silent
        with contextlib.suppress(ProcessLookupError):   # it was still for too long
            os.kill(pid, signal.SIGCONT)


def family(stack):
    """The worker's supervisor, and those below."""
    return [stack.pid("worker"), *children(stack.pid("worker"))]


class Chunks(StackTest):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(environ=SETTINGS)

    def same_as_convert(self, job, body):
        """Results byte for byte, and the report line for line."""
        answer = self.stack.get("/v1/jobs/%s/results" % job, "application/geo+json-seq")
        self.assertEqual(answer.body.replace(b"\x1e", b""), run_cli(self.stack, "convert", body).replace(b"\x1e", b""))
        report = self.stack.get("/v1/jobs/%s/report" % job).lines()
        want = []
        for line in run_cli(self.stack, "check", body).splitlines():
            verdict = json.loads(line)
            del verdict["file"]
            if verdict["outcome"] != "accepted" or verdict["warnings"]:
                want.append(verdict)
        self.assertEqual(report, want)
        results = self.stack.get("/v1/jobs/%s/results" % job).json()
        if "bbox" in json.loads(body):
            self.assertEqual(results["bbox"], bbox_of(results["features"]))
        else:
            self.assertNotIn("bbox", results)

    def leaves_nothing(self, job):
        self.assertEqual([k for k in self.stack.redis.keys() if ":parts:" in k or ":ids:" in k], [])
        for stream in ("jobs", "chunks", "splits"):
            self.assertEqual(self.stack.redis("XLEN", "gs:{p0}:" + stream), 0, stream)

    def was_split(self, job):
        return "event=split_done job=" + job in self.stack.log("worker")

    def comes_out_right(self, body, n):
        job, info = self.stack.run("acme", body)
        self.assertEqual(info["status"], "successful", info)
        self.check_counts(info, n)
        self.same_as_convert(job, body)
        self.leaves_nothing(job)
        return job, info

    def only_its_splitter_works(self, job):
        """All other processes are still from here on; returns their ids."""
        def splitter():
            held = self.stack.redis("XPENDING", "gs:{p0}:splits", "workers", "-", "+", "10")
            return held and held[0][1].decode().rsplit("-", 1)[1]
        slot = until(splitter, "somebody splits " + job)
        pid = re.findall(r"event=child_started role=transform slot=%s pid=(\d+)" % slot, self.stack.log("worker"))[-1]
        return freeze(other for other in children(self.stack.pid("worker")) if other != int(pid))

    def test_a_collection_of_all_outcomes(self):
        job, info = self.comes_out_right(collection(*mixture(3000), name="x"), 3000)
        self.assertTrue(self.was_split(job))
        self.assertGreater(info["counts"]["rejected"], 0)
        self.assertEqual(self.stack.get("/v1/jobs/%s/results" % job).json()["name"], "x")

    def test_small_and_odd_collections(self):
        for features in ([], [SOUND], [SOUND, None, 5, "]", [[{}]], SOUND, []], [None]):
            body = json.dumps({"type": "FeatureCollection", "features": features}).encode()
            self.comes_out_right(body, len(features))

    def test_elements_that_are_no_objects(self):
        """However many: they are cut as features are, and each is a dead letter."""
        odd = [1, None, "]", [[{}]], -0.5, True, [], "x,"]
        body = json.dumps({"type": "FeatureCollection",
                           "features": [odd[i % 8] for i in range(5000)] + [SOUND]}).encode()
        job, info = self.comes_out_right(body, 5001)
        self.assertEqual(info["counts"]["rejected"], 5000)
        self.assertGreaterEqual(int(self.stack.redis("HGET", "gs:{p0}:job:" + job, "split_chunk")), 5000 // 50)

    def test_what_is_no_collection_is_not_split(self):
        job, info = self.stack.run("acme", json.dumps(SOUND).encode())
        self.check_counts(info, 1, 0)
        self.assertFalse(self.was_split(job))

    def test_a_crs_behind_the_features(self):
        features = [feature(polygon([[[0, 0], [1000 + i, 0], [1000, 1000], [0, 0]]]), i) for i in range(400)]
        self.comes_out_right(collection(*features, crs=CRS), 400)
        self.assertIn("event=read_whole", self.stack.log("worker"))

    def test_workers_that_die_while_chunks_are_given_up(self):
        """Their dead letters go some at a time; whoever comes next goes on, and nobody ends the job meanwhile."""
        body = collection(*mixture(20000), crs=CRS)
        job = self.stack.post("acme", body).json()["jobID"]
        hash_key, deadof = "gs:{p0}:job:" + job, "gs:{p0}:deadof:" + job
        until(lambda: self.stack.redis("LLEN", deadof), "chunks have left dead letters")
        frozen = freeze(children(self.stack.pid("worker")))
        self.assertIsNone(self.stack.redis("HGET", hash_key, "whole"))
        # Enough for a second or more; these are gone already.
        self.stack.redis("EVAL", "local t = {} for i = 1, 1000 do t[i] = '1-1' end "
                         "for i = 1, 400 do redis.call('RPUSH', KEYS[1], unpack(t)) end", 1, deadof)
        go_on(frozen)
        for _ in range(2):
            before = self.stack.redis("LLEN", deadof)
            until(lambda: self.stack.redis("HGET", hash_key, "whole") and self.stack.redis("LLEN", deadof) < before,
                  "some have gone")
            kill(children(self.stack.pid("worker")))
            self.assertGreater(self.stack.redis("LLEN", deadof), 1000)
            self.assertEqual(self.stack.redis("HMGET", hash_key, "state", "split"), [b"running", b"done"])
        info = self.stack.wait_for(job, 2 * PATIENCE_S)
        self.assertEqual(info["status"], "successful", info)
        self.check_counts(info, 20000)
        self.same_as_convert(job, body)
        self.leaves_nothing(job)
        letters = int(self.stack.redis("HGET", hash_key, "rejected") or 0)
        self.assertEqual(self.stack.redis("LLEN", deadof), letters)

    def test_documents_that_fail(self):
        """The first fault counts, and nothing is delivered."""
        body = collection(*mixture(2000))
        for at in (len(body) // 3, len(body) // 2, len(body) - 3, len(body) - 1):
            broken = body[:at] + b"!" + body[at + 1:]
            want = json.loads(run_cli(self.stack, "check", broken).splitlines()[-1])
            if want["outcome"] != "failed":
                continue    # it hit the inside of a string
            job, info = self.stack.run("acme", broken)
            self.assertEqual((info["status"], info["code"], info["offset"]), ("failed", want["code"], want["offset"]))
            self.assertEqual(self.stack.redis("EXISTS", "gs:{p0}:out:" + job), 0)
            letters = self.stack.get("/v1/dead-letters?job=" + job).json()["deadLetters"]
            self.assertEqual([x["kind"] for x in letters], ["document"])
            said = [x["index"] for x in self.stack.get("/v1/jobs/%s/report" % job).lines()]
            self.assertEqual(said, sorted(set(said)))
            self.assertGreater(len(said), 50)
            self.leaves_nothing(job)
        cut = body[:len(body) // 2]
        job, info = self.stack.run("acme", cut)
        self.assertEqual((info["status"], info["code"]), ("failed", "JSON_TRUNCATED"))
        for cut in body[:1], body[:len(body) // 2].split(b"[")[0]:
            job, info = self.stack.run("acme", cut)
            self.assertEqual((info["status"], info["code"], info["offset"]), ("failed", "JSON_TRUNCATED", len(cut)))
            self.assertFalse(self.was_split(job))

    def test_one_that_is_dismissed_leaves_nothing(self):
        job = self.stack.post("acme", collection(*mixture(20000))).json()["jobID"]
        until(lambda: self.stack.redis("HGET", "gs:{p0}:job:" + job, "split"), "it is being split")
        self.stack.request("DELETE", "/v1/jobs/" + job)
        until(lambda: not self.stack.redis("XLEN", "gs:{p0}:chunks") and not self.stack.redis("XLEN", "gs:{p0}:splits"),
              "its messages are gone")
        self.leaves_nothing(job)

    def test_a_chunk_whose_message_is_lost(self):
        body = collection(*mixture(20000), bbox=WIDE)
        job = self.stack.post("acme", body).json()["jobID"]
        frozen = self.only_its_splitter_works(job)
        until(lambda: self.stack.redis("XLEN", "gs:{p0}:chunks") >= 4, "it has chunks, more than are at hand")
        self.stack.redis("DEL", "gs:{p0}:chunks")
        go_on(frozen)
        info = self.stack.wait_for(job, 2 * PATIENCE_S)
        self.assertRegex(self.stack.log("worker"), "event=work_put_back job=%s chunks=[1-9]" % job)
        self.check_counts(info, 20000)
        self.same_as_convert(job, body)

    def test_all_chunks_that_are_out_are_lost(self):
        """While it is being split: the splitter alone can tell."""
        body = collection(*mixture(20000), bbox=WIDE)
        job = self.stack.post("acme", body).json()["jobID"]
        hash_key = "gs:{p0}:job:" + job
        frozen = self.only_its_splitter_works(job)      # or the others would be as fast as it
        try:
            until(lambda: int(self.stack.redis("HGET", hash_key, "left") or 0) >= 8, "all are out that may be")
        finally:
            self.stack.kill("worker")
            kill(frozen)
        self.assertEqual(self.stack.redis("HGET", hash_key, "split"), b"open")
        self.stack.redis("XTRIM", "gs:{p0}:chunks", "MAXLEN", "0")
        self.stack.start("worker")
        info = self.stack.wait_for(job, 2 * PATIENCE_S)
        self.assertRegex(self.stack.log("worker"), "event=work_put_back job=%s chunks=[1-9]" % job)
        self.assertEqual(info["status"], "successful", info)
        self.check_counts(info, 20000)
        self.same_as_convert(job, body)
        self.leaves_nothing(job)

    def test_a_chunk_whose_message_cannot_be_read(self):
        body = collection(*mixture(20000), bbox=NARROW)
        job = self.stack.post("acme", body).json()["jobID"]
        parts = "gs:{p0}:parts:" + job
        spoil = ("for _, f in ipairs(redis.call('HKEYS', KEYS[1])) do if tonumber(f) then "
                 "redis.call('HSET', KEYS[1], f, ARGV[1]) end end")

        def met():
            self.stack.redis("EVAL", spoil, 1, parts, b"\xff\xff")
            return "event=chunk_unreadable job=" + job in self.stack.log("worker")
        until(met, "one of them was taken")
        info = self.stack.wait_for(job, 2 * PATIENCE_S)
        self.check_counts(info, 20000)
        self.same_as_convert(job, body)
        self.leaves_nothing(job)

    def test_workers_killed_at_random(self):
        dice = random.Random(5)
        body = collection(*mixture(6000), bbox=NARROW)
        job = self.stack.post("acme", body).json()["jobID"]
        hash_key = "gs:{p0}:job:" + job
        until(lambda: self.stack.redis("HGET", hash_key, "split"), "it is being split")
        for _ in range(8):
            time.sleep(dice.random() * 0.1)     # anywhere in what they do
            kill(pid for pid in children(self.stack.pid("worker")) if dice.random() < 0.6)
        info = self.stack.wait_for(job, 2 * PATIENCE_S)
        self.assertEqual(info["status"], "successful", info)
        self.check_counts(info, 6000)
        suspected = re.findall("event=feature_suspected job=%s feature=([0-9]+) " % job, self.stack.log("worker"))
        if len(suspected) == len(set(suspected)):       # whoever was at hand twice is a dead letter, as is right
            self.same_as_convert(job, body)
        self.leaves_nothing(job)

    def test_a_splitter_goes_on_from_its_checkpoint(self):
        body = collection(*mixture(20000), bbox=WIDE)
        job = self.stack.post("acme", body).json()["jobID"]
        hash_key = "gs:{p0}:job:" + job
        until(lambda: int(self.stack.redis("HGET", hash_key, "split_chunk") or 0) >= 3, "some chunks are given out")
        kill(children(self.stack.pid("worker")))
        at = int(self.stack.redis("HGET", hash_key, "split_chunk"))
        self.assertEqual(self.stack.redis("HGET", hash_key, "split"), b"open")
        info = self.stack.wait_for(job, 2 * PATIENCE_S)
        self.assertGreater(at, 0)
        self.check_counts(info, 20000)
        self.same_as_convert(job, body)
        self.leaves_nothing(job)

    def test_redis_loses_its_last_second_and_its_splitter_does_not(self):
        """The machine of Redis crashed, or a replica took over: chunks that were given out are not there any more."""
        body = collection(*mixture(40000), bbox=WIDE)
        job = self.stack.post("acme", body).json()["jobID"]

        def chunks():
            return int(self.stack.redis("HGET", "gs:{p0}:job:" + job, "split_chunk") or 0)
        until(lambda: chunks() >= 20, "some chunks are given out")
        files, before = self.stack.dir + "/appendonlydir", self.stack.dir + "/before"
        frozen = freeze(family(self.stack))     # a disk may be slow
        # All is in the file then: with everysec it is not while a sync is under way, and the job could be lost as well.
        self.stack.redis("CONFIG", "SET", "appendfsync", "always")
        shutil.copytree(files, before)
        self.stack.redis("CONFIG", "SET", "appendfsync", "everysec")
        go_on(frozen)
        until(lambda: chunks() >= 60, "others are, too")
        self.assertEqual(self.stack.redis("HGET", "gs:{p0}:job:" + job, "split"), b"open")
        self.stack.kill("redis")
        shutil.rmtree(files)
        os.rename(before, files)
        self.stack.start_redis()
        info = self.stack.wait_for(job, 2 * PATIENCE_S)
        self.assertEqual(info["status"], "successful", info)
        self.check_counts(info, 40000)
        self.same_as_convert(job, body)
        self.leaves_nothing(job)

    def test_a_small_job_does_not_wait_for_a_large_one(self):
        large = self.stack.post("acme", collection(*mixture(20000))).json()["jobID"]
        until(lambda: self.stack.redis("HGET", "gs:{p0}:job:" + large, "split"), "the large one has begun")
        _, small = self.stack.run("acme", json.dumps(SOUND).encode())
        self.assertLess(small["finished"], self.stack.wait_for(large, 2 * PATIENCE_S)["finished"])

    def test_chunks_that_wait_are_seen(self):
        job = self.stack.post("acme", collection(*mixture(20000))).json()["jobID"]
        frozen = self.only_its_splitter_works(job)
        try:
            until(lambda: self.stack.redis("XLEN", "gs:{p0}:chunks") >= 6, "it has chunks")
            frozen = freeze(family(self.stack))
            found = until(lambda: re.search(rb"geosluice_queue_chunks ([1-9]\d*)\n", self.stack.get("/metrics").body),
                          "the server sees them")
            until(lambda: float(re.search(rb"geosluice_queue_age_seconds ([\d.]+)\n",
                                          self.stack.get("/metrics").body).group(1)) > 0.5, "and that they wait")
        finally:
            go_on(frozen)
        self.assertLessEqual(int(found.group(1)), 8)
        self.check_counts(self.stack.wait_for(job, 2 * PATIENCE_S), 20000)


class Sizes(StackTest):
    """With the sizes that are shipped."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(environ={"GEOSLUICE_WORKER_SPLIT_BYTES": "1"})

    def test_chunks_get_smaller_towards_the_end(self):
        """So that nobody waits for the one who has the last."""
        n = 30000
        job, info = self.stack.run("acme", collection(*[dict(SOUND, id=i) for i in range(n)]))
        self.check_counts(info, n, 0)
        most = int(self.stack.redis("HGET", "gs:{p0}:job:" + job, "split_chunk"))
        sizes = [len(self.frame(job, i)) for i in range(most - 1)]      # the last is the tail
        self.assertLess(sum(sizes[-6:]) / 6, max(sizes) / 2, sizes)
        self.assertLess(most, 100)

    def frame(self, job, chunk):
        return self.stack.redis("HGET", "gs:{p0}:out:" + job, str(chunk))


class Whole(StackTest):
    """One process that splits a document, and is given one that is not to be split."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(environ=dict(SETTINGS, GEOSLUICE_WORKER_PROCESSES="1",
                                       GEOSLUICE_WORKER_CHUNKS_OUTSTANDING="4"))

    @contextlib.contextmanager
    def still(self):
        """The worker does nothing meanwhile."""
        frozen = freeze(family(self.stack))
        try:
            yield
        finally:
            go_on(frozen)

    def idle_of_split(self):
        held = self.stack.redis("XPENDING", "gs:{p0}:splits", "workers", "-", "+", "10")
        return held[0][2] if held else -1

    def test_a_long_document_does_not_keep_others_from_splitting(self):
        """The split's entry is anybody's once the other document is being read."""
        lines = b"".join(json.dumps(f).encode() + b"\n" for f in mixture(60000))
        body = collection(*mixture(20000))
        large = self.stack.post("acme", body).json()["jobID"]
        until(lambda: int(self.stack.redis("HGET", "gs:{p0}:job:" + large, "left") or 0) >= 4, "it is being split")
        with self.still():
            other = self.stack.post("acme", lines, "application/x-ndjson").json()["jobID"]
        until(lambda: int(self.stack.redis("HGET", "gs:{p0}:job:" + other, "next") or 0) > 0, "the other one is read")
        with self.still():
            self.assertGreater(self.idle_of_split(), 3600000, "others may take the split over")
            self.assertEqual(self.stack.job(other)["status"], "running")
            self.assertEqual(self.stack.job(large)["status"], "running")
        for job, n in ((other, lines.count(b"\n")), (large, 20000)):
            self.check_counts(self.stack.wait_for(job, 2 * PATIENCE_S), n)


class Stops(StackTest):
    """Workers that are stopped in order."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(start=("server", "courier"), environ={
            "GEOSLUICE_WORKER_SPLIT_BYTES": "1",
            "GEOSLUICE_WORKER_CHUNK_FEATURES": "100000",
            "GEOSLUICE_WORKER_PROCESSES": "1",
        })

    def test_a_chunk_that_is_given_back_was_not_tried(self):
        n = 20000
        job = self.stack.post("acme", collection(*[dict(BOW_TIE, id=i) for i in range(n)])).json()["jobID"]
        for _ in range(6):      # one more than it may be tried
            released = self.stack.log("worker").count("event=chunk_released")
            self.stack.start("worker")
            until(lambda: (self.stack.redis("HGET", "gs:{p0}:parts:" + job, "c0") or b"-")[:1] != b"-",
                  "the first chunk is taken")
            self.assertEqual(self.stack.stop("worker"), 0)
            self.assertEqual(self.stack.log("worker").count("event=chunk_released"), released + 1)
        self.stack.start("worker")
        info = self.stack.wait_for(job)
        self.assertEqual(info["status"], "successful", info)
        self.check_counts(info, n)


if __name__ == "__main__":
    unittest.main()
