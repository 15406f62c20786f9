"""Documents that are meant to hurt: each fails in words, in bounded memory, and the next one passes."""
import json
import os
import random
import time
import unittest
import zlib

from harness import (PATIENCE_S, SANITISED, SOUND, Stack, StackTest, children, collection, feature, peak_rss_mb,
                     polygon, sign, until)

SERVER_MB, WORKER_MB = 64, 96


class Repeated(list):
    """A long body that is made while it is sent: head, n times piece, tail."""

    def __init__(self, head, piece, n, tail):
        super().__init__([head])
        self.head, self.piece, self.n, self.tail = head, piece, n, tail

    def __iter__(self):
        yield self.head
        for _ in range(self.n):
            yield self.piece
        yield self.tail


def packed(head, piece, n, tail):
    """The same as one gzip body: some hundredth of it."""
    gzip = zlib.compressobj(6, zlib.DEFLATED, 31)
    block, rest = piece * (n // 100), piece * (n % 100)
    parts = [head] + [block] * 100 + [rest, tail]
    return b"".join([gzip.compress(part) for part in parts] + [gzip.flush()])


class Poison(StackTest):
    def fails(self, body, *codes, content_type="application/geo+json", signed=None):
        job, info = self.stack.run("acme", body, content_type=content_type, signed=signed)
        self.assertEqual(info["status"], "failed", info)
        letters = self.stack.get("/v1/dead-letters?job=" + job).json()["deadLetters"]
        self.assertEqual(len(letters), 1)
        self.assertEqual(letters[0]["kind"], "document")
        self.assertIn(letters[0]["code"], codes)
        self.assertTrue(info["message"])
        return letters[0]

    def tearDown(self):
        _, info = self.stack.run("acme", collection(SOUND))
        self.check_counts(info, 1, rejected=0)
        if not SANITISED:
            self.assertLessEqual(peak_rss_mb(self.stack.pid("server")), SERVER_MB)
            for pid in children(self.stack.pid("worker")):
                self.assertLessEqual(peak_rss_mb(pid), WORKER_MB)

    def test_not_json(self):
        self.fails(b"<gml:FeatureCollection/>", "JSON_SYNTAX")
        self.fails(b"\x00\x01\x02\x03", "JSON_SYNTAX")
        self.fails(b'{"type":"FeatureCollection","features":[]} trailing', "JSON_TRAILING")
        self.fails(b'{"type":"FeatureCollection","features":[', "JSON_TRUNCATED")
        self.fails(b'{"type":"FeatureCollection","n":NaN,"features":[]}', "JSON_NONFINITE", "JSON_SYNTAX")
        self.fails(b'{"type":"FeatureCollection","s":"\xff","features":[]}', "JSON_UTF8")

    def test_not_geojson(self):
        self.fails(b"[1,2,3]", "ROOT_NOT_OBJECT")
        self.fails(b'"text"', "ROOT_NOT_OBJECT")
        self.fails(b"{}", "TYPE_MISSING")
        self.fails(b'{"type":"Topology","objects":{}}', "TYPE_UNKNOWN")
        self.fails(b'{"type":"FeatureCollection"}', "FEATURES_MISSING")
        self.fails(b'{"type":"FeatureCollection","features":{}}', "FEATURES_NOT_ARRAY")

    def test_ten_thousand_levels(self):
        for body in (b"[" * 10000, b"[" * 10000 + b"]" * 10000, b'{"a":' * 10000 + b"1" + b"}" * 10000,
                     b'{"type":"FeatureCollection","features":' + b"[" * 10000 + b"]" * 10000 + b"}"):
            self.fails(body, "JSON_DEPTH", "ROOT_NOT_OBJECT")

    def test_a_number_of_300_mb(self):
        self.fails(Repeated(b'{"type":"Point","coordinates":[1', b"0" * 1_000_000, 300, b",2]}"), "TOKEN_TOO_LONG")

    def test_a_string_of_300_mb(self):
        collection_begin = b'{"type":"FeatureCollection","features":[],"'
        self.fails(Repeated(collection_begin + b'name":"', b"x" * 1_000_000, 300, b'"}'), "TOKEN_TOO_LONG")
        self.fails(Repeated(collection_begin, b"x" * 1_000_000, 300, b'":1}'), "TOKEN_TOO_LONG")

    def test_a_gzip_bomb(self):
        """A gigabyte of blanks from a megabyte; tests of every coding are in test_encodings."""
        body = packed(b'{"type":"FeatureCollection",', b" " * 1_000_000, 1000, b'"features":[]}')
        self.fails(body, "BODY_INFLATES", signed=dict(
            sign("acme", body), **{"content-encoding": "gzip", "content-type": "application/geo+json"}))

    def test_white_space_without_end(self):
        self.fails(Repeated(b"", b" " * 1_000_000, 50, b" "), "JSON_TRUNCATED", "JSON_SYNTAX")


class Many(unittest.TestCase):
    """So many features without anything in them, and so many that become dead letters, from a small gzip body.

    POISON_FEATURES sets how many; docs/operations.md has what ten million come to.
    """

    EMPTY = int(os.environ.get("POISON_FEATURES", "100000" if SANITISED else "1000000"))
    LETTERS = int(os.environ.get("POISON_FEATURES", "20000" if SANITISED else "100000"))
    KEPT = 500

    def setUp(self):
        self.stack = Stack(environ={"GEOSLUICE_REDIS_MAX_DEAD_LETTERS": str(self.KEPT),
                                    "GEOSLUICE_WORKER_MAX_DECODED_RATIO": "10000"})
        self.addCleanup(self.stack.close)

    def sends(self, piece, n):
        body = packed(b'{"type":"FeatureCollection","features":[' + piece, b"," + piece, n - 1, b"]}")
        signed = dict(sign("acme", body), **{"content-encoding": "gzip", "content-type": "application/geo+json"})
        began = time.monotonic()
        answer = self.stack.post("acme", body, signed=signed)
        self.assertEqual(answer.status, 202, answer)
        job = answer.json()["jobID"]
        info = self.stack.wait_for(job, max(PATIENCE_S, n / 1000))
        self.assertEqual((info["status"], info["counts"]["features"]), ("successful", n), info)
        print("%d features from %d bytes: %.1f s, Redis at most %d MB" % (
            n, len(body), time.monotonic() - began, int(self.stack.redis.info("used_memory_peak")) >> 20), flush=True)
        if not SANITISED:
            self.assertLessEqual(peak_rss_mb(self.stack.pid("server")), SERVER_MB)
            for pid in children(self.stack.pid("worker")):
                self.assertLessEqual(peak_rss_mb(pid), WORKER_MB)
        return job, info

    def test_features_without_anything_in_them(self):
        _, info = self.sends(b'{"type":"Feature","geometry":null,"properties":null}', self.EMPTY)
        self.assertEqual(info["counts"]["accepted"], self.EMPTY)

    def test_more_dead_letters_than_may_be_kept_are_counted(self):
        job, info = self.sends(b"{}", self.LETTERS)
        self.assertEqual(info["counts"]["rejected"], self.LETTERS)
        until(lambda: self.stack.redis("XLEN", "gs:{p0}:dead") == self.KEPT, "the janitor has been there",
              max(PATIENCE_S, self.LETTERS / 1000))
        dropped = self.stack.job(job)["deadLettersDropped"]
        self.assertEqual(dropped, {"TYPE_MISSING": self.LETTERS - self.KEPT})
        report = self.stack.get("/v1/jobs/%s/report" % job).body
        self.assertEqual(report.count(b"\n"), self.LETTERS, "the report still tells of each")
        self.assertIn(b"geosluice_janitor_letters_dropped_total", self.stack.get("/metrics").body)


class TooLarge(StackTest):
    """A worker holds one feature: what max_feature_bytes allows, about three times over."""

    def test_a_feature_of_100_mb_is_rejected_and_its_neighbours_are_not(self):
        one = json.dumps(SOUND).encode()
        job, info = self.stack.run("acme", Repeated(
            b'{"type":"FeatureCollection","features":[' + one + b',{"type":"Feature","properties":null,'
            b'"geometry":{"type":"LineString","coordinates":[[0,0]', b",[1,1]" * 10000, 1700, b"]}}," + one + b"]}"))
        self.assertEqual(info["status"], "successful", info)
        self.check_counts(info, 3, rejected=1)
        letters = self.stack.get("/v1/dead-letters?job=" + job).json()["deadLetters"]
        self.assertEqual([d["code"] for d in letters], ["FEATURE_TOO_LARGE"])
        self.check_problem(self.stack.request("POST", "/v1/dead-letters/%s/replay" % letters[0]["id"]), 422)
        if not SANITISED:
            self.assertLessEqual(peak_rss_mb(self.stack.pid("server")), SERVER_MB)
            for pid in children(self.stack.pid("worker")):
                self.assertLessEqual(peak_rss_mb(pid), 3 * 32 + 64)


class Scribble(StackTest):
    """Every line crosses every other: millions of crossings, and no repair of them means anything."""

    def test_a_scribble_of_5000_vertices_is_a_dead_letter_and_its_neighbours_are_not(self):
        pick = random.Random(7)
        ring = [[pick.uniform(-80, 80), pick.uniform(-80, 80)] for _ in range(5000)]
        job, info = self.stack.run("acme", collection(SOUND, feature(polygon([ring + ring[:1]]), 2), SOUND))
        self.assertEqual(info["status"], "successful", info)
        self.check_counts(info, 3, rejected=1)
        letters = self.stack.get("/v1/dead-letters?job=" + job).json()["deadLetters"]
        self.assertEqual([d["index"] for d in letters], [1])
        self.assertIn(letters[0]["code"], ("REPAIR_FAILED", "FEATURE_TIMEOUT"))
        _, info = self.stack.run("acme", collection(SOUND))
        self.check_counts(info, 1, rejected=0)


if __name__ == "__main__":
    unittest.main()
