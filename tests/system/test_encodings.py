"""Bodies with a Content-Encoding: carried as they came, decoded by the worker, refused or failed in words."""
import gzip
import json
import os
import subprocess
import tempfile
import unittest
import zlib

from harness import BUILD, SECRETS, SOUND, Stack, StackTest, children, collection, feature, kill, mixed, sign, until

def bare(body):
    z = zlib.compressobj(6, zlib.DEFLATED, -15)
    return z.compress(body) + z.flush()


FORMS = (
    ("gzip", gzip.compress),
    ("x-gzip", lambda b: gzip.compress(b[:len(b) // 2]) + gzip.compress(b[len(b) // 2:])),
    ("deflate", zlib.compress),
    ("Deflate", bare),
)


class Encodings(StackTest):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(environ={"GEOSLUICE_WORKER_CHUNK_FEATURES": "500",
                                   "GEOSLUICE_WORKER_MAX_DECODED_BYTES": "20000000"})

    def post(self, encoding, body, source="acme", **more):
        return self.stack.post(source, body, signed=dict(sign(source, body), **{"content-encoding": encoding}), **more)

    def run_encoded(self, encoding, body, **more):
        answer = self.post(encoding, body, **more)
        self.assertEqual(answer.status, 202, answer)
        job = answer.json()["jobID"]
        return job, self.stack.wait_for(job)

    def results(self, job):
        return self.stack.get("/v1/jobs/%s/results" % job, "application/geo+json-seq").lines()

    def test_each_coding(self):
        body, rejected = mixed(50)
        plain, _ = self.stack.run("acme", body)
        for encoding, encode in FORMS:
            with self.subTest(encoding):
                encoded = encode(body)
                job, info = self.run_encoded(encoding, encoded)
                self.check_counts(info, 50, rejected)
                self.assertEqual(info["bytes"], {"received": len(encoded), "parsed": len(encoded)})
                self.assertEqual(info["progress"], 100)
                self.assertEqual(self.results(job), self.results(plain))

    def test_a_chunked_body_of_many_segments(self):
        body, rejected = mixed(30000)
        encoded = gzip.compress(body, 0)        # stored: it stays large
        self.assertGreater(len(encoded), 1 << 21)
        pieces = [encoded[i:i + 100_000] for i in range(0, len(encoded), 100_000)]
        _, info = self.run_encoded("gzip", pieces)
        self.check_counts(info, 30000, rejected)

    def test_offsets_are_those_of_the_document(self):
        body = collection(SOUND, *[SOUND] * 20)[:-2] + b" x]}"
        _, info = self.run_encoded("gzip", gzip.compress(body))
        self.assertEqual((info["status"], info["code"], info["offset"]), ("failed", "JSON_SYNTAX", body.index(b"x]}")))

    def test_streams_that_are_not_whole(self):
        body = collection(SOUND)
        good = gzip.compress(body)
        for encoding, encoded, word in (
                ("gzip", good[:-3], "too early"), ("gzip", good + b"{}", "damaged"), ("gzip", body, "damaged"),
                ("deflate", zlib.compress(body)[:-1], "too early"), ("deflate", body, "damaged"),
                ("zstd", body, "damaged"), ("gzip", good[:20] + b"\xff" + good[21:], "")):
            with self.subTest("%s %r" % (encoding, encoded[-4:])):
                job, info = self.run_encoded(encoding, encoded)
                self.assertEqual((info["status"], info["code"]), ("failed", "BODY_ENCODING"), info)
                self.assertIn(word, info["message"])
                self.assertEqual(self.stack.get("/v1/jobs/%s/results" % job).status, 410)

    def test_bombs(self):
        bomb = gzip.compress(b" " * 15_000_000, 9)
        _, info = self.run_encoded("gzip", bomb)
        self.assertEqual((info["status"], info["code"]), ("failed", "BODY_INFLATES"), info)
        self.assertIn("max_decoded_ratio", info["message"])
        # Fifty times its size is no bomb yet.
        noise = {"type": "FeatureCollection", "features": [], "noise": os.urandom(30000).hex()}
        encoded = gzip.compress(json.dumps(noise).encode() + b" " * 2_000_000)
        self.assertEqual(self.run_encoded("gzip", encoded)[1]["status"], "successful")

    def test_more_than_is_allowed_in_all(self):
        doc = b'{"type":"FeatureCollection","features":[]}'
        padding = gzip.compress(b" \n" * 500_000, 0)    # stored: it is no larger than it looks
        _, info = self.run_encoded("gzip", gzip.compress(doc) + padding * 21)
        self.assertEqual(info["code"], "BODY_INFLATES", info)
        self.assertIn("max_decoded_bytes", info["message"])

    def test_a_second_pass(self):
        point = feature({"type": "Point", "coordinates": [500000, 5000000]}, 1)
        body = json.dumps({"type": "FeatureCollection", "features": [point],
                           "crs": {"type": "name", "properties": {"name": "EPSG:25832"}}}).encode()
        job, info = self.run_encoded("gzip", gzip.compress(body))
        self.check_counts(info, 1, 0)
        self.assertEqual(info["crs"], "EPSG:25832")
        self.assertAlmostEqual(self.results(job)[0]["geometry"]["coordinates"][0], 9, 3)

    def test_a_worker_dies_in_the_middle(self):
        body, rejected = mixed(30000)
        answer = self.post("gzip", gzip.compress(body))
        job = answer.json()["jobID"]

        def in_the_middle():
            info = self.stack.job(job)
            if info["status"] == "running" and info["counts"]["features"] > 0:
                self.assertLessEqual(info["bytes"]["parsed"], info["bytes"]["received"])
                return True
            return False
        until(in_the_middle, "the job has begun")
        kill(children(self.stack.pid("worker")))
        info = self.stack.wait_for(job)
        self.assertEqual(info["status"], "successful", info)
        self.check_counts(info, 30000, rejected)
        self.assertEqual(len(self.results(job)), 30000 - rejected)
        self.assertGreaterEqual(int(self.stack.redis("HGET", "gs:{p0}:job:" + job, "attempts")), 2)

    def test_a_replay_is_decoded_too(self):
        job, info = self.run_encoded("gzip", gzip.compress(collection(SOUND))[:-1])
        self.assertEqual(info["code"], "BODY_ENCODING")
        letter = self.stack.get("/v1/dead-letters?job=" + job).json()["deadLetters"][0]
        answer = self.stack.request("POST", "/v1/dead-letters/%s/replay" % letter["id"])
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual(self.stack.wait_for(answer.json()["jobID"])["code"], "BODY_ENCODING")

    def test_codings_that_are_not_taken(self):
        body = collection(SOUND)
        for encoding in ("br", "gzip, gzip", "compress", "gzip;q=1", ""):
            with self.subTest(encoding):
                answer = self.post(encoding, body)
                self.check_problem(answer, 415)
                self.assertEqual(answer.headers["accept-encoding"], "gzip, deflate, zstd")
        _, info = self.run_encoded("identity", body)
        self.check_counts(info, 1, 0)

    def test_the_command_line_encodes(self):
        body, rejected = mixed(2000)
        with tempfile.NamedTemporaryFile(suffix=".geojson") as f:
            f.write(body)
            f.flush()
            for option in ("--gzip", "--zstd"):
                for scheme, source in (("standard-webhooks", "acme"), ("github", "hub")):
                    with self.subTest(option + " " + source):
                        done = subprocess.run(
                            [BUILD + "/geosluice", "send", "--url", "http://%s:%d" % self.stack.address,
                             "--source", source, "--scheme", scheme, "--secret", SECRETS[source], option, f.name],
                            capture_output=True, timeout=60)
                        self.assertEqual(done.returncode, 0, done.stderr)
                        info = self.stack.wait_for(done.stdout.decode().strip())
                        self.check_counts(info, 2000, rejected)
                        self.assertLess(info["bytes"]["received"], len(body) / 2)


if __name__ == "__main__":
    unittest.main()
