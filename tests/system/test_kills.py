"""Kill -9 of each program at the worst moment: each job still ends, once, and its counts add up."""
import os
import re
import signal
import threading
import time
import unittest

from test_room import Upload
from test_signatures import message_signed
from harness import SOUND, Stack, StackTest, PATIENCE_S, children, collection, is_alive, kill, mixed, sign, until


class Kills(unittest.TestCase):
    FEATURES = 30000

    check_counts = StackTest.check_counts

    def setUp(self):
        # Small chunks, so that a job has a middle to be killed in.
        self.stack = Stack(environ={"GEOSLUICE_WORKER_CHUNK_FEATURES": "500"})
        self.addCleanup(self.stack.close)

    def post(self):
        body, rejected = mixed(self.FEATURES)
        answer = self.stack.post("acme", body)
        self.assertEqual(answer.status, 202, answer)
        return answer.json()["jobID"], rejected

    def in_the_middle(self, job):
        def begun():
            counts = self.stack.job(job).get("counts", {})
            return counts.get("features", 0) > 0
        until(begun, "job %s has begun" % job)
        self.assertEqual(self.stack.job(job)["status"], "running")

    def ends_once(self, job, rejected):
        info = self.stack.wait_for(job, 2 * PATIENCE_S)
        self.assertEqual(info["status"], "successful", info)
        self.check_counts(info, self.FEATURES, rejected)
        results = self.results(job).lines()
        self.assertEqual(len(results), self.FEATURES - rejected)
        sound = [f["id"] for f in results if f["id"] != 2]
        self.assertEqual(len(sound), len(set(sound)))
        self.assertEqual(self.stack.redis("LLEN", "gs:{p0}:deadof:" + job), rejected)
        until(lambda: self.stack.redis("HGET", "gs:{p0}:job:" + job, "callback") == b"delivered", "the callback came")
        ids = {c.headers["webhook-id"] for c in self.stack.receiver.about(job)}
        self.assertEqual(len(ids), 1)
        self.assertEqual(self.stack.redis("XLEN", "gs:{p0}:jobs"), 0)
        self.assertEqual(self.stack.redis("XLEN", "gs:{p0}:outbox"), 0)
        return info

    def results(self, job):
        """The results of a job, once the server is back at its Redis."""
        def had():
            answer = self.stack.get("/v1/jobs/%s/results" % job, "application/geo+json-seq")
            return answer if answer.status == 200 else None
        return until(had, "the results of %s can be had" % job)

    def test_a_transform_process_in_mid_job(self):
        job, rejected = self.post()
        self.in_the_middle(job)
        kill(children(self.stack.pid("worker")))
        self.ends_once(job, rejected)
        self.assertGreaterEqual(int(self.stack.redis("HGET", "gs:{p0}:job:" + job, "attempts")), 2)

    def test_the_whole_worker_in_mid_job(self):
        job, rejected = self.post()
        self.in_the_middle(job)
        below = children(self.stack.pid("worker"))
        self.stack.kill("worker")
        for pid in below:
            until(lambda: not is_alive(pid), "transform process %d ends with its supervisor" % pid)
        self.stack.start("worker")
        self.ends_once(job, rejected)

    def test_a_worker_that_is_frozen_past_its_lease(self):
        job, rejected = self.post()
        self.in_the_middle(job)
        frozen = [self.stack.pid("worker")] + children(self.stack.pid("worker"))
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        first = self.stack.running.pop("worker")
        try:
            self.stack.start("worker")
            self.stack.wait_for(job, 2 * PATIENCE_S)
            for pid in frozen[1:]:
                os.kill(pid, signal.SIGCONT)    # it wakes up in the middle of what is done already
            until(lambda: re.search("event=(job|chunk|split)_let_go", self.stack.log("worker")),
                  "who was frozen finds that the job is another's")
            os.kill(frozen[0], signal.SIGCONT)  # the supervisor last: it ends who was silent for too long
            self.ends_once(job, rejected)
        finally:
            for pid in frozen:
                if is_alive(pid):
                    os.kill(pid, signal.SIGCONT)
            first.terminate()
            first.wait(PATIENCE_S)

    def test_the_server_after_its_202(self):
        job, rejected = self.post()
        self.stack.kill("server")
        self.stack.start("server")
        self.ends_once(job, rejected)

    def test_the_server_in_mid_upload_leaves_nothing(self):
        def upload():
            try:
                self.stack.post("acme", self.slow_pieces(stop), signed=sign("acme", b""))
            except OSError:
                pass    # that is what the test does to it
        stop = threading.Event()
        thread = threading.Thread(target=upload)
        thread.start()
        until(lambda: any(":raw:" in k for k in self.stack.redis.keys()), "the upload has begun")
        self.stack.kill("server")
        stop.set()
        thread.join()
        self.stack.start("server")
        until(lambda: not any(":raw:" in k or ":staging" in k for k in self.stack.redis.keys()),
              "the janitor took the segments away", 60)

    def test_a_server_that_slept_too_long_in_mid_upload_and_is_killed_leaves_nothing(self):
        """The janitor has taken its upload for dead, and looks for it no more: what comes then must not stay."""
        def left():
            return [k for k in stack.redis.keys() if ":raw:" in k]
        stack = Stack("[source message]\nscheme = rfc9421\nsecret = open\n")  # room is kept for all of the body
        self.addCleanup(stack.close)
        body = b" " * (8 << 20)
        upload = Upload(stack, "message", body, 1 << 20, signed=message_signed("localhost", body))
        until(left, "the upload has begun")
        os.kill(stack.pid("server"), signal.SIGSTOP)
        until(lambda: not left(), "the janitor took the segments away", 60)
        os.kill(stack.pid("server"), signal.SIGCONT)
        upload.go_on(1 << 20)
        time.sleep(1)       # in which they are sent on
        stack.kill("server")
        upload.client.close()
        time.sleep(3)       # two rounds of the janitor
        self.assertEqual(left(), [])

    @staticmethod
    def slow_pieces(stop):
        class Pieces(list):
            def __iter__(self):
                while not stop.is_set():
                    yield b" " * 100000
                    stop.wait(0.01)     # the pace of a slow client
        return Pieces([b" "])

    def test_the_courier_before_its_callback(self):
        self.stack.receiver.answers[:] = ["hang"]
        job, _ = self.stack.run("acme", collection(SOUND))
        self.assertTrue(self.stack.receiver.wait(lambda: self.stack.receiver.about(job), PATIENCE_S))
        self.stack.kill("courier")
        self.assertIsNone(self.stack.redis("HGET", "gs:{p0}:job:" + job, "callback"))
        self.stack.start("courier")
        until(lambda: self.stack.redis("HGET", "gs:{p0}:job:" + job, "callback") == b"delivered", "the callback came")
        self.assertEqual(len({c.headers["webhook-id"] for c in self.stack.receiver.about(job)}), 1)

    def test_the_courier_while_the_receiver_is_ill(self):
        self.stack.receiver.answers[:] = [503] * 3
        job, _ = self.stack.run("acme", collection(SOUND))
        self.assertTrue(self.stack.receiver.wait(lambda: self.stack.receiver.about(job), PATIENCE_S))
        self.stack.kill("courier")
        self.stack.start("courier")
        until(lambda: self.stack.redis("HGET", "gs:{p0}:job:" + job, "callback") == b"delivered", "the callback came")

    def test_redis_a_second_after_the_202(self):
        job, rejected = self.post()
        time.sleep(1)   # what appendfsync everysec promises; a sync that takes longer holds back what is written
        until(lambda: self.stack.redis.info("aof_buffer_length") == "0", "Redis has handed over what it answered")
        self.stack.kill("redis")
        self.stack.start_redis()
        self.ends_once(job, rejected)

    def test_redis_in_mid_job(self):
        job, rejected = self.post()
        self.in_the_middle(job)
        self.synced()
        self.stack.kill("redis")
        until(lambda: "event=redis_down" in self.stack.log("server") and "event=redis_away" in self.stack.log("worker"),
              "server and worker notice")
        self.stack.start_redis()
        self.ends_once(job, rejected)

    def synced(self):
        """Everything written so far is on disk: a write under `always` is answered behind an fsync of the whole AOF."""
        self.stack.redis("CONFIG", "SET", "appendfsync", "always")
        self.stack.redis("SET", "gs:{p0}:synced", "1", "PX", "1")
        self.stack.redis("CONFIG", "SET", "appendfsync", "everysec")

    def test_everything_is_stopped_in_order_and_goes_on(self):
        job, rejected = self.post()
        self.in_the_middle(job)
        for name in ("server", "worker", "courier"):
            self.assertEqual(self.stack.stop(name), 0, name)
        for name in ("server", "worker", "courier"):
            self.stack.start(name)
        self.ends_once(job, rejected)


if __name__ == "__main__":
    unittest.main()
