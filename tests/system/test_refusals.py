"""Bad requests are answered in words, early, and leave nothing behind."""
import base64
import http.client
import time
import unittest

from harness import PATIENCE_S, SOUND, Stack, StackTest, collection, sign, until
from raw_client import RawClient

BODY = collection(SOUND)


class Refusals(StackTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        job, _ = cls.stack.run("acme", BODY)    # so that what always exists, exists
        until(lambda: cls.stack.redis("HGET", "gs:{p0}:job:" + job, "callback") == b"delivered", "its callback came")

    def setUp(self):
        # What the test before broke off may only now have reached Redis.
        until(lambda: not any(":staging" in k for k in self.stack.redis.keys()), "no upload is under way", 5)
        self.before = self.stack.redis.keys()

    def tearDown(self):
        try:
            until(lambda: self.stack.redis.keys() == self.before, "no key is left behind", 10)
        except AssertionError:
            self.assertEqual(self.stack.redis.keys(), self.before)

    def test_wrong_path(self):
        for path in ("/", "/v1", "/v1/ingest", "/v1/ingest/", "/v1/ingest/acme/more", "/v2/jobs", "/v1/jobs/nonsense",
                     "/v1/jobs/0-00000000000000000000000000", "/v1/jobs/0-00000000000000000000000000/results"):
            with self.subTest(path):
                self.check_problem(self.stack.get(path), 404)

    def test_wrong_method(self):
        for method, path, allow in (("GET", "/v1/ingest/acme", "POST"), ("PUT", "/v1/jobs", "GET"),
                                    ("POST", "/healthz", "GET"), ("DELETE", "/metrics", "GET")):
            with self.subTest(path):
                answer = self.stack.request(method, path)
                self.check_problem(answer, 405)
                self.assertIn(allow, answer.headers["allow"])

    def test_two_lengths_of_one_body(self):
        for lines in ("content-length: 2\r\ncontent-length: 3", "content-length: 2\r\ncontent-length: 2",
                      "content-length: 2\r\ntransfer-encoding: chunked", "transfer-encoding: gzip",
                      "transfer-encoding: gzip, chunked"):
            with self.subTest(lines):
                client = RawClient(self.stack.address, PATIENCE_S)
                client.send(("POST /v1/ingest/acme HTTP/1.1\r\nhost: localhost\r\n%s\r\n\r\n" % lines).encode())
                status, headers, body = client.answer()
                self.assertEqual((status, headers["connection"]), (400, "close"))
                self.assertIn(b"BODY_FRAMING", body)
                client.close()

    def test_wrong_source(self):
        self.check_problem(self.stack.post("nobody", BODY, signed=sign("acme", BODY)), 404, "source")

    def test_wrong_content_type(self):
        for wrong in ("text/plain", "application/xml", "", "multipart/form-data; boundary=x"):
            with self.subTest(wrong):
                self.check_problem(self.stack.post("acme", BODY, content_type=wrong), 415)

    def test_wrong_content_encoding(self):
        signed = dict(sign("acme", BODY), **{"content-encoding": "br"})
        self.check_problem(self.stack.post("acme", BODY, signed=signed), 415)

    def test_missing_signature(self):
        whole = sign("acme", BODY)
        for name in whole:
            with self.subTest(name):
                part = {k: v for k, v in whole.items() if k != name}
                answer = self.stack.post("acme", BODY, signed=part)
                self.check_problem(answer, 401)
                self.assertTrue(answer.headers["www-authenticate"])
        self.check_problem(self.stack.post("hub", BODY, signed={}), 401)

    def test_stale_signature(self):
        for at in (time.time() - 3600, time.time() + 3600):
            self.check_problem(self.stack.post("acme", BODY, at=at), 401, "timestamp")

    def test_malformed_signature(self):
        good = sign("acme", BODY)
        for name, value in (("webhook-signature", "v1"), ("webhook-signature", "v1,"),
                            ("webhook-signature", "v1,not base64!"), ("webhook-signature", "v9,AAAA"),
                            ("webhook-signature", "v1," + "A" * 5000), ("webhook-timestamp", "yesterday"),
                            ("webhook-timestamp", "-1"), ("webhook-timestamp", "1e9"),
                            ("webhook-timestamp", "9" * 30), ("webhook-id", "x" * 1000)):
            with self.subTest("%s: %.20s" % (name, value)):
                answer = self.stack.post("acme", BODY, signed=dict(good, **{name: value}))
                self.assertIn(answer.status, (400, 401), answer)
                self.check_problem(answer, answer.status)
        for value in ("sha1=00", "sha256=", "sha256=zz", "00" * 32):
            with self.subTest(value):
                answer = self.stack.post("hub", BODY, signed={"x-hub-signature-256": value})
                self.assertIn(answer.status, (400, 401), answer)
                self.check_problem(answer, answer.status)

    def test_wrong_signature(self):
        other = "whsec_" + base64.b64encode(b"another key").decode()
        self.check_problem(self.stack.post("acme", BODY, secret=other), 401, "signature")
        self.check_problem(self.stack.post("hub", BODY, secret="another"), 401, "signature")
        self.check_problem(self.stack.post("acme", BODY, signed=sign("acme", BODY + b" ")), 401, "signature")

    def test_wrong_signature_of_a_large_document(self):
        body = b" " * 3_000_000
        self.check_problem(self.stack.post("acme", body, signed=sign("acme", BODY)), 401, "signature")

    def test_one_right_signature_among_several(self):
        signed = sign("acme", BODY)
        signed["webhook-signature"] = "v1,%s v1a,AAAA %s" % ("A" * 43 + "=", signed["webhook-signature"])
        answer = self.stack.post("acme", BODY, signed=signed)
        self.assertEqual(answer.status, 202, answer)
        self.stack.wait_for(answer.json()["jobID"])
        self.before = self.stack.redis.keys()

    def test_too_large_declared_is_refused_before_the_body(self):
        client = RawClient(self.stack.address, PATIENCE_S)
        headers = sign("small", b"")
        client.send(("POST /v1/ingest/small HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/geo+json\r\n"
                     "content-length: 5000000000\r\nexpect: 100-continue\r\n"
                     + "".join("%s: %s\r\n" % h for h in headers.items()) + "\r\n").encode())
        status, answered, body = client.answer()
        client.close()
        self.assertEqual(status, 413)
        self.assertEqual(answered["content-type"], "application/problem+json")
        self.assertIn(b"1000", body)

    def test_too_large_undeclared(self):
        pieces = [b" " * 600, BODY, b" " * 600]
        self.check_problem(self.stack.post("small", pieces), 413)

    def test_exactly_as_large_as_allowed(self):
        body = BODY + b" " * (1000 - len(BODY))
        for form in (body, [body[:500], body[500:]]):
            answer = self.stack.post("small", form)
            self.assertEqual(answer.status, 202, answer)
            self.stack.wait_for(answer.json()["jobID"])
        self.before = self.stack.redis.keys()

    def test_empty_body(self):
        answer = self.stack.post("acme", b"")
        self.check_problem(answer, 400, "empty")
        self.check_problem(self.stack.post("acme", []), 400, "empty")

    def test_wrong_queries(self):
        for path in ("/v1/jobs?limit=0", "/v1/jobs?limit=many", "/v1/jobs?status=happy", "/v1/jobs?cursor=%ff",
                     "/v1/dead-letters?limit=-1", "/v1/dead-letters?code=NO_SUCH", "/v1/dead-letters?cursor=--",
                     "/v1/dead-letters?cursor=1", "/v1/dead-letters?cursor=1-2-3",
                     "/v1/dead-letters?job=0-00000000000000000000000000&cursor=1-2"):
            with self.subTest(path):
                self.check_problem(self.stack.get(path), 400)

    def test_results_in_a_form_that_is_not_served(self):
        job = self.stack.get("/v1/jobs?limit=1").json()["jobs"][0]["jobID"]
        self.check_problem(self.stack.get("/v1/jobs/%s/results" % job, "image/png"), 406)

    def test_a_truncated_upload(self):
        for sent in (10, 2_000_000):
            with self.subTest(sent):
                self.begin(3_000_000, b" " * sent).close()

    def test_a_client_that_vanishes(self):
        for sent in (10, 2_000_000):
            with self.subTest(sent):
                self.begin(3_000_000, b" " * sent).vanish()

    def test_a_client_that_breaks_off_a_chunked_body(self):
        client = self.begin(None, b"100000\r\n" + b" " * 0x100000)
        client.send(b"\r\nzz\r\n")
        client.answer()
        client.close()

    def begin(self, length, data):
        """An upload that has begun: what it sent is in Redis, as far as it makes a segment."""
        client = RawClient(self.stack.address, PATIENCE_S)
        form = "transfer-encoding: chunked" if length is None else "content-length: %d" % length
        client.send(("POST /v1/ingest/acme HTTP/1.1\r\nhost: localhost\r\n"
                     "content-type: application/geo+json\r\n%s\r\n" % form
                     + "".join("%s: %s\r\n" % h for h in sign("acme", b"").items()) + "\r\n").encode())
        client.send(data)
        if len(data) > 1_000_000:
            until(lambda: any(":staging" in k for k in self.stack.redis.keys()), "the upload has begun")
        return client


class RedisDown(unittest.TestCase):
    def test_without_redis_the_door_says_so_and_recovers(self):
        stack = Stack(start=("server",))
        try:
            stack.kill("redis")
            answer = stack.post("acme", BODY)
            StackTest.check_problem(self, answer, 503)
            self.assertTrue(answer.headers["retry-after"].isdigit())
            self.assertEqual(stack.get("/healthz").status, 200)
            ready = stack.get("/readyz")
            self.assertEqual(ready.status, 503)
            StackTest.check_problem(self, stack.get("/v1/jobs"), 503)
            stack.start_redis()
            until(lambda: stack.get("/readyz").status == 200, "the server is ready again")
            # Each reactor has a connection of its own: the one that is asked next may be back a little later.
            until(lambda: stack.post("acme", BODY).status == 202, "documents are taken again")
        finally:
            stack.close()

    def test_redis_goes_away_in_mid_body(self):
        stack = Stack(start=("server",))
        try:
            body = BODY + b" " * 5_000_000
            connection = http.client.HTTPConnection(*stack.address, timeout=PATIENCE_S)
            connection.putrequest("POST", "/v1/ingest/acme")
            for name, value in dict(sign("acme", body), **{
                    "content-type": "application/geo+json", "content-length": str(len(body))}).items():
                connection.putheader(name, value)
            connection.endheaders()
            connection.send(body[:2_000_000])
            until(lambda: any(":raw:" in k for k in stack.redis.keys()), "the upload has begun")
            stack.kill("redis")
            try:
                connection.send(body[2_000_000:])
                status = connection.getresponse().status
            except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
                status = None   # refused and hung up before the last byte was sent
            self.assertIn(status, (503, None))
            connection.close()
            stack.start_redis()
            stack.start("worker")   # its janitor takes away what the upload left
            until(lambda: not any(":raw:" in k or ":staging" in k for k in stack.redis.keys()),
                  "the segments are gone", 60)
        finally:
            stack.close()


if __name__ == "__main__":
    unittest.main()
