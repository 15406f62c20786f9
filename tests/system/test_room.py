"""A Redis that fills up, refuses writes, turns into a replica: the door says so in words, and leaves nothing behind."""
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time
import unittest

from harness import PATIENCE_S, REDIS_SERVER, SOUND, Stack, StackTest, collection, sign, until
from raw_client import RawClient
from test_signatures import message_signed

BODY = collection(SOUND)
KB, MB = 1000, 1_000_000


def filler(n):
    return BODY + b" " * (n - len(BODY))


class Upload:
    """A signed body of which a part was sent."""

    def __init__(self, stack, source, body, first, declared=True, signed=None):
        self.client = RawClient(stack.address, PATIENCE_S)
        self.body, self.sent = body, 0
        self.chunked = not declared
        length = "content-length: %d" % len(body) if declared else "transfer-encoding: chunked"
        headers = dict({"content-type": "application/geo+json"}, **(signed or sign(source, body)))
        self.client.send(("POST /v1/ingest/%s HTTP/1.1\r\nhost: localhost\r\n%s\r\n" % (source, length)
                          + "".join("%s: %s\r\n" % h for h in headers.items()) + "\r\n").encode())
        self.go_on(first)

    def go_on(self, n=None):
        piece = self.body[self.sent:] if n is None else self.body[self.sent:self.sent + n]
        self.sent += len(piece)
        if self.chunked:
            piece = b"%x\r\n%s\r\n" % (len(piece), piece)
            if self.sent == len(self.body):
                piece += b"0\r\n\r\n"
        return self.client.send(piece)

    def answer(self):
        found = self.client.answer()
        self.client.close()
        return found


def forge(stack, source, declared, sent=1, more=""):
    """An upload with another's name and nobody's signature, of which so many bytes are sent."""
    client = RawClient(stack.address, PATIENCE_S)
    signed = {"x-hub-signature-256": "sha256=" + "0" * 64} if source not in ("acme", "metric") else \
        sign(source, b"x", secret="whsec_Z3Vlc3M=")
    client.send(("POST /v1/ingest/%s HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/geo+json\r\n"
                 "content-length: %d\r\n%s" % (source, declared, more)
                 + "".join("%s: %s\r\n" % h for h in signed.items()) + "\r\n").encode() + b"{" * sent)
    return client


def in_flight(stack):
    return int(re.search(r"^geosluice_uploads_in_flight (\d+)", stack.get("/metrics").body.decode(), re.M).group(1))


def held(stack):
    """Bytes by kind."""
    found = {}
    flat = stack.redis("HGETALL", "gs:{p0}:room")
    for name, n in zip(flat[::2], flat[1::2]):
        kind = name.decode().split(":")[0]
        found[kind] = found.get(kind, 0) + int(n)
    return {k: n for k, n in found.items() if n}


def uploads_left(stack):
    return [k for k in stack.redis.keys() if re.search(r":raw:|:staging|:staged", k)]


class Counted(StackTest):
    """What is held is what there is, through a job's whole life."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(environ={"GEOSLUICE_REDIS_RAW_RETENTION_S": "1", "GEOSLUICE_REDIS_RETENTION_S": "2",
                                   "GEOSLUICE_REDIS_DEAD_RETENTION_S": "2"})

    def test_all_is_given_back_in_the_end(self):
        body = filler(2 * MB)
        for source in ("acme", "metric"):
            pieces = [body[i:i + 100_000] for i in range(0, len(body), 100_000)]
            for form in (body, pieces, BODY, b"[" + BODY, BODY[:-9]):
                answer = self.stack.post(source, form)
                self.assertEqual(answer.status, 202, answer)
        self.assertTrue(held(self.stack))
        upload = Upload(self.stack, "acme", body, MB)
        until(lambda: held(self.stack).get("staged", 0) >= MB, "room is kept for the upload")
        upload.client.vanish()
        self.stack.post("acme", body, signed=sign("acme", BODY))    # 401
        until(lambda: held(self.stack) == {}, "nothing is held any more: %r" % held(self.stack), 60)
        self.assertEqual(uploads_left(self.stack), [])


class Limits(unittest.TestCase):
    """Without a worker: what was accepted stays."""

    check_problem = StackTest.check_problem

    def stack_with(self, limits=None, sources=""):
        # Bytes are counted as they stand in Redis: here as they came.
        stack = Stack(sources, start=("server",),
                      environ=dict(limits or {}, GEOSLUICE_SERVER_COMPRESS_SEGMENTS="never"))
        self.addCleanup(stack.close)
        return stack

    def refused(self, answer, status, code):
        self.assertEqual(self.check_problem(answer, status)["code"], code)
        if status in (429, 503):
            self.assertTrue(answer.headers["retry-after"].isdigit())

    def test_from_slow_to_full_and_back(self):
        stack = self.stack_with({"GEOSLUICE_REDIS_MAX_HELD_BYTES": str(10 * MB), "GEOSLUICE_SERVER_THREADS": "1"})
        jobs = []
        for _ in range(2):
            answer = stack.post("acme", filler(4 * MB))
            self.assertEqual(answer.status, 202, answer)
            jobs.append(answer.json()["jobID"])
        self.refused(stack.post("acme", filler(11 * MB)), 413, "BODY_TOO_LARGE")
        self.refused(stack.post("acme", filler(3 * MB)), 503, "STORE_FULL")     # it does not fit; a smaller one would
        until(lambda: stack.post("acme", BODY).status == 429, "the greedy one is put off")
        self.refused(stack.post("acme", BODY), 429, "SOURCE_SLOW")
        self.assertEqual(stack.get("/readyz").status, 200)
        self.assertEqual(stack.post("metric", filler(MB)).status, 202)          # others go on
        left = 10 * MB - sum(held(stack).values())
        self.assertEqual(stack.post("metric", filler(left)).status, 202)
        until(lambda: stack.get("/readyz").status == 503, "it is full")
        self.refused(stack.post("metric", BODY), 503, "STORE_FULL")
        self.refused(stack.post("metric", filler(MB)), 503, "STORE_FULL")
        for job in jobs:
            self.assertEqual(stack.request("DELETE", "/v1/jobs/" + job).status, 200)
        until(lambda: stack.get("/readyz").status == 200, "there is room again")
        until(lambda: stack.post("acme", BODY).status == 202, "the door is open")

    def test_a_declared_length_that_does_not_fit_sends_no_body(self):
        stack = self.stack_with({"GEOSLUICE_REDIS_MAX_HELD_BYTES": str(10 * MB)})
        self.assertEqual(stack.post("acme", filler(6 * MB)).status, 202)
        client = RawClient(stack.address, PATIENCE_S)
        client.send(("POST /v1/ingest/metric HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/geo+json\r\n"
                     "content-length: 5000000\r\nexpect: 100-continue\r\n"
                     + "".join("%s: %s\r\n" % h for h in sign("metric", b"").items()) + "\r\n").encode())
        status, headers, body = client.answer()
        client.close()
        self.assertEqual((status, headers["retry-after"]), (503, "30"))
        self.assertIn(b"STORE_FULL", body)
        self.assertEqual(held(stack), {"queued": 6 * MB})

    def test_two_uploads_cannot_both_have_the_last_room(self):
        stack = self.stack_with({"GEOSLUICE_REDIS_MAX_HELD_BYTES": str(10 * MB)},
                                "[source message]\nscheme = rfc9421\nsecret = open\n")
        body = filler(6 * MB)
        first = Upload(stack, "message", body, MB, signed=message_signed("localhost", body))
        until(lambda: held(stack) == {"staged": 6 * MB}, "the first has its room")
        self.refused(stack.post("metric", filler(6 * MB)), 503, "STORE_FULL")
        first.go_on()
        self.assertEqual(first.answer()[0], 202)
        self.assertEqual(held(stack), {"queued": 6 * MB})

    def test_words_alone_keep_no_room(self):
        """Who declares much and proves nothing keeps others out by no more than what it sends."""
        stack = self.stack_with({"GEOSLUICE_REDIS_MAX_HELD_BYTES": str(40 * MB)})
        forged = sign("acme", BODY, secret="whsec_Z3Vlc3M=")
        uploads = [Upload(stack, "acme", filler(30 * MB), 0, signed=dict(forged, **{"webhook-id": "msg_%d" % i}))
                   for i in range(5)]
        until(lambda: stack.redis("HLEN", "gs:{p0}:staged") == 5, "all are let in")
        for upload in uploads:      # nor does a byte do much more
            upload.go_on(1)
            self.assertEqual(stack.post("metric", filler(MB)).status, 202)
        self.assertLessEqual(held(stack)["staged"], 10 << 20)
        self.assertEqual(stack.post("metric", filler(20 * MB)).status, 202)
        for upload in uploads:
            upload.client.close()

    def test_words_of_one_address_keep_no_room_that_counts(self):
        """As many as one address may have, but for one, of uploads that end with nothing, each of which would fit."""
        stack = self.stack_with({"GEOSLUICE_REDIS_MAX_HELD_BYTES": str(40 * MB), "GEOSLUICE_SERVER_THREADS": "1"},
                                "[source narrow]\nscheme = github\nsecret = x\nmax_held_bytes = 8000000\n")
        body = filler(4 * MB)
        signed = {"x-hub-signature-256": "sha256=" + hmac.new(b"x", body, hashlib.sha256).hexdigest()}
        for source in ("hub", "narrow"):
            clients = [forge(stack, source, 2 * MB) for _ in range(127)]
            until(lambda: stack.redis("HLEN", "gs:{p0}:staged") == 127, "all are let in")
            until(lambda: 'geosluice_source_held_bytes{source="%s"} %d' % (source, held(stack)["staged"])
                  in stack.get("/metrics").body.decode(), "the server has seen what they keep")
            answer = stack.post("metric", filler(20 * MB)) if source == "hub" else \
                stack.post("narrow", body, signed=signed)
            self.assertEqual(answer.status, 202, answer)
            for client in clients:
                client.vanish()
            until(lambda: in_flight(stack) == 0 and "staged" not in held(stack), "all are gone")

    def test_words_of_small_bodies_keep_no_room_at_all(self):
        """Room that Redis is not asked for is counted for what is proven."""
        stack = self.stack_with({"GEOSLUICE_REDIS_MAX_HELD_BYTES": str(2 * MB), "GEOSLUICE_SERVER_THREADS": "1"})
        for i in range(5):
            clients = [forge(stack, "hub", 15_000) for _ in range(200)]
            until(lambda: in_flight(stack) == 200, "all are let in")
            answer = stack.post("metric", filler(15_000))
            self.assertEqual(answer.status, 202, answer)
            for client in clients:
                client.vanish()
            until(lambda: in_flight(stack) == 0, "all are gone")

    def test_words_of_small_bodies_whose_senders_wait_keep_none_either(self):
        """Expect: 100-continue has Redis asked for the delivery, not for room."""
        stack = self.stack_with({"GEOSLUICE_REDIS_MAX_HELD_BYTES": str(1 * MB), "GEOSLUICE_SERVER_THREADS": "1"})
        clients = [forge(stack, "hub", 15_000, sent=0, more="expect: 100-continue\r\n") for _ in range(100)]
        for client in clients:
            self.assertEqual(client.answer()[0], 100)
        self.assertEqual((held(stack), stack.redis("EXISTS", "gs:{p0}:staging", "gs:{p0}:staged")), ({}, 0))
        self.assertEqual(stack.post("metric", filler(15_000)).status, 202)
        for client in clients:
            client.vanish()

    def test_what_is_in_redis_is_counted_however_many_upload(self):
        """Segments are smaller then: what fits one when few upload comes in parts, and takes a place as all that do."""
        stack = self.stack_with({"GEOSLUICE_REDIS_MAX_HELD_BYTES": str(200 * MB), "GEOSLUICE_SERVER_THREADS": "1",
                                 "GEOSLUICE_SERVER_MAX_UNPROVEN_PER_ADDRESS": "30"})
        clients = [forge(stack, "hub", 260_000, sent=250_000) for _ in range(60)]

        def raw_bytes():
            return sum(len(fields[fields.index(b"d") + 1]) for key in stack.redis("KEYS", "gs:{p0}:raw:*")
                       for _, fields in stack.redis("XRANGE", key, "-", "+"))

        until(lambda: raw_bytes() > 4 * MB, "parts are in Redis")
        until(lambda: held(stack).get("staged", 0) >= raw_bytes(), "all that is there is counted")
        codes = [client.answer()[0] for client in clients[-10:]]
        self.assertEqual(codes, [429] * 10)
        self.assertEqual(stack.post("metric", BODY).status, 202)
        for client in clients:
            client.vanish()
        until(lambda: raw_bytes() == len(BODY) and "staged" not in held(stack), "nothing is left")

    def test_words_that_were_taken_back_keep_no_room(self):
        """Who is let in and leaves, again and again, takes no more room than one who is let in."""
        stack = self.stack_with({"GEOSLUICE_REDIS_MAX_HELD_BYTES": str(40 * MB), "GEOSLUICE_SERVER_THREADS": "1"})
        forged, body = sign("acme", BODY, secret="whsec_Z3Vlc3M="), filler(30 * MB)
        for i in range(200):
            upload = Upload(stack, "acme", body, 0, signed=dict(forged, expect="100-continue"))
            answer = upload.client.answer()
            self.assertEqual(answer[0], 100, answer)
            upload.client.vanish()
            if i == 0:      # a server that has just reached Redis takes nothing away for a second
                until(lambda: held(stack) == {}, "its room is given back")
        self.assertEqual(stack.post("metric", filler(20 * MB)).status, 202)

    def many_at_once(self, limit, size):
        """Each would fit, and began when it did; how many were taken."""
        stack = self.stack_with({"GEOSLUICE_REDIS_MAX_HELD_BYTES": str(limit), "GEOSLUICE_SERVER_THREADS": "1"})
        uploads = [Upload(stack, "metric", filler(size), size // 10) for _ in range(40)]
        until(lambda: in_flight(stack) == 40, "all are let in")
        for upload in uploads:
            upload.go_on()
        answers = [upload.answer() for upload in uploads]
        self.assertLessEqual(held(stack).get("queued", 0), limit)
        for status, headers, body in answers:
            if status != 202:
                self.assertEqual((status, json.loads(body)["code"]), (503, "STORE_FULL"))
                self.assertTrue(headers["retry-after"].isdigit())
        taken = sum(a[0] == 202 for a in answers)
        until(lambda: not [k for k in stack.redis.keys() if ":stag" in k], "the others' segments are gone")
        self.assertEqual(sum(":raw:" in k for k in stack.redis.keys()), taken)
        return taken

    def test_many_small_bodies_at_once_have_no_more_room_than_there_is(self):
        # Of a body that ends while the counters are read more may be counted.
        self.assertTrue(10 <= self.many_at_once(300_000, 15_000) <= 20)

    def test_many_larger_ones_have_none_either(self):
        """Room is kept for a part of each, and what is missing at its end is asked for before it becomes a job."""
        self.assertLessEqual(self.many_at_once(4 * MB, 300_000), 13)

    def test_an_undeclared_body_is_cut_off(self):
        stack = self.stack_with({"GEOSLUICE_REDIS_MAX_HELD_BYTES": str(20 * MB)})
        body = filler(40 * MB)
        try:
            answer = stack.post("acme", [body[i:i + MB] for i in range(0, len(body), MB)])
            self.refused(answer, 503, "STORE_FULL")
        except (BrokenPipeError, ConnectionResetError):
            self.assertIn("code=STORE_FULL", stack.log("server"))
        until(lambda: held(stack) == {} and not uploads_left(stack), "its segments are gone")

    def test_a_source_has_a_limit_of_its_own(self):
        stack = self.stack_with(sources="[source narrow]\nscheme = github\nsecret = x\nmax_held_bytes = 3000000\n")

        def post(n):
            body = filler(n)
            return stack.post("narrow", body, signed={"x-hub-signature-256": "sha256=" + hmac.new(
                b"x", body, hashlib.sha256).hexdigest()})
        self.assertEqual(post(2 * MB).status, 202)
        self.refused(post(2 * MB), 429, "SOURCE_FULL")
        self.refused(post(4 * MB), 413, "BODY_TOO_LARGE")
        self.assertEqual(stack.post("acme", filler(2 * MB)).status, 202)

    def test_a_narrow_source_may_send_without_a_length(self):
        stack = self.stack_with(sources="[source metrical]\nsecret = x\nmax_held_bytes = 500000\n")
        for n in (0, 100_000, 100_000):
            pieces = [BODY, b" " * n + b"\n"]
            self.assertEqual(stack.post("metrical", pieces, secret="x").status, 202)

    def test_who_has_sent_no_segment_yet_lives(self):
        """A connection that is slow, but not too slow, is not taken for dead before its first segment is full."""
        stack = self.stack_with()
        upload = Upload(stack, "acme", filler(MB), 10)
        first = until(lambda: stack.redis("ZRANGE", "gs:{p0}:staging", 0, -1, "WITHSCORES"), "it gives a sign of life")
        until(lambda: stack.redis("ZRANGE", "gs:{p0}:staging", 0, -1, "WITHSCORES")[1] > first[1], "it gives another")
        upload.go_on()
        self.assertEqual(upload.answer()[0], 202)

    def test_more_than_its_rate(self):
        stack = self.stack_with(sources="[source busy]\nscheme = generic\nsecret = x\nrate_requests = 1\n")
        mac = {"x-signature": hmac.new(b"x", BODY, hashlib.sha256).hexdigest()}
        forged = {"x-signature": "0" * 64}
        for _ in range(30):     # what a forger sends is not counted
            self.assertEqual(stack.post("busy", BODY, signed=forged).status, 401)
        taken = 0
        while (answer := stack.post("busy", BODY, signed=mac)).status == 202:
            taken += 1
        self.assertTrue(10 <= taken <= 20, taken)
        self.refused(answer, 429, "RATE_LIMITED")
        self.assertEqual(stack.post("acme", BODY).status, 202)

    def test_a_forger_that_hangs_spends_nothing(self):
        stack = self.stack_with(sources="[source busy]\nscheme = github\nsecret = x\nrate_bytes = 1000000\n")
        mac = {"x-hub-signature-256": "sha256=" + hmac.new(b"x", BODY, hashlib.sha256).hexdigest()}
        client = forge(stack, "busy", 1000 * MB)
        until(lambda: in_flight(stack) == 1, "it is let in")
        for _ in range(3):
            self.assertEqual(stack.post("busy", BODY, signed=mac).status, 202)
        os.kill(stack.pid("server"), signal.SIGHUP)
        until(lambda: "event=reloaded" in stack.log("server"), "it has other terms")
        client.close()
        self.assertEqual(stack.post("busy", BODY, signed=mac).status, 202)

    def test_a_forger_takes_no_more_places_than_one_address_has(self):
        stack = self.stack_with({"GEOSLUICE_SERVER_THREADS": "1", "GEOSLUICE_SERVER_MAX_UPLOADS": "8",
                                 "GEOSLUICE_SERVER_MAX_UNPROVEN_PER_ADDRESS": "4"},
                                "[source message]\nscheme = rfc9421\nsecret = open\n")
        forged = [forge(stack, "acme", MB) for _ in range(4)]
        until(lambda: in_flight(stack) == 4, "they are let in")
        self.refused(stack.post("acme", filler(MB)), 429, "UPLOADS_UNPROVEN")
        self.refused(stack.post("acme", [BODY]), 429, "UPLOADS_UNPROVEN")
        self.assertEqual(stack.post("acme", BODY).status, 202)      # it needs no place
        # Headers are proof, and another address has places of its own.
        self.assertEqual(stack.post("message", filler(MB), signed=message_signed(
            "%s:%d" % stack.address, filler(MB))).status, 202)
        elsewhere = http.client.HTTPConnection(*stack.address, timeout=PATIENCE_S, source_address=("127.0.0.2", 0))
        elsewhere.request("POST", "/v1/ingest/acme", filler(MB), dict(
            sign("acme", filler(MB)), **{"content-type": "application/geo+json"}))
        self.assertEqual(elsewhere.getresponse().status, 202)
        elsewhere.close()
        forged[0].close()
        until(lambda: in_flight(stack) == 3, "one has left")
        self.assertEqual(stack.post("acme", filler(MB)).status, 202)
        forged += [forge(stack, "metric", 1000) for _ in range(9)]      # nor do these take one
        until(lambda: in_flight(stack) == 12, "all are let in")
        self.assertEqual(stack.post("acme", filler(MB)).status, 202)
        for client in forged:
            client.close()


class Places(unittest.TestCase):
    """All places for uploads are taken: who sends, or proves who it is, gets one from who does neither."""

    PLACES = 4

    def setUp(self):
        self.stack = Stack("[source message]\nscheme = rfc9421\nsecret = open\n"
                           "[source busy]\nscheme = generic\nsecret = x\nrate_bytes = 1\n"
                           "[source narrow]\nscheme = generic\nsecret = x\nmax_held_bytes = 100000\n",
                           start=("server",), environ={
            "GEOSLUICE_SERVER_THREADS": "1", "GEOSLUICE_SERVER_MAX_UPLOADS": str(self.PLACES),
            "GEOSLUICE_SERVER_RATE_WINDOW_S": "4", "GEOSLUICE_SERVER_MIN_RATE": "0",
            "GEOSLUICE_SERVER_CROWDED_RATE": "20000"})
        self.addCleanup(self.stack.close)

    def post(self, source="acme"):
        body = filler(MB)
        signed = message_signed("%s:%d" % self.stack.address, body) if source == "message" else None
        return self.stack.post(source, body, signed=signed)

    def all_taken(self, n=PLACES):
        until(lambda: in_flight(self.stack) == n, "all are let in")

    def test_the_slowest_gives_way_after_a_while(self):
        forged = [forge(self.stack, "acme", MB) for _ in range(self.PLACES)]
        self.all_taken()

        def place():
            for i in (0, 2, 3):     # all the while: who has sent nothing of late is as slow as any
                forged[i].send(b" " * 100)
            return self.post()
        answer = place()
        self.assertEqual((answer.status, answer.json()["code"]), (503, "UPLOADS_FULL"))     # each has its time
        until(lambda: place().status == 202, "there is a place")
        status, headers, body = forged[1].answer()
        self.assertEqual((status, json.loads(body)["code"]), (503, "UPLOADS_FULL"))
        self.assertIn("retry-after", headers)
        self.assertEqual(in_flight(self.stack), self.PLACES - 1, "one alone had to go")
        self.assertEqual(self.post().status, 202)       # the place is free now
        self.assertEqual(in_flight(self.stack), self.PLACES - 1)
        for client in forged:
            client.close()
        until(lambda: in_flight(self.stack) == 0, "all have left")
        until(lambda: not any(":staging" in k for k in self.stack.redis.keys()), "and left nothing")

    def test_who_sends_keeps_its_place_but_for_one_that_proves_itself(self):
        """Their bytes come faster than crowded_rate all the time."""
        body, signed = filler(20 * MB), sign("acme", BODY)
        uploads = [Upload(self.stack, "acme", body, MB // 2, signed=signed) for _ in range(self.PLACES)]
        self.all_taken()
        over = threading.Event()

        def go_on():
            while not over.wait(0.1):
                for upload in uploads:
                    upload.go_on(10000)
        sender = threading.Thread(target=go_on)
        sender.start()
        try:
            for _ in range(12):     # three seconds: each was looked at when it had had its time
                self.assertEqual(self.post().status, 503)
                time.sleep(0.25)
            self.assertEqual(in_flight(self.stack), self.PLACES)
            until(lambda: self.post("message").status == 202, "proof gets a place")
        finally:
            over.set()
            sender.join()
            for upload in uploads:
                upload.client.close()

    def test_nobody_has_to_go_for_one_that_is_refused_all_the_same(self):
        forged = [forge(self.stack, "acme", MB) for _ in range(self.PLACES)]
        self.all_taken()
        mac = {"x-signature": hmac.new(b"x", BODY, hashlib.sha256).hexdigest()}
        self.assertEqual(self.stack.post("busy", BODY, signed=mac).status, 202)     # that is all it may for minutes
        time.sleep(1.5)     # more than a quarter of rate_window_s
        for source, code in (("busy", "RATE_LIMITED"), ("narrow", "UPLOADS_FULL")):
            self.assertEqual(self.stack.post(source, filler(MB), signed=mac).json()["code"], code)
            self.assertEqual(in_flight(self.stack), self.PLACES)
        self.assertEqual(self.post().status, 202)       # for this one somebody does
        for client in forged:
            client.close()

    def test_when_there_are_fewer_places_than_before_nobody_gets_one(self):
        self.stack.close()
        self.stack = Stack("[server]\nmax_uploads = 4\n", start=("server",), environ={
            "GEOSLUICE_SERVER_THREADS": "1", "GEOSLUICE_SERVER_RATE_WINDOW_S": "4", "GEOSLUICE_SERVER_MIN_RATE": "0",
            "GEOSLUICE_SERVER_CROWDED_RATE": "20000"})
        self.addCleanup(self.stack.close)
        forged = [forge(self.stack, "acme", MB) for _ in range(4)]
        self.all_taken(4)
        with open(self.stack.config) as f:
            text = f.read()
        with open(self.stack.config, "w") as f:
            f.write(text.replace("max_uploads = 4", "max_uploads = 2"))
        os.kill(self.stack.pid("server"), signal.SIGHUP)
        until(lambda: "event=reloaded" in self.stack.log("server"), "there are fewer places")
        time.sleep(1.5)     # more than a quarter of rate_window_s
        answer = self.post()
        self.assertEqual((answer.status, answer.json()["code"]), (503, "UPLOADS_FULL"))
        self.assertEqual(in_flight(self.stack), 4)
        for client in forged[:2]:
            client.close()
        until(lambda: in_flight(self.stack) == 2, "two have left")
        self.assertEqual(self.post().status, 202)       # for this one somebody goes
        self.assertEqual(in_flight(self.stack), 1)
        for client in forged:
            client.close()

    def test_one_alone_goes_for_one_while_redis_is_asked_for_more_room(self):
        forged = [forge(self.stack, "acme", 3 * MB) for _ in range(self.PLACES)]
        until(lambda: self.stack.redis("HLEN", "gs:{p0}:staged") == self.PLACES, "all have room")
        self.stack.redis("CLIENT", "PAUSE", "1900", "WRITE")     # less than the server waits for it
        for client in forged:
            client.send(b" " * 560_000)
        time.sleep(1.5)     # more than a quarter of rate_window_s
        answer = self.post("message")
        self.assertEqual(answer.status, 202, answer.body)
        for client in forged:
            client.close()

    def test_who_has_proven_itself_stays(self):
        body = filler(MB)
        uploads = [Upload(self.stack, "message", body, 10, signed=message_signed("localhost", body))
                   for _ in range(self.PLACES)]
        self.all_taken()
        time.sleep(1.5)     # more than a quarter of rate_window_s
        for source in ("acme", "message"):
            self.assertEqual(self.post(source).status, 503)
        for upload in uploads:
            upload.go_on()
            self.assertIn(upload.answer()[0], (202, 409))


class Faults(unittest.TestCase):
    """Redis refuses writes: before, or in the middle of a body. Segments go, even if only later."""

    check_problem = StackTest.check_problem

    def setUp(self):
        self.stack = Stack(start=("server",))
        self.addCleanup(self.stack.close)
        self.admin = self.stack.redis

    def in_the_middle(self, spoil, mend, declared=True):
        """An upload half of which has been sent when Redis is spoilt: refused, and nothing of it stays."""
        upload = Upload(self.stack, "acme", filler(6 * MB), 2 * MB, declared)
        until(lambda: any(":raw:" in k for k in self.stack.redis.keys()), "the upload has begun")
        spoil()
        if upload.go_on():
            answer = upload.answer()
            if answer is not None:
                self.assertEqual(answer[0], 503, answer)
        until(lambda: self.stack.get("/readyz").status == 503, "/readyz turns")
        answer = self.stack.post("acme", BODY)
        self.check_problem(answer, 503)
        self.assertTrue(answer.headers["retry-after"].isdigit())
        self.assertEqual(self.stack.get("/healthz").status, 200)
        mend()
        until(lambda: self.stack.get("/readyz").status == 200, "the server is ready again")
        until(lambda: self.stack.post("acme", BODY).status == 202, "documents are taken again")
        until(lambda: "staged" not in held(self.stack) and not any(":staged" in k for k in self.stack.redis.keys()),
              "no room is kept for it")
        until(lambda: len([k for k in self.stack.redis.keys() if ":raw:" in k]) ==
              self.stack.redis("XLEN", "gs:{p0}:jobs"), "its segments are gone")

    def test_full(self):
        self.in_the_middle(lambda: self.admin("CONFIG", "SET", "maxmemory", "1mb"),
                           lambda: self.admin("CONFIG", "SET", "maxmemory", "0"))

    def test_full_without_declared_length(self):
        self.in_the_middle(lambda: self.admin("CONFIG", "SET", "maxmemory", "1mb"),
                           lambda: self.admin("CONFIG", "SET", "maxmemory", "0"), declared=False)

    def test_scripts_are_lost_in_mid_body(self):
        """Each script that an upload still needs is loaded anew and called again: the sender notices nothing."""
        for declared in (True, False):
            body = filler(24 * MB)
            upload = Upload(self.stack, "acme", body, 3 * MB, declared)
            until(lambda: held(self.stack).get("staged", 0) >= 3 * MB, "room is kept for more")
            self.admin("SCRIPT", "FLUSH")
            upload.go_on(8 * MB)
            until(lambda: held(self.stack).get("staged", 0) >= 11 * MB, "room is kept for more again")
            self.admin("SCRIPT", "FLUSH")
            upload.go_on()
            answer = upload.answer()
            self.assertEqual(answer[0], 202, answer)
            self.assertEqual(uploads_left(self.stack), [k for k in self.stack.redis.keys() if ":raw:" in k])
        self.assertEqual(set(held(self.stack)), {"queued"})

    def test_read_only(self):
        """What a failover looks like from a connection that is left: it has become a replica."""
        self.in_the_middle(lambda: self.admin("REPLICAOF", "127.0.0.1", "1"),
                           lambda: self.admin("REPLICAOF", "NO", "ONE"))

    def test_its_disk_is_full(self):
        where = os.path.join(self.stack.dir, "small")
        os.mkdir(where)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", where], capture_output=True).returncode:
            self.skipTest("no file system can be mounted here")
        self.addCleanup(lambda: subprocess.run(["umount", "-l", where], check=True))
        self.stack.stop("redis")
        with contextlib.suppress(Exception):
            self.stack.redis.close()
        self.stack._spawn("redis", [
            REDIS_SERVER, "--port", "0", "--unixsocket", self.stack.dir + "/redis.sock", "--dir", where,
            "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction"])
        until(self.stack._redis_answers, "Redis answers")
        self.admin = self.stack.redis
        until(lambda: self.stack.get("/readyz").status == 200, "the server is ready")
        padding = os.path.join(where, "padding")

        def spoil():
            with contextlib.suppress(OSError), open(padding, "wb", buffering=0) as f:
                while f.write(b"x" * 4096):
                    pass
        self.in_the_middle(spoil, lambda: os.unlink(padding))

    def test_loading(self):
        def spoil():
            self.stack.kill("redis")
        def mend():
            self.stack.start_redis()
        upload = Upload(self.stack, "acme", filler(6 * MB), 2 * MB)
        until(lambda: any(":raw:" in k for k in self.stack.redis.keys()), "the upload has begun")
        spoil()
        upload.go_on()
        answer = upload.answer()
        self.assertIn(answer and answer[0], (None, 503))
        mend()
        until(lambda: self.stack.get("/readyz").status == 200, "the server is ready again")
        until(lambda: not uploads_left(self.stack), "its segments are gone")
        until(lambda: held(self.stack) == {}, "no room is kept for it")


if __name__ == "__main__":
    unittest.main()
