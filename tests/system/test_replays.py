"""A replay copies a body into Redis: it is held against the limits of an upload, and one that was made is answered all
the same."""
import json
import os
import signal
import unittest

from harness import SOUND, UNCLOSED, Stack, StackTest, children, collection, until
from test_room import KB, MB, filler, held


def unclosed(size):
    return dict(UNCLOSED, properties={"fill": "x" * size})


class Replays(unittest.TestCase):
    """Without a worker, once there are letters: what was made of them stays."""

    check_counts = StackTest.check_counts
    check_problem = StackTest.check_problem

    def letters_of(self, body, source="acme", secret=None, sources="", **limits):
        """A stack, the ids of the letters of one document, and its job."""
        # Bytes are counted as they stand in Redis: here as they came.
        self.stack = Stack(sources, start=("server", "worker"), environ=dict(
            limits, GEOSLUICE_SERVER_THREADS="1", GEOSLUICE_SERVER_COMPRESS_SEGMENTS="never"))
        self.addCleanup(self.stack.close)
        job, _ = self.stack.run(source, body, secret=secret)
        self.stack.stop("worker")
        return [d["id"] for d in self.stack.get("/v1/dead-letters?job=" + job).json()["deadLetters"]], job

    def replay(self, letter, mended=None):
        return self.stack.request("POST", "/v1/dead-letters/%s/replay" % letter,
                                  mended and json.dumps(mended).encode(),
                                  {"content-type": "application/geo+json"} if mended else {})

    def refused(self, answer, status, code):
        self.assertEqual(self.check_problem(answer, status)["code"], code)
        self.assertEqual(answer.headers.get("retry-after", "").isdigit(), status != 413)

    def changes_nothing(self, status, code, letter, mended=None):
        before = held(self.stack), sorted(self.stack.redis.keys())
        self.refused(self.replay(letter, mended), status, code)
        self.assertEqual((held(self.stack), sorted(self.stack.redis.keys())), before)

    def made(self, letter, mended=None):
        answer = self.replay(letter, mended)
        self.assertEqual(answer.status, 202, answer)
        return answer.json()["jobID"]

    def test_no_more_than_its_source_may_hold(self):
        (letter,), _ = self.letters_of(collection(unclosed(300 * KB)), "narrow", "x",
                                       "[source narrow]\nsecret = x\nmax_held_bytes = 1000000\n")
        self.changes_nothing(429, "SOURCE_FULL", letter, unclosed(500 * KB))
        self.changes_nothing(413, "BODY_TOO_LARGE", letter, unclosed(1100 * KB))
        job = self.made(letter)
        self.assertGreaterEqual(held(self.stack)["queued"], 300 * KB)
        self.assertEqual(self.made(letter), job)
        self.assertIn("source=narrow", next(line for line in self.stack.log("server").split("\n") if
                                            "SOURCE_FULL" in line))

    def test_no_more_than_all_may_hold(self):
        letters, _ = self.letters_of(collection(unclosed(400 * KB), unclosed(100 * KB)),
                                     GEOSLUICE_REDIS_MAX_HELD_BYTES=str(3 * MB))
        self.changes_nothing(503, "STORE_FULL", letters[0], unclosed(2200 * KB))
        mended = unclosed(1500 * KB)
        job = self.made(letters[0], mended)
        until(lambda: self.stack.post("acme", collection(SOUND)).status == 429, "the greedy one is put off")
        self.changes_nothing(429, "SOURCE_SLOW", letters[1])
        self.assertEqual(self.made(letters[0], mended), job)

    def test_no_more_than_redis_has_memory_for(self):
        """Of a whole document only Redis knows how large it is."""
        (letter,), _ = self.letters_of(filler(3 * MB)[:-1] + b"}", GEOSLUICE_REDIS_MAX_HELD_BYTES=str(1000 * MB))
        used = int(self.stack.redis.info("used_memory"))
        most = (used + 600 * KB) * 10 // 9
        self.stack.redis("CONFIG", "SET", "maxmemory", most)
        until(lambda: b"redis_max_bytes %d\n" % most in self.stack.get("/metrics").body, "the server knows")
        self.assertEqual(self.stack.get("/readyz").status, 200)     # less would fit
        before = held(self.stack).get("queued", 0)
        self.changes_nothing(503, "STORE_FULL", letter)
        self.stack.redis("CONFIG", "SET", "maxmemory", 0)
        job = until(lambda: (answer := self.replay(letter)).status == 202 and answer.json()["jobID"], "there is room")
        self.assertEqual(held(self.stack)["queued"], before + 3 * MB)
        self.assertEqual(self.made(letter), job)

    def test_none_into_a_redis_that_may_lose_them(self):
        (letter,), job = self.letters_of(collection(UNCLOSED))
        self.stack.redis("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        until(lambda: b"STORE_UNAVAILABLE" in self.stack.post("acme", collection(SOUND)).body, "the server knows")
        self.changes_nothing(503, "STORE_UNAVAILABLE", letter)
        self.refused(self.stack.request("POST", "/v1/dead-letters/replay?job=" + job), 503, "STORE_UNAVAILABLE")
        self.stack.redis("CONFIG", "SET", "maxmemory-policy", "noeviction")
        until(lambda: self.stack.get("/readyz").status == 200, "it can be trusted again")
        self.made(letter)

    def test_none_while_the_door_is_shut(self):
        letters, _ = self.letters_of(collection(UNCLOSED, UNCLOSED), GEOSLUICE_REDIS_MAX_QUEUED_JOBS="2")
        job = self.made(letters[0])
        self.assertEqual(self.stack.post("acme", collection(SOUND)).status, 202)
        until(lambda: self.stack.get("/readyz").status == 503, "the queue is full")
        self.changes_nothing(503, "STORE_FULL", letters[1])
        self.assertEqual(self.made(letters[0]), job)

    def test_what_finds_room_of_a_page(self):
        letters, job = self.letters_of(collection(*[unclosed(300 * KB)] * 3), "narrow", "x",
                                       "[source narrow]\nsecret = x\nmax_held_bytes = 2300000\n")
        made = set()
        for _ in range(2):
            page = self.stack.request("POST", "/v1/dead-letters/replay?job=" + job)
            self.assertEqual(page.status, 202, page)
            self.assertEqual([r["deadLetter"] for r in page.json()["replayed"]], letters[:1])
            made.add(page.json()["replayed"][0]["job"])
            self.assertEqual(page.json()["skipped"], [{"deadLetter": d, "code": "SOURCE_FULL"} for d in letters[1:]])
            self.assertTrue(page.headers["retry-after"].isdigit())
        self.assertEqual(len(made), 1)
        after = self.stack.get("/v1/dead-letters?limit=1&job=" + job).json()["next"]
        self.refused(self.stack.request("POST", "/v1/dead-letters/replay?limit=1&job=%s&cursor=%s" % (job, after)),
                     429, "SOURCE_FULL")

    def test_none_before_its_document_has_ended(self):
        """It might fail, or say behind its features how they were to be read: then the letter is another one."""
        self.stack = Stack(start=("server", "worker"), environ={"GEOSLUICE_WORKER_CHUNK_FEATURES": "1"})
        self.addCleanup(self.stack.close)
        crs = {"type": "name", "properties": {"name": "EPSG:4258"}}
        job = self.stack.post("acme", collection(UNCLOSED, *[SOUND] * 10000, crs=crs)).json()["jobID"]
        page = "/v1/dead-letters?job=" + job
        early = until(lambda: self.stack.get(page).json()["deadLetters"], "there is a letter")[0]["id"]
        worker = [self.stack.pid("worker"), *children(self.stack.pid("worker"))]
        for pid in worker:
            os.kill(pid, signal.SIGSTOP)
        try:
            self.assertEqual(self.stack.job(job)["status"], "running")
            for mended in None, SOUND:
                answer = self.replay(early, mended)
                self.assertEqual(self.check_problem(answer, 409)["code"], "JOB_NOT_FINISHED")
            answer = self.stack.request("POST", "/v1/dead-letters/replay?job=" + job).json()
            self.assertEqual((answer["replayed"], answer["skipped"]),
                             ([], [{"deadLetter": early, "code": "JOB_NOT_FINISHED"}]))
        finally:
            for pid in reversed(worker):
                os.kill(pid, signal.SIGCONT)
        self.check_counts(self.stack.wait_for(job), 10001, 1)
        letter, = self.stack.get(page).json()["deadLetters"]
        self.assertNotEqual(letter["id"], early)
        self.check_problem(self.replay(early), 404)
        again = self.made(letter["id"])
        self.assertEqual(self.made(letter["id"]), again)


if __name__ == "__main__":
    unittest.main()
