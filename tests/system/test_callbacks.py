"""The sender is told, once the job is done: signed, retried, and never elsewhere."""
import unittest

from harness import SECRETS, SOUND, BOW_TIE, FAR_AWAY, PATIENCE_S, Stack, StackTest, collection, sign, until


class Callbacks(StackTest):
    def call_about(self, job, n=1):
        got = self.stack.receiver
        self.assertTrue(got.wait(lambda: len(got.about(job)) >= n, PATIENCE_S), "no callback about " + job)
        return got.about(job)[-1]

    def settled(self, job):
        return until(lambda: (self.stack.redis("HGET", "gs:{p0}:job:" + job, "callback") or b"").decode(),
                     "the callback about %s is settled" % job)

    def test_completion_is_told_and_signed(self):
        job, info = self.stack.run("acme", collection(SOUND, BOW_TIE, FAR_AWAY))
        call = self.call_about(job)
        self.assertTrue(call.signed_by(SECRETS["acme"]))
        self.assertFalse(call.signed_by(SECRETS["metric"]))
        self.assertEqual(call.headers["content-type"], "application/json")
        told = call.json()
        told = told.get("data", told)
        self.assertEqual(told["jobID"], job)
        self.assertEqual(told["status"], "successful")
        self.assertEqual(told["counts"], info["counts"])

    def test_failure_is_told_too(self):
        job, _ = self.stack.run("acme", b'{"type":"FeatureCollection","features":[')
        told = self.call_about(job).json()
        self.assertEqual(told.get("data", told)["status"], "failed")

    def test_a_receiver_that_is_ill_is_tried_again_under_the_same_id(self):
        self.stack.receiver.answers[:] = [503, 500, 429]
        job, _ = self.stack.run("acme", collection(SOUND))
        self.call_about(job, 4)
        self.assertEqual(self.settled(job), "delivered")
        calls = self.stack.receiver.about(job)
        self.assertEqual(len(calls), 4)
        self.assertEqual(len({c.headers["webhook-id"] for c in calls}), 1)
        self.assertTrue(all(c.signed_by(SECRETS["acme"]) for c in calls))

    def test_a_receiver_that_hangs_is_tried_again(self):
        self.stack.receiver.answers[:] = ["hang"]
        job, _ = self.stack.run("acme", collection(SOUND))
        self.call_about(job, 2)
        self.assertEqual(self.settled(job), "delivered")

    def test_a_redirect_is_not_followed(self):
        self.stack.receiver.answers[:] = [302]
        job, _ = self.stack.run("acme", collection(SOUND))
        self.call_about(job)
        self.settled(job)
        self.assertEqual({c.path for c in self.stack.receiver.about(job)}, {"/hook"})

    def test_the_same_delivery_again_is_the_same_job_and_is_told_once(self):
        body = collection(SOUND)
        headers = sign("acme", body)
        first = self.stack.post("acme", body, signed=headers)
        second = self.stack.post("acme", body, signed=headers)
        self.assertEqual((first.status, second.status), (202, 202))
        job = first.json()["jobID"]
        self.assertEqual(second.json()["jobID"], job)
        self.stack.wait_for(job)
        third = self.stack.post("acme", body, signed=headers)
        self.assertEqual(third.json()["jobID"], job)
        self.assertEqual(self.settled(job), "delivered")
        self.assertEqual(len(self.stack.receiver.about(job)), 1)

    def test_the_same_id_with_another_body_is_refused(self):
        body, other = collection(SOUND), collection(BOW_TIE)
        job, _ = self.stack.run("acme", body, delivery="msg_reused")
        answer = self.stack.post("acme", other, delivery="msg_reused")
        self.check_problem(answer, 422)


class PrivateAddress(unittest.TestCase):
    def test_a_private_address_is_refused_unless_it_is_named(self):
        stack = Stack(environ={"GEOSLUICE_COURIER_ALLOW": "10.0.0.0/8", "GEOSLUICE_COURIER_MAX_ATTEMPTS": "2"})
        try:
            job, _ = stack.run("acme", collection(SOUND))
            until(lambda: stack.redis("HGET", "gs:{p0}:job:" + job, "callback") == b"failed",
                  "the callback counts as failed")
            self.assertEqual(stack.receiver.calls, [])
        finally:
            stack.close()


if __name__ == "__main__":
    unittest.main()
