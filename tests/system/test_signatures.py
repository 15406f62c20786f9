"""Every scheme through the real server: right is taken, wrong is refused, early where the headers tell.

What signs is `geosluice sign`, and for RFC 9421 also this file. No worker runs: jobs stay as they were accepted.
"""
import base64
import hashlib
import hmac
import os
import subprocess
import tempfile
import time
import unittest

from harness import BUILD, PATIENCE_S, SOUND, Stack, collection, sign, until
from raw_client import RawClient

BODY = collection(SOUND)
OTHER = BODY + b" "
PRIVATE = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="

EXTRA = """
[source asym]
secret = """ + PUBLIC + """
[source shop]
scheme = shopify
secret = open
[source pay]
scheme = stripe
secret = open
delivery_header = X-Event
[source plain]
scheme = generic
secret = open
signature_header = X-Plain
signature_encoding = base64
signature_prefix = mac:
[source message]
scheme = rfc9421
secret = open
secret_id = one
secret_2 = """ + PUBLIC + """
secret_2_id = two
[source either]
scheme = standard-webhooks, github
secret = open
[source rotating]
scheme = github
secret = old
secret_2 = new
secret_3 = past
secret_3_not_after = 2020-01-01
secret_4 = future
secret_4_not_before = 2100-01-01T00:00:00Z
"""

# Source, scheme, secret, further options of `geosluice sign`; the delivery id that the job gets of "id-1".
SENDERS = (
    ("asym", "standard-webhooks", PRIVATE, (), "id-1"),
    ("hub", "github", "plain words are a key too", (), "id-1"),
    ("shop", "shopify", "open", (), "id-1"),
    ("pay", "stripe", "open", (), None),
    ("plain", "generic", "open", ("--header", "X-Plain", "--prefix", "mac:", "--base64"), "id-1"),
    ("message", "rfc9421", "open", ("--key-id", "one"), "id-1"),
    ("message", "rfc9421", PRIVATE, ("--key-id", "two"), "id-1"),
    ("message", "rfc9421", PRIVATE, (), "id-1"),
    ("either", "standard-webhooks", "open", (), "id-1"),
    ("either", "github", "open", (), "id-1"),
)


def signed(stack, source, scheme, secret, options=(), delivery=None, body=BODY):
    """The headers that `geosluice sign` makes, in lower case."""
    argv = [os.path.join(BUILD, "geosluice"), "sign", "--scheme", scheme, "--secret", secret, *options]
    if scheme == "rfc9421":
        argv += ["--url", "http://127.0.0.1:%d" % stack.address[1], "--source", source, "--type",
                 "application/geo+json"]
    if delivery:
        argv += ["--id", delivery]
    with tempfile.NamedTemporaryFile() as f:
        f.write(body)
        f.flush()
        out = subprocess.run(argv + [f.name], check=True, stdout=subprocess.PIPE).stdout.decode()
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in out.splitlines())}


def message_signed(host, body, secret=b"open", headers=(), leave_out=(), query="", digest=None,
                   created=None):
    """An RFC 9421 signature with hmac-sha256, made by hand."""
    values = {"@method": "POST", "@authority": host, "@path": "/v1/ingest/message",
              "content-type": "application/geo+json", "content-length": str(len(body)),
              "content-digest": "sha-256=:%s:" % base64.b64encode(digest or hashlib.sha256(body).digest()).decode()}
    if query:
        values["@query"] = query
    values.update(headers)
    sent = {k: v for k, v in values.items() if not k.startswith("@") and k != "content-length"}
    covered = {k: v for k, v in values.items() if k not in leave_out}
    params = '(%s);created=%d;keyid="one"' % (" ".join('"%s"' % k for k in covered), created or time.time())
    base = "".join('"%s": %s\n' % kv for kv in covered.items()) + '"@signature-params": ' + params
    mac = base64.b64encode(hmac.new(secret, base.encode(), hashlib.sha256).digest()).decode()
    return dict(sent, **{"signature-input": "x=" + params, "signature": "x=:%s:" % mac})


class Signatures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(EXTRA, start=("server",))
        cls.host = "127.0.0.1:%d" % cls.stack.address[1]

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def setUp(self):
        self.stack.redis("FLUSHALL")

    def refused(self, answer, status, code):
        self.assertEqual((answer.status, answer.json()["code"]), (status, code), answer)

    def only(self, jobs):
        """So many jobs have a body; what was refused leaves nothing."""
        until(lambda: len([k for k in self.stack.redis.keys() if ":raw:" in k]) == jobs, "%d bodies are left" % jobs, 5)

    def test_each_scheme(self):
        for source, scheme, secret, options, delivery in SENDERS:
            with self.subTest("%s: %s %s" % (source, scheme, " ".join(options))):
                self.stack.redis("FLUSHALL")
                headers = signed(self.stack, source, scheme, secret, options, "id-1")
                answer = self.stack.post(source, BODY, signed=headers)
                self.assertEqual(answer.status, 202, answer)
                self.assertEqual(answer.json().get("delivery"), delivery)
                wrong = self.stack.post(source, OTHER, signed=headers)
                self.refused(wrong, 401, "SIGNATURE_WRONG")
                self.refused(self.stack.post(source, BODY, signed={}), 401, "SIGNATURE_MISSING")

    def test_each_scheme_by_the_command_line(self):
        for source, scheme, secret, options, _ in SENDERS:
            for crs in ((), ("--crs", "EPSG:4326")):
                with self.subTest("%s: %s %s %s" % (source, scheme, options, crs)), \
                        tempfile.NamedTemporaryFile(suffix=".geojson") as f:
                    f.write(BODY + b" " * 300_000)
                    f.flush()
                    done = subprocess.run(
                        [os.path.join(BUILD, "geosluice"), "send", "--url", "http://" + self.host.upper(), "--source",
                         source, "--scheme", scheme, "--secret", secret, *options, *crs, f.name],
                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertRegex(done.stdout.decode(), "^0-[0-9a-z]{26}\n$")

    def test_another_secret(self):
        for source, scheme, secret, options, _ in SENDERS:
            with self.subTest("%s: %s" % (source, scheme)):
                other = "whsk_" + base64.b64encode(b"x" * 32).decode() if secret == PRIVATE else "another"
                headers = signed(self.stack, source, scheme, other, options)
                self.refused(self.stack.post(source, BODY, signed=headers), 401, "SIGNATURE_WRONG")
        self.only(0)

    def test_the_same_delivery_again_is_the_same_job(self):
        for source, scheme, secret, options, delivery in SENDERS:
            with self.subTest("%s: %s" % (source, scheme)):
                self.stack.redis("FLUSHALL")
                headers = signed(self.stack, source, scheme, secret, options, "id-1")
                other = signed(self.stack, source, scheme, secret, options, "id-1", OTHER)
                if source == "pay":     # Stripe has no header for it; the settings name one
                    headers["x-event"] = other["x-event"] = delivery = "id-1"
                first = self.stack.post(source, BODY, signed=headers)
                again = self.stack.post(source, BODY, signed=headers)
                self.assertEqual((first.status, again.status), (202, 202))
                self.assertEqual(first.json()["jobID"], again.json()["jobID"])
                self.assertEqual(first.headers["location"], again.headers["location"])
                self.refused(self.stack.post(source, OTHER, signed=other), 409, "DELIVERY_RUNNING")
                job = "gs:{p0}:job:" + first.json()["jobID"]
                self.assertEqual(self.stack.redis("HGET", job, "delivery"), delivery.encode())
                self.stack.redis("HSET", job, "state", "successful")
                self.refused(self.stack.post(source, OTHER, signed=other), 422, "DELIVERY_REUSED")
                self.only(1)

    def test_an_ed25519_signature_over_a_long_body(self):
        body = BODY + b" " * 3_000_000
        headers = signed(self.stack, "asym", "standard-webhooks", PRIVATE, body=body)
        self.refused(self.stack.post("asym", body[:-1] + b"\n", signed=headers), 401, "SIGNATURE_WRONG")
        self.assertEqual(self.stack.post("asym", body, signed=headers).status, 202)
        self.only(1)

    def test_secrets_overlap(self):
        for secret, good in (("old", True), ("new", True), ("past", False), ("future", False)):
            with self.subTest(secret):
                headers = signed(self.stack, "rotating", "github", secret)
                answer = self.stack.post("rotating", BODY, signed=headers)
                self.assertEqual(answer.status, 202 if good else 401, answer)

    def test_a_key_is_chosen_by_its_id(self):
        for secret, key, code in (("open", "two", "KEY_UNKNOWN"), (PRIVATE, "one", "KEY_UNKNOWN"),
                                  ("open", "three", "KEY_UNKNOWN"), ("other", "one", "SIGNATURE_WRONG")):
            with self.subTest(key):
                headers = signed(self.stack, "message", "rfc9421", secret, ("--key-id", key))
                self.refused(self.stack.post("message", BODY, signed=headers), 401, code)

    def test_all_that_counts_is_covered(self):
        for leave_out, headers, path in (
                ("@method", {}, ""), ("@authority", {}, ""), ("@path", {}, ""), ("content-type", {}, ""),
                ("content-length", {}, ""), ("content-digest", {}, ""), ("@query", {}, "?crs=EPSG:4326"),
                ("content-crs", {"content-crs": "EPSG:4326"}, ""), ("idempotency-key", {"idempotency-key": "k"}, "")):
            with self.subTest(leave_out):
                good = message_signed(self.host, BODY, headers=headers, query=path)
                answer = self.stack.post("message", BODY, signed=good, path="/v1/ingest/message" + path)
                self.assertEqual(answer.status, 202, answer)
                self.stack.redis("FLUSHALL")
                bad = message_signed(self.host, BODY, headers=headers, query=path, leave_out=(leave_out,))
                answer = self.stack.post("message", BODY, signed=bad, path="/v1/ingest/message" + path)
                self.refused(answer, 401, "SIGNATURE_COVERAGE")
                self.assertIn(leave_out, answer.json()["detail"])

    def test_what_is_covered_cannot_be_changed(self):
        good = message_signed(self.host, BODY, headers={"content-crs": "EPSG:4326"}, query="?x=1")
        path = "/v1/ingest/message?x=1"
        self.assertEqual(self.stack.post("message", BODY, signed=good, path=path).status, 202)
        for headers, at in (({"content-crs": "EPSG:3857"}, path), ({"content-type": "application/json"}, path),
                            ({"host": "example.org"}, path), ({}, "/v1/ingest/message?x=2"),
                            ({}, "/v1/ingest/message?x=1&"), ({}, "/v1/ingest/message?%78=1")):
            with self.subTest("%s %s" % (headers, at)):
                answer = self.stack.post("message", BODY, signed=dict(good, **headers), path=at)
                self.refused(answer, 401, "SIGNATURE_WRONG")

    def test_a_signature_among_others_in_lines_of_their_own(self):
        good = message_signed(self.host, BODY)
        client = RawClient(self.stack.address, PATIENCE_S)
        lines = ["POST /v1/ingest/message HTTP/1.1", "host: " + self.host, "content-length: %d" % len(BODY),
                 'signature-input: proxy=("@path");created=1;keyid="x"', "signature: proxy=:AAAA:"]
        lines += ["%s: %s" % h for h in good.items()]
        client.send("\r\n".join(lines + ["", ""]).encode() + BODY)
        status, _, body = client.answer()
        client.close()
        self.assertEqual(status, 202, body)

    def test_a_header_that_is_there_twice_is_no_choice(self):
        good = message_signed(self.host, BODY)
        for name, value, status in (("content-type", "application/json", 415),
                                    ("content-type", good["content-type"], 415), ("content-digest", "md5=:AAAA:", 401)):
            with self.subTest("%s: %s" % (name, value)):
                client = RawClient(self.stack.address, PATIENCE_S)
                lines = ["POST /v1/ingest/message HTTP/1.1", "host: " + self.host, "content-length: %d" % len(BODY)]
                lines += ["%s: %s" % h for h in good.items()] + ["%s: %s" % (name, value)]
                client.send("\r\n".join(lines + ["", ""]).encode() + BODY)
                self.assertEqual(client.answer()[0], status)
                client.close()

    def raw(self, headers, length, expect):
        client = RawClient(self.stack.address, PATIENCE_S)
        lines = ["POST /v1/ingest/message HTTP/1.1", "host: " + self.host, "content-length: %d" % length]
        lines += ["%s: %s" % h for h in headers.items()] + (["expect: 100-continue"] if expect else [])
        client.send("\r\n".join(lines + ["", ""]).encode())
        return client

    def test_a_forger_is_refused_before_the_first_byte_of_the_body(self):
        forged = message_signed(self.host, b" " * 50_000_000, secret=b"guess")
        for expect in (True, False):
            with self.subTest(expect=expect):
                client = self.raw(forged, 50_000_000, expect)
                status, _, body = client.answer()   # the first line that comes: no 100 goes before it
                client.close()
                self.assertEqual(status, 401, body)
                self.assertIn(b"SIGNATURE_WRONG", body)

    def test_who_signed_may_go_on(self):
        client = self.raw(message_signed(self.host, BODY), len(BODY), True)
        self.assertIn(b"100 Continue", client.sock.recv(100))
        client.send(BODY)
        self.assertEqual(client.answer()[0], 202)
        client.close()

    def test_a_body_that_is_not_what_its_digest_says(self):
        body = BODY + b" " * 1_000_000
        digest = hashlib.sha256(OTHER).digest()
        answer = self.stack.post("message", body, signed=message_signed(self.host, body, digest=digest))
        self.refused(answer, 400, "DIGEST_WRONG")
        good = message_signed(self.host, BODY)
        good["content-digest"] = "md5=:AAAA:"
        self.refused(self.stack.post("message", BODY, signed=good), 401, "SIGNATURE_WRONG")
        weak = message_signed(self.host, BODY, headers={"content-digest": "md5=:AAAA:"})
        self.refused(self.stack.post("message", BODY, signed=weak), 400, "DIGEST_MALFORMED")
        self.only(0)

    def begin(self, body, delivery):
        """An upload of which the last byte is still to come."""
        client = RawClient(self.stack.address, PATIENCE_S)
        lines = ["POST /v1/ingest/acme HTTP/1.1", "host: localhost", "content-type: application/geo+json",
                 "content-length: %d" % len(body)] + ["%s: %s" % h for h in sign("acme", body, delivery).items()]
        client.send("\r\n".join(lines + ["", ""]).encode() + body[:-1])
        return client

    def test_a_signature_of_stripe_s_is_one_job(self):
        for body in (BODY, BODY + b" " * 600_000):
            headers = signed(self.stack, "pay", "stripe", "open", body=body)
            jobs = {self.stack.post("pay", body, signed=headers).json()["jobID"] for _ in range(3)}
            self.assertEqual(len(jobs), 1)
            # A forged one in front of it changes nothing.
            forged = dict(headers, **{"stripe-signature": headers["stripe-signature"].replace(
                "v1=", "v1=" + "0" * 64 + ",v1=")})
            self.assertEqual({self.stack.post("pay", body, signed=forged).json()["jobID"]}, jobs)
            mac = hmac.new(b"open", b"%d." % (time.time() - 9) + body, hashlib.sha256).hexdigest()
            other = self.stack.post("pay", body, signed={"stripe-signature": "t=%d,v1=%s" % (time.time() - 9, mac)})
            self.assertIn(other.status, (202, 401))     # 401: the clock went on between the two
            self.assertNotIn(other.json().get("jobID"), jobs)

    def test_a_message_without_an_id_is_one_job(self):
        for body in (BODY, BODY + b" " * 600_000):
            headers = message_signed(self.host, body)
            jobs = {self.stack.post("message", body, signed=headers).json()["jobID"] for _ in range(3)}
            self.assertEqual(len(jobs), 1)
            self.only(1)
            # The same document is sent once more when it is signed anew.
            other = self.stack.post("message", body, signed=message_signed(self.host, body, created=time.time() - 5))
            self.assertEqual(other.status, 202)
            self.assertNotIn(other.json()["jobID"], jobs)
            self.stack.redis("FLUSHALL")

    def test_a_redelivery_while_the_first_uploads(self):
        for size in (0, 2_000_000):
            with self.subTest(size):
                self.stack.redis("FLUSHALL")
                body = BODY + b" " * size
                clients = [self.begin(body, "msg_twice") for _ in range(4)]
                jobs = set()
                for client in reversed(clients):
                    client.send(body[-1:])
                    status, headers, _ = client.answer()
                    self.assertEqual(status, 202)
                    jobs.add(headers["location"])
                    client.close()
                self.assertEqual(len(jobs), 1)
                self.only(1)

    def test_another_body_of_the_same_id_while_the_first_uploads(self):
        first, second = self.begin(BODY + b" " * 2_000_000, "msg_race"), self.begin(OTHER + b"\n", "msg_race")
        second.send(b"\n")
        self.assertEqual(second.answer()[0], 202)
        first.send(b" ")
        status, _, body = first.answer()
        self.assertEqual(status, 409, body)
        self.assertIn(b"DELIVERY_RUNNING", body)
        self.only(1)
        first.close()
        second.close()


if __name__ == "__main__":
    unittest.main()
