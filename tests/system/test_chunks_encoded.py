"""Large collections with a Content-Encoding, in chunks: all that test_chunks tries, and what only they can do."""
import gzip
import random
import unittest
import zlib

import test_chunks
from encoded import ENCODERS, EncodedStack
from harness import PATIENCE_S, SOUND, Stack, children, collection, kill, sign, until
from test_chunks import CRS, WIDE, mixture


class Encoded:
    """Of what chunks held of the text, nothing counts any more."""

    def leaves_nothing(self, job):
        super().leaves_nothing(job)
        redis, hash_key = self.stack.redis, "gs:{p0}:job:" + job
        if redis("HGET", hash_key, "state") == b"dismissed":
            return self.assertEqual(redis("HGET", "gs:{p0}:room", "queued:acme"), b"0")
        self.assertIsNone(redis("HGET", hash_key, "texts"))
        self.assertIn(redis("HGET", hash_key, "v"), (None, b"1", b"2"))
        self.assertEqual(redis("HGET", "gs:{p0}:room", "queued:acme"), b"0")
        body = redis("XRANGE", "gs:{p0}:raw:" + job, "-", "+")
        self.assertEqual(int(redis("HGET", hash_key, "held")), sum(len(fields[1]) for _, fields in body))


class Gzip(Encoded, test_chunks.Chunks):
    @classmethod
    def setUpClass(cls):
        cls.stack = EncodedStack("gzip", environ=test_chunks.SETTINGS)


class Zstd(Encoded, test_chunks.Chunks):
    @classmethod
    def setUpClass(cls):
        cls.stack = EncodedStack("zstd", environ=test_chunks.SETTINGS)


def outcome(stack, job, info):
    """All that a sender can see of it."""
    letters = stack.get("/v1/dead-letters?limit=1000&job=" + job).json()["deadLetters"]
    seen = [info.get(k) for k in ("status", "code", "offset", "message", "crs")]
    seen.append(sorted((x["offset"], x["kind"], x["code"], x.get("index", -1)) for x in letters))
    if info["status"] == "successful":      # else it depends on how many chunks were done by then
        seen += [info["counts"], stack.get("/v1/jobs/%s/report" % job).lines(),
                 stack.get("/v1/jobs/%s/results" % job, "application/geo+json-seq").body]
    return seen


class Backlog(unittest.TestCase):
    """Many that wait, each of which becomes fourteen times as long: their text that waits in Redis does not fill it."""

    DOCUMENTS = 16

    @staticmethod
    def document():
        pick = random.Random(5)

        def position():
            return "[%.9f,%.9f]" % (pick.uniform(0, 50), pick.uniform(0, 50))
        line, features = [position() for _ in range(80)], []
        for i in range(2000):
            line[::8] = [position() for _ in range(10)]
            features.append('{"type":"Feature","id":%d,"properties":null,"geometry":{"type":"LineString","coordinates":'
                            '[%s]}}' % (i, ",".join(line)))
        return ('{"type":"FeatureCollection","features":[%s]}' % ",".join(features)).encode()

    def test_all_end(self):
        body = gzip.compress(self.document())
        stack = Stack(start=("server",), environ={"GEOSLUICE_WORKER_PROCESSES": "2"})
        self.addCleanup(stack.close)
        stack.redis("CONFIG", "SET", "maxmemory", str(40 << 20))
        jobs = []
        for _ in range(self.DOCUMENTS):
            answer = stack.post("acme", body, signed=dict(sign("acme", body), **{"content-encoding": "gzip"}))
            self.assertEqual(answer.status, 202, answer)
            jobs.append(answer.json()["jobID"])
        stack.start("worker")
        for job in jobs:
            self.assertEqual(stack.wait_for(job, 4 * PATIENCE_S)["status"], "successful")
        self.assertNotIn("OOM", stack.log("worker"))


class Both(unittest.TestCase):
    """Whatever is posted, it comes to the same whether one worker reads it or all do its chunks."""

    @classmethod
    def setUpClass(cls):
        settings = {"GEOSLUICE_WORKER_MAX_DECODED_BYTES": "5000000", "GEOSLUICE_WORKER_MAX_FEATURE_BYTES": "100000",
                    "GEOSLUICE_WORKER_CHUNK_BYTES": "65536"}
        cls.stacks = []
        cls.split = cls.stack("gzip", dict(test_chunks.SETTINGS, **settings))
        cls.whole = cls.stack("gzip", dict(settings, GEOSLUICE_SERVER_SEGMENT_BYTES="8192",
                                            GEOSLUICE_WORKER_SPLIT_BYTES="1000000000"))

    @classmethod
    def stack(cls, encoding, environ):
        cls.stacks.append(EncodedStack(encoding, environ=environ))
        return cls.stacks[-1]

    @classmethod
    def tearDownClass(cls):
        for stack in cls.stacks:
            stack.close()

    def same(self, encoding, body, code=None, split=True):
        """code: why it fails; "": whatever."""
        seen = []
        for stack in self.stacks:
            stack.encoding = encoding
            job = stack.post_as_it_is(body).json()["jobID"]
            info = stack.wait_for(job, 2 * PATIENCE_S)
            seen.append(outcome(stack, job, info))
            if code != "":
                self.assertEqual(info.get("code"), code, info)
            if split:
                was = stack.redis("HMGET", "gs:{p0}:job:" + job, "head_end", "whole")
                self.assertEqual(was != [None, None], stack is self.split)
            self.assertEqual(stack.redis("EXISTS", "gs:{p0}:parts:" + job), 0)
            self.assertEqual(stack.redis("HGET", "gs:{p0}:room", "queued:acme"), b"0")
        self.assertEqual(*seen)

    def test_sound_documents(self):
        body = collection(*mixture(2000), bbox=WIDE, name="x")
        for encoding, encode in ENCODERS.items():
            self.same(encoding, encode(body))
        self.same("deflate", zlib.compress(body))
        self.same("deflate", zlib.compress(body)[2:-4])
        self.same("gzip", b"".join(gzip.compress(body[i:i + 9000]) for i in range(0, len(body), 9000)))
        self.same("gzip", gzip.compress(collection(*mixture(1000), crs=CRS)))

    def test_streams_that_are_not_whole(self):
        dice = random.Random(3)
        for encoding, encode in ENCODERS.items():
            good = encode(collection(*mixture(2000)))
            for bad in (good[:-1], good[:-9], good[:len(good) // 2], good + b"{}"):
                self.same(encoding, bad, "BODY_ENCODING")
            for _ in range(8):
                at = dice.randrange(len(good))
                self.same(encoding, good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1:], "", False)

    def test_what_is_wrong_before_it_counts(self):
        body = collection(*mixture(2000))
        half = body.index(b"}}", len(body) // 2)
        self.same("gzip", gzip.compress(body[:half] + b"!" + body[half:])[:-1], "JSON_SYNTAX")
        self.same("gzip", gzip.compress(body) + gzip.compress(b"x"), "JSON_TRAILING")
        self.same("gzip", gzip.compress(body[:half]), "JSON_TRUNCATED")

    def test_bombs(self):
        """Past the ratio, and past all that is allowed, in the middle of the features and behind them."""
        body = collection(*mixture(1000))
        blanks = b" " * 4_000_000
        self.same("gzip", gzip.compress(body[:-2] + blanks + body[-2:], 9), "BODY_INFLATES")
        self.same("gzip", gzip.compress(body + blanks, 9), "")
        self.same("gzip", gzip.compress(collection(*mixture(30000)), 1), "BODY_INFLATES")
        self.same("zstd", ENCODERS["zstd"](body[:-2] + b" " * 4_000_000 + body[-2:]), "BODY_INFLATES")

    def test_features_that_are_too_long(self):
        long = dict(SOUND, properties={"x": random.Random(2).randbytes(60_000).hex()})
        longer = dict(SOUND, properties={"x": random.Random(2).randbytes(1_600_000).hex()})
        self.same("gzip", gzip.compress(collection(*mixture(300), long, *mixture(300)), 1))
        self.same("gzip", gzip.compress(collection(*mixture(300), longer, *mixture(300)), 1))
        self.assertIn("event=read_whole", self.split.log("worker"))

    def test_much_behind_the_features(self):
        noise = random.Random(2).randbytes(40_000).hex()
        self.same("gzip", gzip.compress(collection(*mixture(300), x=noise), 1))
        body = collection(*mixture(300))
        self.same("gzip", gzip.compress(body[:-1] + b" \n" * 800_000 + body[-1:], 0), "")


class Many(unittest.TestCase):
    def setUp(self):
        self.stack = EncodedStack("gzip", environ=dict(
            test_chunks.SETTINGS, GEOSLUICE_WORKER_CHUNK_FEATURES="500", GEOSLUICE_WORKER_CHUNK_BYTES="65536",
            GEOSLUICE_WORKER_CHUNKS_OUTSTANDING="16"))
        self.addCleanup(self.stack.close)
        self.body = collection(*mixture(40000))

    def held(self, job):
        """Bytes of text that wait or are worked on, as counted and as they are."""
        script = ("local n = 0 for _, f in ipairs(redis.call('HKEYS', KEYS[1])) do if tonumber(f) then "
                  "n = n + redis.call('HSTRLEN', KEYS[1], f) end end "
                  "return {n, tonumber(redis.call('HGET', KEYS[2], 'texts') or '0')}")
        return self.stack.redis("EVAL", script, 2, "gs:{p0}:parts:" + job, "gs:{p0}:job:" + job)

    def test_all_workers_share_it_and_little_waits(self):
        """Two machines, as far as Redis can tell."""
        other = self.stack.running.pop("worker")
        self.stack.start("worker")
        self.addCleanup(lambda: (other.terminate(), other.wait(PATIENCE_S)))
        for encoding in ENCODERS:
            self.stack.encoding = encoding
            job = self.stack.post("acme", self.body).json()["jobID"]
            who, most = set(), 0

            def ended():
                nonlocal most
                for entry in self.stack.redis("XPENDING", "gs:{p0}:chunks", "workers", "-", "+", "20"):
                    who.add(entry[1].rsplit(b"-", 1)[0])
                there, counted = self.held(job)
                self.assertEqual(there, counted)
                most = max(most, there)
                return self.stack.redis("HGET", "gs:{p0}:job:" + job, "state") not in (b"accepted", b"running")
            until(ended, "it is done", 2 * PATIENCE_S)
            self.check(job)
            self.assertEqual(len(who), 2, who)
            self.assertGreater(most, 0)
            self.assertLessEqual(most, 16 * 65536 / 4)

    def check(self, job):
        info = self.stack.wait_for(job, 2 * PATIENCE_S)
        self.assertEqual((info["status"], info["counts"]["features"]), ("successful", 40000), info)
        self.assertEqual(info["bytes"]["parsed"], info["bytes"]["received"])
        answer = self.stack.get("/v1/jobs/%s/results" % job, "application/geo+json-seq")
        self.assertEqual(answer.body.replace(b"\x1e", b""),
                         test_chunks.run_cli(self.stack, "convert", self.body).replace(b"\x1e", b""))

    def test_progress_is_that_of_the_body(self):
        job = self.stack.post("acme", self.body).json()["jobID"]

        def ended():
            info = self.stack.job(job)
            self.assertLessEqual(info["bytes"]["parsed"], info["bytes"]["received"])
            return info["status"] not in ("accepted", "running")
        until(ended, "it is done", 2 * PATIENCE_S)
        self.check(job)

    def test_who_cuts_it_is_killed_again_and_again(self):
        job = self.stack.post("acme", self.body).json()["jobID"]
        hash_key, chunk = "gs:{p0}:job:" + job, 0
        for _ in range(3):
            def further(before=chunk):
                now = self.stack.redis("HMGET", hash_key, "split", "split_chunk")
                return now[0] == b"done" or int(now[1] or 0) > before and int(now[1])
            chunk = until(further, "chunks are given out")
            if chunk is True:
                break
            kill(children(self.stack.pid("worker")))
        self.assertGreater(int(self.stack.redis("HGET", hash_key, "split_chunk")), 1)
        self.check(job)


if __name__ == "__main__":
    unittest.main()
