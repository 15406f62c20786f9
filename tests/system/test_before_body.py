"""What is decided on the headers: deliveries that prove to be known are answered, the rest may go on, before the body.

No worker runs: jobs stay as they were accepted.
"""
import time
import unittest

from harness import PATIENCE_S, SOUND, Stack, StackTest, collection, sign, until
from raw_client import RawClient
from test_signatures import PRIVATE, PUBLIC, message_signed, signed

BODY = collection(SOUND)
LARGE = BODY + b" " * 2_000_000
EXTRA = """
[source message]
scheme = rfc9421
secret = open
secret_id = one
[source asym]
secret = """ + PUBLIC + """
[source pay]
scheme = stripe
secret = open
delivery_header = X-Event
"""


class BeforeTheBody(StackTest):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(EXTRA, start=("server",))
        cls.host = "127.0.0.1:%d" % cls.stack.address[1]

    def setUp(self):
        self.stack.redis("FLUSHALL")

    def ask(self, source, headers, body, length=True, expect=True):
        """Sends the headers alone. What comes first: (status, body), or (100, None) for leave to send the body."""
        client = RawClient(self.stack.address, PATIENCE_S)
        self.addCleanup(client.close)
        lines = ["POST /v1/ingest/%s HTTP/1.1" % source, "host: " + self.host]
        lines += ["content-length: %d" % len(body) if length else "transfer-encoding: chunked"]
        lines += ["expect: 100-continue"] if expect else []
        headers = dict({"content-type": "application/geo+json"}, **headers)
        client.send("\r\n".join(lines + ["%s: %s" % h for h in headers.items()] + ["", ""]).encode())
        status, _, answer = client.answer()
        return status, answer, client

    def check(self, source, headers, body, status, word=None, **how):
        got, answer, client = self.ask(source, headers, body, **how)
        self.assertEqual(got, status, answer)
        if word:
            self.assertIn(word.encode(), answer)
        return client

    def jobs(self):
        return self.stack.redis("XLEN", "gs:{p0}:jobs")

    def test_the_same_delivery_again(self):
        """Whoever shows the MAC that was accepted, over the same id and time, need not send the body."""
        for source, headers in (
                ("acme", sign("acme", LARGE, "one")), ("hub", sign("hub", LARGE, "one")),
                ("asym", signed(self.stack, "asym", "standard-webhooks", PRIVATE, delivery="one", body=LARGE)),
                ("pay", dict(signed(self.stack, "pay", "stripe", "open", body=LARGE), **{"x-event": "one"})),
                ("message", message_signed(self.host, LARGE, headers={"idempotency-key": "one"}))):
            with self.subTest(source):
                first = self.stack.post(source, LARGE, signed=headers)
                self.assertEqual(first.status, 202, first)
                self.check(source, headers, LARGE, 202, first.json()["jobID"])
                self.check(source, headers, LARGE, 202, first.json()["jobID"], expect=False)
        self.assertEqual(self.jobs(), 5)

    def test_signed_anew(self):
        """A new time is a new MAC. It proves nothing before the body, unless the digest is signed."""
        self.assertEqual(self.stack.post("acme", LARGE, signed=sign("acme", LARGE, "one")).status, 202)
        client = self.check("acme", sign("acme", LARGE, "one", at=time.time() - 9), LARGE, 100)
        client.send(LARGE)
        self.assertEqual(client.answer()[0], 202)
        first = message_signed(self.host, LARGE, headers={"idempotency-key": "one"})
        answer = self.stack.post("message", LARGE, signed=first)
        self.assertEqual(answer.status, 202, answer)
        again = message_signed(self.host, LARGE, headers={"idempotency-key": "one", "x-attempt": "2"})
        self.assertNotEqual(first["signature"], again["signature"])
        self.check("message", again, LARGE, 202, answer.json()["jobID"])
        self.assertEqual(self.jobs(), 2)

    def test_another_body(self):
        """A signed digest tells. All else proves nothing before the body, also a length: the commit decides."""
        self.stack.post("acme", LARGE, signed=sign("acme", LARGE, "one"))
        other = LARGE + b" "
        client = self.check("acme", sign("acme", other, "one"), other, 100)
        client.send(other)
        status, _, answer = client.answer()
        self.assertEqual(status, 409)
        self.assertIn(b"DELIVERY_RUNNING", answer)
        self.check("acme", sign("acme", other, "one"), other, 100, length=False)
        headers = {"idempotency-key": "one"}
        first = self.stack.post("message", LARGE, signed=message_signed(self.host, LARGE, headers=headers))
        job = first.json()["jobID"]
        other = LARGE[:-1] + b"\n"
        self.check("message", message_signed(self.host, other, headers=headers), other, 409, "DELIVERY_RUNNING")
        self.stack.redis("HSET", "gs:{p0}:job:" + job, "state", "successful")
        self.check("message", message_signed(self.host, other, headers=headers), other, 422, "DELIVERY_REUSED")

    def test_a_guess_learns_nothing(self):
        job = self.stack.post("acme", LARGE, signed=sign("acme", LARGE, "one")).json()["jobID"]
        forged = sign("acme", LARGE, "one", secret="whsec_Z3Vlc3M=")
        client = self.check("acme", forged, LARGE, 100)
        client.send(LARGE)
        status, _, body = client.answer()
        self.assertEqual(status, 401)
        self.assertNotIn(job.encode(), body)
        for length in (len(LARGE) + 1, len(LARGE) - 1, 10):
            client = self.check("acme", forged, b" " * length, 100)
            client.send(b" " * length)
            status, _, body = client.answer()
            self.assertEqual(status, 401)
            self.assertNotIn(job.encode(), body)
        fresh = dict(sign("acme", LARGE, "one"), **{"webhook-timestamp": str(int(time.time()) - 9)})
        self.check("acme", fresh, LARGE, 100)       # the MAC that was accepted, under another time

    def test_whoever_gives_up_while_held_leaves_nothing(self):
        for _ in range(20):
            client = RawClient(self.stack.address, PATIENCE_S)
            headers = sign("acme", LARGE)
            client.send(("POST /v1/ingest/acme HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/geo+json\r\n"
                         "content-length: %d\r\n" % len(LARGE)
                         + "".join("%s: %s\r\n" % h for h in headers.items()) + "\r\n").encode())
            client.vanish()
        until(lambda: not any("stag" in k or ":raw:" in k for k in self.stack.redis.keys()), "nothing is left")
        until(lambda: not self.stack.redis("HGETALL", "gs:{p0}:room") or set(
            self.stack.redis("HGETALL", "gs:{p0}:room")[1::2]) == {b"0"}, "no room is kept")


if __name__ == "__main__":
    unittest.main()
