"""A document goes in, features come out, in each form that a document can have."""
import json
import unittest

from harness import (BOW_TIE, FAR_AWAY, PATIENCE_S, SOUND, UNCLOSED, StackTest, collection, feature, mixed, polygon,
                     square)
from raw_client import RawClient


class MainJob(StackTest):
    def test_a_delivery_whose_job_was_removed_is_known_and_leads_nowhere(self):
        body = collection(SOUND)
        job, _ = self.stack.run("acme", body, delivery="msg_removed")
        self.assertEqual(self.stack.request("DELETE", "/v1/jobs/" + job).status, 200)
        again = self.stack.post("acme", body, delivery="msg_removed")
        self.assertEqual((again.status, again.json()["jobID"]), (202, job))
        self.assertNotIn("location", again.headers)
        self.assertIn("no longer kept", again.json()["message"])

    def test_the_answer_to_a_document_is_a_promise_with_an_address(self):
        body = collection(SOUND)
        answer = self.stack.post("acme", body)
        self.assertEqual(answer.status, 202, answer)
        info = answer.json()
        self.assertEqual(answer.headers["location"], "/v1/jobs/" + info["jobID"])
        self.assertIn(info["status"], ("accepted", "running", "successful"))
        self.assertEqual(info["type"], "process")
        ended = self.stack.wait_for(info["jobID"])
        self.assertEqual(ended["status"], "successful")
        self.check_counts(ended, 1, rejected=0)
        self.assertEqual(ended["bytes"], {"received": len(body), "parsed": len(body)})
        self.assertEqual(ended["progress"], 100)
        self.assertTrue({"created", "started", "finished", "updated", "links"} <= set(ended))

    def test_each_feature_is_counted_and_told_of(self):
        job, info = self.stack.run("acme", collection(SOUND, BOW_TIE, UNCLOSED, FAR_AWAY))
        self.assertEqual(info["counts"], {"features": 4, "accepted": 1, "repaired": 1, "rejected": 2})
        report = self.stack.get("/v1/jobs/%s/report" % job)
        self.assertEqual(report.status, 200)
        told = {line["index"]: line for line in report.lines()}
        self.assertEqual(told[1]["outcome"], "repaired")
        self.assertIn(told[1]["code"], ("SELF_INTERSECTION", "RING_SELF_INTERSECTION"))
        self.assertEqual(told[1]["at"], [1, 1])
        self.assertEqual((told[2]["outcome"], told[2]["code"]), ("rejected", "RING_UNCLOSED"))
        self.assertTrue(told[2]["path"].startswith("/features/2/geometry"), told[2])
        self.assertEqual((told[3]["outcome"], told[3]["code"]), ("rejected", "LON_RANGE"))
        self.assertNotIn(0, told)

    def test_a_sound_feature_comes_out_as_it_went_in(self):
        text = ('{"type":"FeatureCollection","name":"layer","features":[{"id":"é☃","bbox":[1.10,2,3,4.5],'
                '"type":"Feature","extra":{"a":[1,2.50,1e2]},"properties":{"n":12345678901234567890,"f":1.500,'
                '"s":"\\u00e9\\ud83d\\ude00"},"geometry":{"coordinates":[[[1.1,2],[3,2],[3,4.5],[1.1,2]]],'
                '"type":"Polygon"}}]}')
        job, info = self.stack.run("acme", text.encode())
        self.check_counts(info, 1, rejected=0)
        answer = self.stack.get("/v1/jobs/%s/results" % job, "application/geo+json")
        self.assertEqual(answer.headers["content-type"], "application/geo+json")
        doc, want = answer.json(), json.loads(text)
        self.assertEqual(doc, want)
        for literal in ('12345678901234567890', '1.500', '[1,2.50,1e2]'):
            self.assertIn(literal, answer.body.decode())

    def test_results_come_in_both_forms(self):
        job, _ = self.stack.run("acme", collection(SOUND, BOW_TIE))
        whole = self.stack.get("/v1/jobs/%s/results" % job, "application/geo+json").json()
        self.assertEqual(whole["type"], "FeatureCollection")
        sequence = self.stack.get("/v1/jobs/%s/results" % job, "application/geo+json-seq")
        self.assertEqual(sequence.headers["content-type"], "application/geo+json-seq")
        self.assertEqual(sequence.headers["vary"], "Accept")
        self.assertTrue(sequence.body.startswith(b"\x1e"))
        self.assertEqual(sequence.lines(), whole["features"])
        self.assertEqual([f["id"] for f in whole["features"]], [1, 2])
        self.assertEqual(whole["features"][1]["geometry"]["type"], "MultiPolygon")

    def test_members_of_the_collection_come_back_in_geojson(self):
        job, _ = self.stack.run("acme", collection(SOUND, name="all of it", more={"a": [1]}))
        path = "/v1/jobs/%s/results" % job
        self.assertEqual({k: v for k, v in self.stack.get(path).json().items() if k not in ("type", "features")},
                         {"name": "all of it", "more": {"a": [1]}})
        for form in ("application/geo+json-seq", "application/x-ndjson"):
            self.assertEqual([f["id"] for f in self.stack.get(path, form).lines()], [1])

    def test_the_answer_to_head_ends_with_its_headers(self):
        job, _ = self.stack.run("acme", collection(SOUND))
        for tail in ("", "/results", "/report"):
            with self.subTest(tail):
                client = RawClient(self.stack.address, PATIENCE_S)
                client.send(b"HEAD /v1/jobs/%s%s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
                            % (job.encode(), tail.encode()))
                self.assertEqual(client.answer(body=False)[0], 200)
                self.assertTrue(client.hung_up())   # and nothing behind the headers
                client.close()

    def test_features_are_reprojected_for_a_source_that_asks_for_it(self):
        point = feature({"type": "Point", "coordinates": [10, 50]})
        job, info = self.stack.run("metric", collection(point))
        self.check_counts(info, 1, rejected=0)
        out = self.stack.get("/v1/jobs/%s/results" % job).json()["features"][0]["geometry"]["coordinates"]
        self.assertAlmostEqual(out[0], 1113194.9079, 3)
        self.assertAlmostEqual(out[1], 6446275.8410, 3)

    def test_each_form_of_document(self):
        one = json.dumps(SOUND).encode()
        two = json.dumps(BOW_TIE).encode()
        cases = [
            ("Feature", one, "application/geo+json", 1),
            ("bare geometry", json.dumps(SOUND["geometry"]).encode(), "application/geo+json", 1),
            ("application/json", collection(SOUND, BOW_TIE), "application/json", 2),
            ("RFC 8142", b"\x1e" + one + b"\n\x1e" + two + b"\n", "application/geo+json-seq", 2),
            ("lines", one + b"\n" + two + b"\n", "application/x-ndjson", 2),
            ("empty collection", collection(), "application/geo+json", 0),
            ("charset named", collection(SOUND), "application/geo+json; charset=utf-8", 1),
        ]
        for name, body, content_type, features in cases:
            with self.subTest(name):
                _, info = self.stack.run("acme", body, content_type=content_type)
                self.assertEqual(info["status"], "successful", info)
                self.check_counts(info, features, rejected=0)

    def test_a_broken_first_line_is_one_feature(self):
        one = json.dumps(SOUND).encode()
        _, info = self.stack.run("acme", one[:-9] + b"\n" + one + b"\n" + one + b"\n",
                                 content_type="application/x-ndjson")
        self.assertEqual(info["status"], "successful", info)
        self.check_counts(info, 3, rejected=1)

    def test_members_may_come_in_any_order(self):
        f = '{"geometry":{"coordinates":[1,2],"type":"Point"},"properties":null,"type":"Feature"}'
        _, info = self.stack.run("acme", ('{"features":[%s,%s],"type":"FeatureCollection"}' % (f, f)).encode())
        self.check_counts(info, 2, rejected=0)

    def test_a_crs_member_behind_the_features_is_obeyed(self):
        f = '{"type":"Feature","properties":null,"geometry":{"type":"Point","coordinates":[1113194.9079,6446275.841]}}'
        crs = '"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::3857"}}'
        job, info = self.stack.run("acme", (
            '{"type":"FeatureCollection","features":[%s],%s}' % (f, crs)).encode())
        self.check_counts(info, 1, rejected=0)
        out = self.stack.get("/v1/jobs/%s/results" % job).json()["features"][0]["geometry"]["coordinates"]
        self.assertAlmostEqual(out[0], 10, 6)
        self.assertAlmostEqual(out[1], 50, 6)

    def test_a_large_document_in_many_segments_and_chunks(self):
        body, rejected = mixed(5000, vertices=40)
        self.assertGreater(len(body), 3 * 1024 * 1024)
        job, info = self.stack.run("acme", body)
        self.check_counts(info, 5000, rejected=rejected)
        out = self.stack.get("/v1/jobs/%s/results" % job, "application/geo+json-seq").lines()
        self.assertEqual(len(out), 5000 - rejected)

    def test_a_document_without_declared_length(self):
        body, rejected = mixed(1000)
        pieces = [body[i:i + 1000] for i in range(0, len(body), 1000)]
        _, info = self.stack.run("acme", pieces)
        self.check_counts(info, 1000, rejected=rejected)
        self.assertEqual(info["bytes"]["received"], len(body))

    def test_the_job_list_is_filtered_and_paged(self):
        made = [self.stack.run("metric", collection(feature(polygon(square(i, 0)), i)))[0] for i in range(5)]
        everything = self.stack.get("/v1/jobs?source=metric&limit=100").json()["jobs"]
        self.assertTrue(set(made) <= {j["jobID"] for j in everything})
        seen, path = [], "/v1/jobs?source=metric&limit=2"
        while path:
            page = self.stack.get(path).json()
            self.assertLessEqual(len(page["jobs"]), 2)
            seen += [j["jobID"] for j in page["jobs"]]
            path = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
        self.assertEqual(sorted(seen), sorted(j["jobID"] for j in everything))
        self.assertEqual(self.stack.get("/v1/jobs?source=metric&status=failed").json()["jobs"], [])

    def test_a_job_can_be_taken_back(self):
        job, _ = self.stack.run("acme", collection(SOUND))
        self.assertIn(self.stack.request("DELETE", "/v1/jobs/" + job).status, (200, 204))
        self.check_problem(self.stack.get("/v1/jobs/" + job), 404)

    def test_github_deliveries(self):
        _, info = self.stack.run("hub", collection(SOUND), content_type="application/json")
        self.check_counts(info, 1, rejected=0)

    def test_the_service_describes_itself(self):
        self.assertEqual(self.stack.get("/healthz").status, 200)
        self.assertEqual(self.stack.get("/readyz").status, 200)
        metrics = self.stack.get("/metrics")
        self.assertTrue(metrics.headers["content-type"].startswith("text/plain"))
        self.assertIn("# TYPE geosluice_", metrics.body.decode())
        described = self.stack.get("/openapi.yaml")
        self.assertEqual(described.status, 200)
        self.assertIn("openapi: 3.1", described.body.decode())


if __name__ == "__main__":
    unittest.main()
