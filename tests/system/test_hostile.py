"""Clients that are slow, greedy, malformed or out to smuggle: each gets its answer, and leaves nothing behind."""
import contextlib
import json
import os
import re
import resource
import socket
import threading
import time
import unittest

from harness import BUILD, PATIENCE_S, SANITISED, SOUND, Stack, StackTest, collection, is_alive, sign, until
from raw_client import RawClient

BODY = collection(SOUND)
SLOW_S = 1      # what the slow tests set as limits

LIMITS = """
[server]
header_timeout_s = %d
idle_timeout_s = %d
rate_window_s = %d
min_rate = 1000
max_connections_per_address = 40
requests_per_connection = 20
""" % (SLOW_S, SLOW_S, SLOW_S)


def head(line="GET /healthz HTTP/1.1", *fields, host="host: localhost"):
    return "\r\n".join([line, *([host] if host else []), *fields]).encode() + b"\r\n\r\n"


def upload(body, *fields, source="acme", length=True, secret=None):
    signed = ["%s: %s" % h for h in sign(source, body, secret=secret).items()]
    if length:
        signed.append("content-length: %d" % len(body))
    return head("POST /v1/ingest/%s HTTP/1.1" % source, "content-type: application/geo+json", *signed, *fields)


ONE = {"GEOSLUICE_SERVER_THREADS": "1"}
SMUGGLED = head("GET /v1/jobs?limit=77 HTTP/1.1")


class Hostile(StackTest):
    """Beside what each test asks, all hold: no key more than before, and no request line that a test hid in another."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stack.run("acme", BODY)
        until(lambda: not cls.stack.redis("XLEN", "gs:{p0}:outbox"), "the callback is delivered")

    def setUp(self):
        self.before = self.keys()

    def tearDown(self):
        with contextlib.suppress(AssertionError):
            until(lambda: self.keys() == self.before, "no key is left behind", 10)
        self.assertEqual(self.keys(), self.before)

    def keys(self):
        """A janitor's lease comes and goes."""
        return [k for k in self.stack.redis.keys() if k != "gs:{p0}:janitor"]

    def client(self, **kwargs):
        client = RawClient(self.stack.address, PATIENCE_S, **kwargs)
        self.addCleanup(client.close)
        return client

    def refused(self, code):
        """How often, as the server counts it."""
        found = re.search(r'^geosluice_http_refusals_total\{code="%s"\} (\d+)$' % code,
                          self.stack.get("/metrics").body.decode(), re.M)
        return int(found.group(1))

    def logged(self, code):
        return len(re.findall(r"event=request .*\bcode=%s " % code, self.stack.log("server"), re.M))

    def check_refused(self, client, status, code, closes=True):
        answer = client.answer()
        self.assertIsNotNone(answer, "hung up without a word")
        self.check_answer(answer, status, code)
        if closes:
            self.assertEqual(answer[1].get("connection"), "close", answer)
            self.assertTrue(client.hung_up(), "more came behind the answer, or the connection stays open")

    def check_answer(self, answer, status, code):
        self.assertEqual(answer[0], status, answer)
        self.assertEqual(answer[1]["content-type"], "application/problem+json", answer)
        problem = json.loads(answer[2])
        self.assertEqual((problem["code"], problem["status"]), (code, status))
        for member in ("type", "title", "detail"):
            self.assertTrue(problem.get(member), problem)

    # What is no request.

    MALFORMED = {
        "garbage": b"what is this\r\n\r\n",
        "binary garbage": bytes(range(128, 256)) * 8,
        "a TLS hello": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\x11" * 100,
        "no version": b"GET /healthz\r\n\r\n",
        "a lower-case version": head("GET /healthz http/1.1"),
        "two spaces": head("GET  /healthz HTTP/1.1"),
        "a space at the end": head("GET /healthz HTTP/1.1 "),
        "a method with a bracket": head("G(T /healthz HTTP/1.1"),
        "a bare LF behind the request line": b"GET /healthz HTTP/1.1\nhost: localhost\r\n\r\n",
        "a bare LF behind a header": b"GET /healthz HTTP/1.1\r\nhost: localhost\n\r\n",
        "a bare LF at the end": b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\n",
        "a bare CR in a header": head("GET /healthz HTTP/1.1", "a: b\rc"),
        "a NUL in a header": head("GET /healthz HTTP/1.1", "a: b\0c"),
        "a NUL in the path": head("POST /v1/ingest/acme\0 HTTP/1.1", "content-length: 0"),
        "an encoded NUL in the path": head("POST /v1/ingest/acme%00 HTTP/1.1", "content-length: 0"),
        "an encoded line end in the path": head("GET /v1/jobs/%0d%0aa HTTP/1.1"),
        "an encoded slash in the path": head("POST /v1/ingest%2facme HTTP/1.1"),
        "a broken escape": head("GET /v1/jobs/%zz HTTP/1.1"),
        "half an escape": head("GET /v1/jobs?a=%4 HTTP/1.1"),
        "a path that is not ASCII": head("GET /v1/jobs/\u00e4 HTTP/1.1"),
        "a fragment": head("GET /healthz#top HTTP/1.1"),
        "a folded header": head("GET /healthz HTTP/1.1", "a: b", " c: d"),
        "a folded first header": head("GET /healthz HTTP/1.1", host=" host: localhost"),
        "a space before a colon": head("GET /healthz HTTP/1.1", "content-length : 2"),
        "a header without a colon": head("GET /healthz HTTP/1.1", "content-length"),
        "a header without a name": head("GET /healthz HTTP/1.1", ": 2"),
        "no path": head("GET healthz HTTP/1.1"),
        "a tunnel": head("CONNECT x:443 HTTP/1.1"),
        "another scheme": head("GET ftp://x/healthz HTTP/1.1"),
    }

    def test_who_sent_what_is_no_request_is_logged(self):
        begin = len(self.stack.log("server"))
        client = self.client()
        client.send(b"GET / HTTP/1.1\nhost: localhost\n\n")
        self.check_refused(client, 400, "REQUEST_MALFORMED")
        until(lambda: "event=request" in self.stack.log("server")[begin:], "it is logged")
        self.assertRegex(self.stack.log("server")[begin:], r"code=REQUEST_MALFORMED client=127\.0\.0\.1 ")

    def test_what_is_no_request(self):
        before = self.refused("REQUEST_MALFORMED"), self.logged("REQUEST_MALFORMED")
        for what, data in self.MALFORMED.items():
            with self.subTest(what):
                client = self.client()
                client.send(data + SMUGGLED)
                self.check_refused(client, 400, "REQUEST_MALFORMED")
        self.assertEqual(self.refused("REQUEST_MALFORMED") - before[0], len(self.MALFORMED))
        until(lambda: self.logged("REQUEST_MALFORMED") >= before[1] + len(self.MALFORMED), "the last is logged, too")
        self.assertEqual(self.logged("REQUEST_MALFORMED") - before[1], len(self.MALFORMED))

    def test_versions(self):
        for what, data in (("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), ("2.0", head("GET /healthz HTTP/2.0")),
                           ("3.1", head("GET /healthz HTTP/3.1")), ("0.9", head("GET /healthz HTTP/0.9"))):
            with self.subTest(what):
                client = self.client()
                client.send(data)
                self.check_refused(client, 505, "HTTP_VERSION")
        client = self.client()
        client.send(head("GET /healthz HTTP/1.9"))
        self.assertEqual(client.answer()[0], 200)

    def test_a_client_of_the_last_century(self):
        """HTTP/1.0, as proxies still speak it: answered, not kept alive, nothing chunked."""
        job = self.stack.get("/v1/jobs?limit=1").json()["jobs"][0]["jobID"]
        for path in ("/healthz", "/v1/jobs/%s/results" % job):
            client = self.client()
            client.send(head("GET %s HTTP/1.0" % path, host=None))
            status, headers, body = client.answer()
            self.assertEqual((status, headers["connection"]), (200, "close"))
            self.assertNotIn("transfer-encoding", headers)
            json.loads(body)
            self.assertTrue(client.hung_up())

    def test_hosts(self):
        for fields in ([], ["host: x", "host: x"], ["host: x", "host: y"], ["host:"], ["host: a b"], ["host: a/b"]):
            with self.subTest(fields):
                client = self.client()
                client.send(head("GET /healthz HTTP/1.1", *fields, host=None) + SMUGGLED)
                self.check_refused(client, 400, "HOST")
        client = self.client()
        client.send(head("GET http://other/healthz HTTP/1.1"))
        self.check_refused(client, 400, "HOST")
        client = self.client()
        client.send(head("GET http://localhost/healthz HTTP/1.1"))
        self.assertEqual(client.answer()[0], 200)

    FRAMINGS = ("content-length: 2\r\ncontent-length: 2", "content-length: 2\r\ncontent-length: 3",
                "content-length: 2, 2", "content-length: -1", "content-length: +2", "content-length: 0x2",
                "content-length: two", "content-length:", "content-length: 2\r\ntransfer-encoding: chunked",
                "transfer-encoding: chunked\r\ncontent-length: 2", "transfer-encoding: gzip",
                "transfer-encoding: gzip, chunked", "transfer-encoding: chunked, chunked",
                "transfer-encoding: chunked\r\ntransfer-encoding: chunked", "transfer-encoding: xchunked",
                "transfer-encoding: identity", "transfer-encoding: \"chunked\"")

    def test_lengths_that_two_could_read_differently(self):
        before = self.refused("BODY_FRAMING")
        for fields in self.FRAMINGS:
            with self.subTest(fields):
                client = self.client()
                client.send(upload(BODY, fields, length=False) + b"0\r\n\r\n" + SMUGGLED)
                self.check_refused(client, 400, "BODY_FRAMING")
        client = self.client()
        client.send(head("POST /v1/ingest/acme HTTP/1.0", "transfer-encoding: chunked") + b"0\r\n\r\n" + SMUGGLED)
        self.check_refused(client, 400, "BODY_FRAMING")
        self.assertEqual(self.refused("BODY_FRAMING") - before, len(self.FRAMINGS) + 1)

    def test_lengths_beyond_numbers(self):
        for length in (str(2**63 - 1), str(2**63), str(2**64 + 2), "9" * 200):
            with self.subTest(length):
                client = self.client()
                client.send(upload(BODY, "content-length: " + length, length=False) + SMUGGLED)
                self.check_refused(client, 413, "BODY_TOO_LARGE")

    def test_chunks_that_are_malformed(self):
        good = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
        for bad in (b"zz\r\n", b"-1\r\n", b"0x5\r\n", b" 5\r\n", b"5 \r\n", b"5\nhello\r\n", b"\r\n", b";a\r\n",
                    b"1\r\nab", b"fffffffffffffffff\r\n", b"0\r\n\n", b"0\r\na: b\nc: d\r\n\r\n",
                    b"1;" + b"e" * 20000):
            with self.subTest(bad[:20]):
                client = self.client()
                client.send(upload(b"", "transfer-encoding: chunked", length=False) + good + bad + SMUGGLED)
                self.check_refused(client, 400, "BODY_FRAMING")

    def test_heads_without_end(self):
        for what, data, status, code in (
                ("target", b"GET /" + b"a" * 9000, 414, "TARGET_TOO_LONG"),
                ("target, whole", head("GET /%s HTTP/1.1" % ("a" * 9000)), 414, "TARGET_TOO_LONG"),
                ("header", head()[:-2] + b"a: " + b"b" * 20000, 431, "HEADERS_TOO_LARGE"),
                ("header, whole", head("GET /healthz HTTP/1.1", "a: " + "b" * 20000), 431, "HEADERS_TOO_LARGE"),
                ("number", head("GET /healthz HTTP/1.1", *["a: b"] * 100), 431, "HEADERS_TOO_LARGE"),
                ("number, unfinished", head()[:-2] + b"a:\r\n" * 101, 431, "HEADERS_TOO_LARGE")):
            with self.subTest(what):
                client = self.client()
                client.send(data)
                self.check_refused(client, status, code)
        client = self.client()
        client.send(head("GET /healthz HTTP/1.1", *["a: b"] * 99))
        self.assertEqual(client.answer()[0], 200)

    def test_a_head_byte_by_byte(self):
        client = self.client()
        for byte in head("GET /v1/jobs?limit=1 HTTP/1.1"):
            client.send(bytes([byte]))
        self.assertEqual(client.answer()[0], 200)

    # What is refused, and what then comes.

    def test_who_waits_for_leave_sends_no_body(self):
        client = self.client()
        client.send(upload(b"x" * 5000, "expect: 100-continue", source="small"))
        self.check_refused(client, 413, "BODY_TOO_LARGE")
        client = self.client()
        client.send(upload(BODY, "expect: cake"))
        self.check_refused(client, 417, "EXPECTATION")

    def test_who_may_go_on_is_told_once(self):
        client = self.client()
        client.send(upload(BODY + b" ", "expect: 100-continue"))
        self.assertEqual(client.answer()[0], 100)
        client.send(BODY + b" ")
        status, _, body = client.answer()
        self.assertEqual(status, 202)
        self.stack.wait_for(json.loads(body)["jobID"])
        until(lambda: not self.stack.redis("XLEN", "gs:{p0}:outbox"), "the callback is delivered")
        self.before = self.keys()

    def test_who_sends_regardless_is_cut_off_but_reads_the_answer(self):
        """A client that reads only when it has sent all: it sends until it is cut off, and then finds the answer."""
        client = self.client()
        client.send(upload(b"", "content-length: 100000000000", length=False))
        sent, block = 0, b" " * 1_000_000
        while sent < 50_000_000_000 and client.send(block):
            sent += len(block)
        self.assertLess(sent, 50_000_000_000)
        client = self.client()
        client.send(upload(b"", "content-length: 100000000000", length=False) + block * 3)
        self.check_refused(client, 413, "BODY_TOO_LARGE", closes=False)

    def test_a_refused_connection_is_no_second_request(self):
        before = self.stack.log("server").count("route=\"GET /v1/jobs\"")
        client = self.client()
        client.send(upload(b"", "content-length: 100000", "x-hub: no", length=False, source="small") + SMUGGLED * 3)
        self.check_refused(client, 413, "BODY_TOO_LARGE")
        self.assertEqual(self.stack.log("server").count("route=\"GET /v1/jobs\""), before)

    def test_a_small_body_that_is_refused_keeps_the_connection(self):
        client = self.client()
        client.send(head("POST /v1/ingest/nobody HTTP/1.1", "content-length: 5") + b"hello" + head())
        self.check_refused(client, 404, "SOURCE_UNKNOWN", closes=False)
        self.assertEqual(client.answer()[0], 200)

    # Connections that are used in unusual ways.

    def test_pipelined_requests_are_answered_in_order(self):
        client = self.client()
        lines = ["GET /healthz HTTP/1.1", "GET /v1/nothing HTTP/1.1", "GET /v1/jobs?limit=1 HTTP/1.1"] * 20
        client.send(b"".join(map(head, lines)) + head("GET /healthz HTTP/1.1", "connection: close"))
        for _ in range(20):
            for status in (200, 404, 200):
                self.assertEqual(client.answer()[0], status)
        self.assertEqual(client.answer()[0], 200)
        self.assertTrue(client.hung_up())

    def test_more_requests_ahead_than_are_kept(self):
        """They wait in the client, whose sending stalls meanwhile."""
        client = self.client()
        n = 3000
        sender = threading.Thread(target=client.send, args=(head("GET /v1/jobs?limit=1 HTTP/1.1") * n,))
        sender.start()
        for _ in range(n):
            self.assertEqual(client.answer()[0], 200)
        sender.join()

    def test_uploads_in_one_stream(self):
        """Two documents and a chunked one, without waiting for answers."""
        client = self.client()
        chunked = upload(BODY + b"  ", "transfer-encoding: chunked", length=False)
        client.send(upload(BODY) + BODY + upload(BODY + b" ") + BODY + b" " + chunked
                    + b"%x\r\n%s\r\n2;a=b\r\n  \r\n0\r\nt: u\r\n\r\n" % (len(BODY), BODY) + head())
        for _ in range(3):
            status, _, body = client.answer()
            self.assertEqual(status, 202)
            self.stack.wait_for(json.loads(body)["jobID"])
        self.assertEqual(client.answer()[0], 200)
        until(lambda: not self.stack.redis("XLEN", "gs:{p0}:outbox"), "the callback is delivered")
        self.before = self.keys()

    def test_a_client_that_stops_sending_is_still_answered(self):
        for data, status in ((head(), 200), (head("GET /v1/jobs HTTP/1.1"), 200), (upload(BODY) + BODY, 202)):
            client = self.client()
            client.send(data)
            client.finish_sending()
            answer = client.answer()
            self.assertEqual(answer[0], status)
            self.assertTrue(client.hung_up())
        self.stack.wait_for(json.loads(answer[2])["jobID"])
        until(lambda: not self.stack.redis("XLEN", "gs:{p0}:outbox"), "the callback is delivered")
        self.before = self.keys()

    def test_a_client_that_stops_sending_too_early(self):
        whole = upload(b" " * 3_000_000)
        for data in (head()[:-2], head()[:-3], head()[:5], whole, whole + b" " * 100, whole + b" " * 2_000_000,
                     upload(b"", "transfer-encoding: chunked", length=False) + b"5\r\nhello\r\n0\r\n"):
            client = self.client()
            client.send(data)
            client.finish_sending()
            self.check_refused(client, 400, "REQUEST_TRUNCATED")
        client = self.client()
        client.finish_sending()
        self.assertTrue(client.hung_up())

    def test_a_client_that_leaves_before_its_answer(self):
        for _ in range(20):
            client = self.client()
            client.send(head("GET /v1/jobs HTTP/1.1") * 3)
            client.vanish()
        self.assertEqual(self.stack.get("/healthz").status, 200)
        self.assertTrue(is_alive(self.stack.pid("server")))


class Slow(Hostile):
    """Limits of a second, so that they can be waited for. What Hostile asks holds under them too, but for numbers."""

    EXTRA = LIMITS
    test_pipelined_requests_are_answered_in_order = None
    test_more_requests_ahead_than_are_kept = None

    def test_headers_that_come_slowly(self):
        before = self.logged("HEADERS_SLOW")
        client = self.client()
        client.drip(head("GET /healthz HTTP/1.1", *["a: b"] * 50), 0.02, lambda: self.logged("HEADERS_SLOW") > before)
        self.check_refused(client, 408, "HEADERS_SLOW")

    def test_a_second_request_that_comes_slowly(self):
        client = self.client()
        client.send(head() + b"GET /healthz HT")
        self.assertEqual(client.answer()[0], 200)
        self.check_refused(client, 408, "HEADERS_SLOW")

    def test_a_connection_that_asks_nothing(self):
        client = self.client()
        self.assertTrue(client.hung_up())
        client = self.client()
        client.send(head())
        self.assertEqual(client.answer()[0], 200)
        self.assertTrue(client.hung_up())

    def test_a_body_that_comes_slowly(self):
        for length in (3_000_000, 1000):
            before = self.logged("BODY_SLOW")
            client = self.client()
            client.send(upload(b" " * length) + b" " * 500)
            client.drip(b" " * 500, 0.02, lambda: self.logged("BODY_SLOW") > before)    # pylint: disable=W0640
            self.check_refused(client, 408, "BODY_SLOW")

    def test_a_body_that_comes_fast_enough(self):
        """For twice the window: 2,500 bytes a second where 1,000 are asked for."""
        body = BODY + b" " * (5000 - len(BODY))
        client = self.client()
        client.send(upload(body))
        begin, sent = time.monotonic(), 0
        while sent < 5000:
            threading.Event().wait(0.02)
            due = int((time.monotonic() - begin) * 2500)    # what was missed is made up for
            self.assertTrue(client.send(body[sent:due]))
            sent = due
        status, _, answer = client.answer()
        self.assertEqual(status, 202)
        self.stack.wait_for(json.loads(answer)["jobID"])
        until(lambda: not self.stack.redis("XLEN", "gs:{p0}:outbox"), "the callback is delivered")
        self.before = self.keys()

    def test_an_upload_that_waits_for_redis_is_not_slow(self):
        body = BODY + b" " * 8_000_000
        client = self.client()
        self.stack.redis("CLIENT", "PAUSE", 2500, "WRITE")
        sender = threading.Thread(target=client.send, args=(upload(body) + body,))
        sender.start()
        status, _, answer = client.answer()
        sender.join()
        self.assertEqual(status, 202, answer)
        self.stack.wait_for(json.loads(answer)["jobID"])
        until(lambda: not self.stack.redis("XLEN", "gs:{p0}:outbox"), "the callback is delivered")
        self.before = self.keys()

    def test_more_connections_than_an_address_may_have(self):
        """The limit is per reactor, of which there are two."""
        with contextlib.ExitStack() as held:
            clients = [held.enter_context(contextlib.closing(RawClient(self.stack.address, PATIENCE_S)))
                       for _ in range(120)]
            answers = []
            for client in clients:
                client.send(head())
                answers.append(client.answer())
        refused = [a for a in answers if a[0] == 429]
        self.assertEqual(len(refused) + sum(a[0] == 200 for a in answers), 120)
        self.assertGreaterEqual(len(refused), 40)
        self.check_answer(refused[0], 429, "ADDRESS_FULL")
        self.assertTrue(refused[0][1]["retry-after"].isdigit())
        until(lambda: self.stack.get("/healthz").status == 200, "there is room again")

    def test_a_connection_ends_after_so_many_requests(self):
        client = self.client()
        for i in range(20):
            client.send(head())
            self.assertEqual(client.answer()[1].get("connection"), "close" if i == 19 else None)
        self.assertTrue(client.hung_up())


class SlowReader(unittest.TestCase):
    def test_a_client_that_does_not_read_its_answer(self):
        """A large answer, of which the client takes nothing: it is cut off, and costs no more than a block."""
        stack = Stack(environ=dict(ONE, GEOSLUICE_SERVER_RATE_WINDOW_S="1"))
        try:
            many = collection(*[dict(SOUND, id=i, properties={"i": "x" * 2000}) for i in range(10_000)])
            job, _ = stack.run("acme", many)
            client = RawClient(stack.address, PATIENCE_S, receive_buffer=4096)
            client.send(head("GET /v1/jobs/%s/results HTTP/1.1" % job))
            until(lambda: re.search(r'route="GET /v1/jobs/\{\}/results" status=200', stack.log("server")),
                  "the answer is given up")
            found = re.search(r'route="GET /v1/jobs/\{\}/results" status=200 us=(\d+) in=0 out=(\d+)',
                              stack.log("server"))
            self.assertLess(int(found.group(2)), 15_000_000)
            self.assertEqual(stack.get("/healthz").status, 200)
            client.close()
            # One that reads gets all of it, of course.
            self.assertEqual(len(json.loads(stack.get("/v1/jobs/%s/results" % job).body)["features"]), 10_000)
        finally:
            stack.close()


class Idle(unittest.TestCase):
    def test_a_request_in_two_pieces_leaves_its_connection_idle(self):
        """As one in a single piece does: it is not taken for slow headers."""
        stack = Stack(start=("server",), environ={"GEOSLUICE_SERVER_HEADER_TIMEOUT_S": "1",
                                                 "GEOSLUICE_SERVER_IDLE_TIMEOUT_S": "60"})
        self.addCleanup(stack.close)
        client = RawClient(stack.address, PATIENCE_S)
        self.addCleanup(client.close)
        client.send(head() + head()[:10])
        self.assertEqual(client.answer()[0], 200)      # by now the beginning of the second was read
        client.send(head()[10:])
        self.assertEqual(client.answer()[0], 200)
        self.assertFalse(client.hung_up(3))


class Full(unittest.TestCase):
    def test_more_connections_than_there_is_room_for(self):
        """The longest idle one makes room; where none is idle, the newest is told so."""
        stack = Stack(start=("server",), environ=dict(ONE, GEOSLUICE_SERVER_MAX_CONNECTIONS="8"))
        try:
            idle = RawClient(stack.address, PATIENCE_S)
            idle.send(head())
            self.assertEqual(idle.answer()[0], 200)
            busy = []
            for _ in range(7):
                busy.append(RawClient(stack.address, PATIENCE_S))
                busy[-1].send(upload(b" " * 100, "expect: 100-continue"))
                self.assertEqual(busy[-1].answer()[0], 100)
            busy.append(RawClient(stack.address, PATIENCE_S))
            self.assertTrue(idle.hung_up())
            busy[-1].send(upload(b" " * 100, "expect: 100-continue"))
            self.assertEqual(busy[-1].answer()[0], 100)
            late = RawClient(stack.address, PATIENCE_S)
            status, headers, body = late.answer()
            self.assertEqual(status, 503)
            self.assertEqual(json.loads(body)["code"], "CONNECTIONS_FULL")
            self.assertTrue(headers["retry-after"].isdigit())
            for client in (*busy, late, idle):
                client.close()
            until(lambda: _healthy(stack), "there is room again")
        finally:
            stack.close()

    def test_refused_connections_take_nobody_s_place(self):
        stack = Stack(start=("server",), environ=dict(ONE, GEOSLUICE_SERVER_MAX_CONNECTIONS="40",
                                                      GEOSLUICE_SERVER_MAX_CONNECTIONS_PER_ADDRESS="10",
                                                      GEOSLUICE_SERVER_LINGER_MS="60000"))
        try:
            many = [RawClient(stack.address, PATIENCE_S) for _ in range(80)]
            self.assertEqual(many[11].answer()[0], 429)     # there is still room to be told so
            many[-1].hung_up()
            other = socket.socket()
            other.settimeout(PATIENCE_S)
            other.bind(("127.0.0.2", 0))
            other.connect(stack.address)
            other.sendall(head())
            self.assertIn(b" 200 ", other.recv(4096))
            for client in (*many, other):
                client.close()
        finally:
            stack.close()

    @unittest.skipIf(SANITISED, "counts memory")
    def test_ten_thousand_idle_connections(self):
        """They cost little, and others are served meanwhile."""
        n = 10_000
        stack = Stack("[server]\nmax_connections_per_address = 0\n", start=("server",))
        idle = []
        try:
            _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            if hard < n + 500:
                self.skipTest("only %d descriptors" % hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            before = _rss_kb(stack.pid("server"))
            for i in range(n):
                # From several addresses: one has no more than 28,000 ports, and other tests use them too.
                sock = socket.socket()
                sock.bind(("127.0.0.%d" % (2 + i % 8), 0))
                sock.connect(stack.address)
                sock.sendall(head())
                idle.append(sock)
            for sock in idle:
                sock.settimeout(PATIENCE_S)
                self.assertTrue(sock.recv(4096).startswith(b"HTTP/1.1 200 "))
            grown = _rss_kb(stack.pid("server")) - before
            self.assertEqual(stack.post("acme", BODY).status, 202)
            self.assertLess(grown / n, 3.0, "kB each")
            idle[0].sendall(head())
            self.assertTrue(idle[0].recv(4096).startswith(b"HTTP/1.1 200 "))
        finally:
            for sock in idle:
                sock.close()
            stack.close()

    def test_no_descriptor_is_left(self):
        """What cannot be accepted waits, costs no time meanwhile, and is served once there is room."""
        stack = Stack(start=("server",), environ=ONE)
        clients = []
        try:
            pid = stack.pid("server")
            room = max(int(fd) for fd in os.listdir("/proc/%d/fd" % pid)) + 1 + 20
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (room, room))
            for _ in range(80):
                clients.append(RawClient(stack.address, PATIENCE_S))
                clients[-1].send(head())
            for client in clients[:20]:
                self.assertEqual(client.answer()[0], 200)
            before = _cpu_ticks(pid)
            with self.assertRaises(TimeoutError):
                clients[-1].sock.settimeout(1)
                clients[-1].answer()
            self.assertLess(_cpu_ticks(pid) - before, 30, "it spins")
            clients[-1].sock.settimeout(PATIENCE_S)
            for client in clients[:20]:
                client.close()
            for client in clients[20:]:
                self.assertEqual(client.answer()[0], 200)
                client.close()
        finally:
            for client in clients:
                client.close()
            stack.close()

    def test_too_few_descriptors_are_told_of_at_start(self):
        stack = Stack(start=())
        try:
            stack._spawn("server", ["prlimit", "--nofile=512:512", os.path.join(BUILD, "geosluice-server"),
                                    "--config", stack.config])
            until(lambda: "event=few_descriptors allowed=512 " in stack.log("server"), "it says so")
            until(lambda: "event=listening" in stack.log("server"), "it runs nevertheless")
        finally:
            stack.close()


def _healthy(stack):
    try:
        return stack.get("/healthz").status == 200
    except OSError:
        return False


def _cpu_ticks(pid):
    """Of 10 ms, as it used them itself and in the kernel."""
    with open("/proc/%d/stat" % pid) as f:
        return sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))


def _rss_kb(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1))


if __name__ == "__main__":
    unittest.main()
