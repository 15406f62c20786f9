"""A collection's own bbox: compared with what came, made anew of what goes out; whole and in chunks, by two workers."""
import json
import unittest

from harness import FAR_AWAY, SECRETS, SOUND, Stack, StackTest, collection, feature

CHUNKS = {
    "GEOSLUICE_WORKER_SPLIT_BYTES": "1",
    "GEOSLUICE_WORKER_CHUNK_FEATURES": "20",
    "GEOSLUICE_SERVER_SEGMENT_BYTES": "4096",
}
EXTRA = """
[source strict]
secret = {0}
BBOX_MISMATCH = reject
[source mending]
secret = {0}
BBOX_MISMATCH = fix
""".format(SECRETS["acme"])


def point(i, *position):
    return feature({"type": "Point", "coordinates": list(position)}, i)


def line_of(n):
    """Points from [0, 0] to [n / 10, n / 100]."""
    return [point(i, i / 10, i / 100) for i in range(n + 1)]


class Whole(StackTest):
    """Documents that one worker reads. What has to come of them does not depend on that."""

    ENVIRON = {}
    split = False

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(EXTRA, environ=cls.ENVIRON)

    def outcome(self, body, features, source="acme", rejected=0):
        """(the delivered collection, notes in the report)"""
        job, info = self.stack.run(source, body, secret=SECRETS.get(source, SECRETS["acme"]))
        self.assertEqual(info["status"], "successful", info)
        self.check_counts(info, features, rejected)
        report = self.stack.get("/v1/jobs/%s/report" % job).lines()
        self.assertEqual(len([line for line in report if line["outcome"] == "rejected"]), rejected)
        split = self.stack.redis("HGET", "gs:{p0}:job:" + job, "split_chunk")
        self.assertEqual(split is not None, self.split)
        return (self.stack.get("/v1/jobs/%s/results" % job).json(),
                [line for line in report if line["outcome"] == "noted"])

    def both_ways(self, features, bbox, **more):
        """With the bbox behind the features, and before them: the same comes of it."""
        behind = self.outcome(collection(*features, bbox=bbox), len(features), **more)
        document = {"bbox": bbox, "type": "FeatureCollection", "features": features}
        before = self.outcome(json.dumps(document).encode(), len(features), **more)
        self.assertEqual(before[0], behind[0])
        for notes in before[1], behind[1]:
            for note in notes:
                self.assertEqual((note["code"], note["path"]), ("BBOX_MISMATCH", "/bbox"))
                self.assertNotIn("index", note)
        self.assertEqual(len(before[1]), len(behind[1]))
        return behind

    def test_none_where_there_was_none(self):
        for body, n in ((collection(*line_of(200), name="x"), 201), (collection(), 0)):
            results, notes = self.outcome(body, n)
            self.assertNotIn("bbox", results)
            self.assertEqual(notes, [])

    def test_it_is_of_what_goes_out(self):
        features = line_of(200)
        results, notes = self.both_ways(features, [-10, -10, 30, 30])
        self.assertEqual(results["bbox"], [0, 0, 20, 2])
        self.assertEqual(len(results["features"]), 201)
        self.assertEqual(notes, [])
        results, notes = self.both_ways(features, [0, 0, 19.9, 2])
        self.assertEqual(results["bbox"], [0, 0, 20, 2])
        self.assertEqual(len(notes), 1)

    def test_foreign_members_stay_beside_it(self):
        results, _ = self.outcome(collection(*line_of(100), bbox=[0, 0, 10, 1], name="x"), 101)
        self.assertEqual((results["name"], results["bbox"]), ("x", [0, 0, 10, 1]))

    def test_rejected_features_do_not_count(self):
        features = [FAR_AWAY] * 30 + line_of(100) + [FAR_AWAY] * 30
        results, notes = self.both_ways(features, [0, 0, 10, 1], rejected=60)
        self.assertEqual(results["bbox"], [0, 0, 10, 1])
        self.assertEqual(notes, [])

    def test_of_nothing_there_is_none(self):
        for features, rejected in (([], 0), ([FAR_AWAY] * 50, 50), ([feature(None, i) for i in range(50)], 0)):
            results, notes = self.both_ways(features, [0, 0, 10, 1], rejected=rejected)
            self.assertNotIn("bbox", results)
            self.assertEqual(len(results["features"]), len(features) - rejected)
            self.assertEqual(notes, [])

    def test_across_the_antimeridian(self):
        """RFC 7946, section 5.2: Fiji."""
        features = [point(i, 177 + i / 100, -20 + i / 100) for i in range(300)]
        features += [point(300 + i, -180 + i / 100, -19 + i / 100) for i in range(201)]
        across = {"type": "LineString", "coordinates": [[179, -18], [-179, -18]]}
        features.append(feature(across, 999))
        results, notes = self.both_ways(features, [177, -20, -178, -16])
        self.assertEqual(results["bbox"], [177, -20, -178, -17])
        self.assertEqual(notes, [])
        _, notes = self.both_ways(features, [177, -20, -179, -16])
        self.assertEqual(len(notes), 1)
        results, notes = self.both_ways(features + [point(1000, 0, 0)], [-180, -90, 180, 90])
        self.assertEqual(results["bbox"], [0, -20, -178, 0])
        self.assertEqual(notes, [])

    def test_heights(self):
        features = [point(i, i / 10, i / 100, 1000 - i) for i in range(101)]
        results, notes = self.both_ways(features, [0, 0, 900, 10, 1, 1000])
        self.assertEqual((results["bbox"], notes), ([0, 0, 900, 10, 1, 1000], []))
        results, notes = self.both_ways(features, [0, 0, 901, 10, 1, 1000])
        self.assertEqual((results["bbox"], len(notes)), ([0, 0, 900, 10, 1, 1000], 1))
        results, notes = self.both_ways(features, [0, 0, 10, 1])
        self.assertEqual((results["bbox"], len(notes)), ([0, 0, 10, 1], 1))
        results, notes = self.both_ways(features, [0, 0, 10, 1], source="mending")
        self.assertEqual((results["bbox"], len(notes)), ([0, 0, 900, 10, 1, 1000], 1))
        results, notes = self.both_ways(line_of(100), [0, 0, 0, 10, 1, 0])
        self.assertEqual((results["bbox"], len(notes)), ([0, 0, 10, 1], 1))

    def test_in_the_target_crs(self):
        results, notes = self.both_ways(line_of(100), [0, 0, 10, 1], source="metric")
        self.assertEqual(notes, [])
        corner = results["features"][-1]["geometry"]["coordinates"]
        self.assertEqual(results["bbox"][:2] + results["bbox"][2:], [0, results["bbox"][1]] + corner)
        self.assertAlmostEqual(results["bbox"][2], 1113194.9, 1)

    def test_in_another_crs(self):
        """The bbox is in the document's: it is compared there, also where the CRS comes last of all."""
        crs = {"type": "name", "properties": {"name": "EPSG:3857"}}
        features = [point(i, i * 1000, i * 10) for i in range(101)]
        for box, noted in (([0, 0, 100000, 1000], 0), ([0, 0, 10, 1], 1), ([100000, 0, 0, 1000], 1)):
            before = json.dumps({"type": "FeatureCollection", "crs": crs, "bbox": box, "features": features}).encode()
            results, notes = self.outcome(before, 101)
            self.assertEqual(len(notes), noted, box)
            self.assertAlmostEqual(results["bbox"][2], 0.898315, 5)

    def test_where_it_is_set_to_reject_the_document_fails(self):
        features = line_of(100)
        results, notes = self.both_ways(features, [0, 0, 10, 1], source="strict")
        self.assertEqual((results["bbox"], notes), ([0, 0, 10, 1], []))
        body = collection(*features, bbox=[0, 0, 9, 1])
        job, info = self.stack.run("strict", body, secret=SECRETS["acme"])
        self.assertEqual((info["status"], info["code"], info["offset"]),
                         ("failed", "BBOX_MISMATCH", body.index(b"[0, 0, 9, 1]")))
        self.assertEqual(self.stack.redis("EXISTS", "gs:{p0}:out:" + job), 0)
        letters = self.stack.get("/v1/dead-letters?job=" + job).json()["deadLetters"]
        self.assertEqual([(x["kind"], x["code"]) for x in letters], [("document", "BBOX_MISMATCH")])

    def test_what_it_holds_is_given_back(self):
        before = self.stack.redis("HGET", "gs:{p0}:room", "results:acme") or b"0"
        job, _ = self.stack.run("acme", collection(*line_of(200), bbox=[0, 0, 9, 1], name="x"))
        held = int(self.stack.redis("HGET", "gs:{p0}:job:" + job, "results"))
        stored = sum(len(v) for key in ("out", "report")
                     for v in self.stack.redis("HVALS", "gs:{p0}:%s:%s" % (key, job)))
        self.assertEqual(held, stored)
        self.assertEqual(int(self.stack.redis("HGET", "gs:{p0}:room", "results:acme")) - int(before), stored)


class Chunked(Whole):
    ENVIRON = CHUNKS
    split = True

    def test_one_who_knew_nothing_of_it_had_a_part_in_it(self):
        """A worker of an older version: what the others say is not of all, and so it is left out."""
        self.stack.stop("worker")
        body = collection(*line_of(1500), bbox=[0, 0, 9, 1])
        job = self.stack.post("acme", body).json()["jobID"]
        forget = "redis.call('HSET', KEYS[1], 'reach', '+7 <1')"
        self.stack.redis("EVAL", forget, 1, "gs:{p0}:job:" + job)
        self.stack.start("worker")
        self.check_counts(self.stack.wait_for(job), 1501, 0)
        results = self.stack.get("/v1/jobs/%s/results" % job).json()
        self.assertNotIn("bbox", results)
        self.assertEqual(len(results["features"]), 1501)


class Sequences(StackTest):
    def run_lines(self, *records):
        body = b"".join(b"\x1e" + json.dumps(r).encode() + b"\n" for r in records)
        job, info = self.stack.run("acme", body, content_type="application/geo+json-seq")
        self.assertEqual(info["status"], "successful", info)
        report = self.stack.get("/v1/jobs/%s/report" % job).lines()
        return self.stack.get("/v1/jobs/%s/results" % job).json(), report

    def test_of_features_none(self):
        results, report = self.run_lines(SOUND, dict(SOUND, id=7, bbox=[0, 0, 90, 90]))
        self.assertNotIn("bbox", results)
        self.assertEqual(report, [])

    def test_of_collections_one_over_all_that_is_not_compared(self):
        one = {"type": "FeatureCollection", "features": [point(1, 1, 2)], "bbox": [0, 0, 1, 1]}
        other = {"type": "FeatureCollection", "features": [point(2, 3, 4)]}
        results, report = self.run_lines(one, other, point(3, 5, 6))
        self.assertEqual(results["bbox"], [1, 2, 5, 6])
        self.assertEqual(report, [])


if __name__ == "__main__":
    unittest.main()
