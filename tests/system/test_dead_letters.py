"""What could not be taken is kept, can be looked at, and can be tried again once."""
import gzip
import json
import unittest

from harness import BOW_TIE, FAR_AWAY, SANITISED, SOUND, UNCLOSED, Stack, StackTest, collection, peak_rss_mb, until
from raw_client import RawClient


class DeadLetters(StackTest):
    def letters(self, query):
        answer = self.stack.get("/v1/dead-letters?" + query)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()["deadLetters"]

    def test_a_rejected_feature_is_kept_with_all_that_is_known(self):
        body = collection(SOUND, UNCLOSED, FAR_AWAY)
        job, info = self.stack.run("acme", body)
        letters = self.letters("job=" + job)
        self.assertEqual({d["code"] for d in letters}, {"RING_UNCLOSED", "LON_RANGE"})
        letter = next(d for d in letters if d["code"] == "LON_RANGE")
        self.assertEqual((letter["job"], letter["source"], letter["kind"]), (job, "acme", "feature"))
        self.assertEqual(letter["index"], 2)
        self.assertTrue(letter["path"].startswith("/features/2/geometry/coordinates"), letter)
        self.assertTrue(letter["reason"])
        at = letter["offset"]
        self.assertEqual(body[at:at + 4], b"[400", "offset points at the position")
        one = self.stack.get("/v1/dead-letters/" + letter["id"])
        self.assertEqual(one.status, 200)
        self.assertEqual(json.loads(one.json()["raw"]), FAR_AWAY)

    def test_the_list_is_filtered_by_code_and_paged(self):
        job, _ = self.stack.run("acme", collection(*[UNCLOSED, FAR_AWAY] * 3))
        self.assertEqual(len(self.letters("job=%s&code=LON_RANGE" % job)), 3)
        seen, path = [], "/v1/dead-letters?limit=2&job=" + job
        while path:
            page = self.stack.get(path).json()
            seen += [d["id"] for d in page["deadLetters"]]
            path = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
        self.assertEqual(len(seen), 6)
        self.assertEqual(len(set(seen)), 6)

    def test_replay_makes_a_job_and_twice_is_once(self):
        job, _ = self.stack.run("acme", collection(UNCLOSED))
        letter = self.letters("job=" + job)[0]["id"]
        first = self.stack.request("POST", "/v1/dead-letters/%s/replay" % letter)
        self.assertEqual(first.status, 202, first)
        again = self.stack.request("POST", "/v1/dead-letters/%s/replay" % letter)
        self.assertEqual(again.json()["jobID"], first.json()["jobID"])
        self.assertNotEqual(first.json()["jobID"], job)
        info = self.stack.wait_for(first.json()["jobID"])
        self.check_counts(info, 1, rejected=1)

    def test_a_replay_whose_job_is_no_longer_kept(self):
        job, _ = self.stack.run("acme", collection(UNCLOSED))
        letter = self.letters("job=" + job)[0]["id"]
        first = self.stack.request("POST", "/v1/dead-letters/%s/replay" % letter).json()["jobID"]
        self.stack.wait_for(first)
        self.stack.redis("DEL", "gs:{p0}:job:" + first)       # as if its time were over
        again = self.stack.request("POST", "/v1/dead-letters/%s/replay" % letter)
        self.assertEqual((again.status, again.json()["jobID"], again.json()["status"]), (202, first, "dismissed"))
        self.assertNotIn("location", again.headers)

    def mend(self, letter, body, content_type="application/geo+json"):
        return self.stack.request("POST", "/v1/dead-letters/%s/replay" % letter, body, {"content-type": content_type})

    def test_a_mended_letter_is_replayed_once(self):
        job, _ = self.stack.run("metric", json.dumps(UNCLOSED).encode())
        letter = self.letters("job=" + job)[0]["id"]
        mended = dict(UNCLOSED, geometry={"type": "Point", "coordinates": [1, 2]})
        first = self.mend(letter, json.dumps(mended).encode())
        self.assertEqual(first.status, 202, first)
        self.assertEqual((first.json()["replayOf"], first.json()["mended"]), (letter, True))
        again = first.json()["jobID"]
        self.check_counts(self.stack.wait_for(again), 1, rejected=0)
        result = self.stack.get("/v1/jobs/%s/results" % again, "application/geo+json-seq").lines()[0]
        self.assertEqual(result["properties"], UNCLOSED["properties"])
        self.assertAlmostEqual(result["geometry"]["coordinates"][0], 111319.49, 2)
        self.assertEqual(self.mend(letter, json.dumps(mended).encode()).json()["jobID"], again)
        self.assertEqual(self.stack.request("POST", "/v1/dead-letters/%s/replay" % letter).json()["jobID"], again)
        problem = self.check_problem(self.mend(letter, json.dumps(SOUND).encode()), 409)
        self.assertEqual(problem["code"], "LETTER_REPLAYED")
        self.assertIn(again, problem["detail"])

    def test_what_cannot_be_mended(self):
        job, _ = self.stack.run("acme", collection(UNCLOSED))
        letter = self.letters("job=" + job)[0]["id"]
        self.check_problem(self.mend(letter, b"{}", "text/plain"), 415)
        self.check_problem(self.stack.request(
            "POST", "/v1/dead-letters/%s/replay" % letter, gzip.compress(json.dumps(SOUND).encode()),
            {"content-type": "application/geo+json", "content-encoding": "gzip"}), 415, "encoding")
        self.check_problem(self.mend(letter, b" " * 9000000), 413)
        self.check_problem(self.mend("0-1-1", b"{}"), 404)
        job, _ = self.stack.run("acme", collection(SOUND)[:-5])
        letter = self.letters("job=" + job)[0]["id"]
        self.assertEqual(self.check_problem(self.mend(letter, b"{}"), 422)["code"], "LETTER_DOCUMENT")

    def test_many_are_replayed_page_by_page(self):
        job, _ = self.stack.run("acme", collection(*[UNCLOSED, FAR_AWAY] * 3))
        replayed, path = [], "/v1/dead-letters/replay?code=LON_RANGE&limit=2&job=" + job
        while path:
            page = self.stack.request("POST", path)
            self.assertEqual(page.status, 202, page)
            self.assertEqual(page.json()["skipped"], [])
            replayed += [r["job"] for r in page.json()["replayed"]]
            path = next((link["href"] for link in page.json()["links"] if link["rel"] == "next"), None)
        self.assertEqual(len(set(replayed)), 3)
        for again in replayed:
            self.check_counts(self.stack.wait_for(again), 1, rejected=1)

    def test_a_document_that_cannot_be_read_is_one_letter(self):
        body = collection(SOUND, BOW_TIE, FAR_AWAY)[:-20]
        job, info = self.stack.run("acme", body)
        self.assertEqual(info["status"], "failed")
        letters = self.letters("job=" + job)
        self.assertEqual([(d["kind"], d["code"]) for d in letters], [("document", "JSON_TRUNCATED")])
        results = self.stack.get("/v1/jobs/%s/results" % job)
        self.check_problem(results, results.status)
        self.assertIn(results.status, (404, 409, 410))

    def test_a_letter_that_is_not_there(self):
        self.check_problem(self.stack.get("/v1/dead-letters/0-1-1"), 404)
        self.check_problem(self.stack.get("/v1/dead-letters/nonsense"), 404)
        self.check_problem(self.stack.request("POST", "/v1/dead-letters/0-1-1/replay"), 404)

    def test_a_letter_can_be_dropped(self):
        job, _ = self.stack.run("acme", collection(UNCLOSED))
        letter = self.letters("job=" + job)[0]["id"]
        self.assertIn(self.stack.request("DELETE", "/v1/dead-letters/" + letter).status, (200, 204))
        self.assertEqual(self.letters("job=" + job), [])


class Unread(StackTest):
    """Clients ask for large letters, and read nothing."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(environ={"GEOSLUICE_SERVER_THREADS": "1"})

    def test_they_do_not_take_all_memory(self):
        far = {"type": "LineString", "coordinates": [[400.123456, 1.123456]] * 300_000}
        job, _ = self.stack.run("hub", collection({"type": "Feature", "properties": {}, "geometry": far}))
        path = "/v1/dead-letters/" + self.stack.get("/v1/dead-letters?job=" + job).json()["deadLetters"][0]["id"]
        size = len(self.stack.get(path).body)
        self.assertGreater(size, 5_000_000)
        room = (64 << 20) // size
        clients = [RawClient(self.stack.address, 60, receive_buffer=4096) for _ in range(4 * room)]
        for client in clients:
            client.send(("GET %s HTTP/1.1\r\nhost: localhost\r\n\r\n" % path).encode())
        heads = [client.answer(body=False) for client in clients]
        self.assertEqual([status for status, _, _ in heads].count(200), room)
        refused = next(headers for status, headers, _ in heads if status != 200)
        self.assertEqual(refused["retry-after"], "2")
        if not SANITISED:
            self.assertLess(peak_rss_mb(self.stack.pid("server")), 160)
        self.assertEqual(self.check_problem(self.stack.get(path), 503)["code"], "ANSWERS_FULL")
        self.assertEqual(self.stack.get("/v1/jobs/" + job).status, 200)     # what is small goes on
        for client in clients:
            client.vanish()
        until(lambda: self.stack.get(path).status == 200, "their memory is there for others")


if __name__ == "__main__":
    unittest.main()
