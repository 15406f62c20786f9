"""The key under which bodies are named, so that a delivery is known again: one for all servers, and shown to nobody."""
import hashlib
import itertools
import os
import re
import time
import unittest

from harness import BUILD, SOUND, Redis, Stack, collection, sign, until

BODY, OTHER = collection(SOUND), collection(SOUND) + b" "
LARGE = BODY + b" " * 600_000       # more than a segment
KEY = "gs:{p0}:body_key"


class BodyKey(unittest.TestCase):
    def setUp(self):
        self.stack = Stack(start=())
        self.ages = itertools.cycle(range(1, 200))
        self.addCleanup(self.stack.close)

    def post(self, body, delivery="one"):
        """Signed anew each time: what was signed before proves nothing."""
        return self.stack.post("acme", body, signed=sign("acme", body, delivery, at=time.time() - next(self.ages)))

    def taken(self, body, delivery="one"):
        answer = self.post(body, delivery)
        self.assertEqual(answer.status, 202, answer)
        return answer.json()["jobID"]

    def seen(self, delivery="one"):
        return self.stack.redis("GET", "gs:{p0}:seen:acme:" + delivery).decode()

    def test_servers_that_start_at_once_have_one_key(self):
        self.stack._spawn("other", [os.path.join(BUILD, "geosluice-server"), "--config", self.stack.config])
        self.addCleanup(self.stack.stop, "other")
        self.stack.start("server")
        other = until(lambda: re.search(r"event=listening .*?127\.0\.0\.1:(\d+)", self.stack.log("other")),
                      "the other listens")
        addresses = [self.stack.address, ("127.0.0.1", int(other.group(1)))]
        self.assertNotEqual(*addresses)
        small, large = set(), set()
        for address in addresses * 4:
            self.stack.address = address
            until(lambda: self.stack.get("/readyz").status == 200, "it is ready")
            small.add(self.taken(BODY))
            large.add(self.taken(LARGE, "large"))
            self.assertEqual(self.post(OTHER).status, 409)
        self.assertEqual((len(small), len(large)), (1, 1))

    def test_it_is_in_no_answer_and_no_log(self):
        self.stack.start("server")
        job, key = self.taken(BODY), self.stack.redis("GET", KEY)
        self.assertRegex(key, b"^[0-9a-f]{64}$")
        name = self.seen().split()[1].split(":")[1].encode()
        said = [repr(a.body).encode() + repr(a.headers).encode() for a in (
            self.post(BODY), self.post(OTHER), self.stack.get("/metrics"), self.stack.get("/readyz"),
            self.stack.get("/v1/jobs"), self.stack.get("/v1/jobs/" + job), self.stack.get("/v1/jobs/body_key"))]
        self.stack.redis("SET", KEY, "no key")      # and a key that cannot be used is not shown either
        self.stack.stop("server")
        self.stack.start("server", ready=False)
        until(lambda: "body_key" in self.stack.log("server"), "it says that there is no key")
        self.assertEqual(self.post(BODY).status, 503)
        said.append(self.stack.log("server").encode())
        for secret in (key, bytes.fromhex(key.decode()), name, b"no key"):
            self.assertEqual([s for s in said if secret in s], [])
        self.stack.redis("SET", KEY, key)
        until(lambda: self.stack.get("/readyz").status == 200, "it is ready again")
        self.assertEqual(self.taken(BODY), job)

    def test_who_watches_redis_does_not_see_it(self):
        self.stack.start("server")
        key = self.stack.redis("GET", KEY)
        watch = Redis(self.stack.dir + "/redis.sock")
        self.addCleanup(watch.close)
        self.assertEqual(watch("MONITOR"), "OK")
        seen = b""
        while seen.count(b'"GET" "%s"' % KEY.encode()) < 4:
            seen += watch.file.readline()
        self.assertNotIn(key, seen)

    def test_a_key_that_is_lost_comes_back(self):
        self.stack.start("server")
        job, key = self.taken(BODY), self.stack.redis("GET", KEY)
        self.stack.redis("DEL", KEY)
        until(lambda: self.stack.redis("GET", KEY) == key, "the server has put it back")
        self.stack.stop("server")
        self.stack.start("server")
        self.assertEqual(self.stack.redis("GET", KEY), key)
        self.assertEqual(self.taken(BODY), job)

    def test_another_key_makes_no_body_another(self):
        """It cannot be told then: rather two jobs than one that is refused, and lost."""
        self.stack.environ["GEOSLUICE_SERVER_THREADS"] = "1"    # each looks for the key by itself
        self.stack.start("server")
        jobs = [self.taken(BODY), self.taken(LARGE, "large")]
        before = self.seen()
        self.stack.redis("SET", KEY, "ab" * 32)
        prefix = hashlib.sha256(b"\xab" * 32).hexdigest()[:8] + ":"

        def adopted():
            self.taken(BODY, "probe-%d" % next(self.ages))
            return any(self.stack.redis("GET", k).decode().split()[1].startswith(prefix)
                       for k in self.stack.redis.keys() if "probe" in k)
        until(adopted, "the server has it")
        again = [self.taken(BODY), self.taken(LARGE, "large")]
        self.assertEqual([a == b for a, b in zip(jobs, again)], [False, False])
        self.assertNotEqual(self.seen(), before)
        self.assertEqual([self.taken(BODY), self.taken(LARGE, "large")], again)
        self.assertEqual([self.post(OTHER).status, self.post(LARGE + b" ", "large").status], [409, 409])

    def test_what_a_former_version_took(self):
        """It remembered a SHA-256: what is signed alike is known, what is signed anew is taken."""
        self.stack.start("server")
        headers = sign("acme", BODY, "one")
        job = self.stack.post("acme", BODY, signed=headers).json()["jobID"]
        proof = self.seen().split()[2]
        former = "%s %s %s" % (job, hashlib.sha256(BODY).hexdigest(), proof)
        self.stack.redis("SET", "gs:{p0}:seen:acme:one", former, "EX", "100")
        self.assertEqual(self.stack.post("acme", BODY, signed=headers).json()["jobID"], job)
        self.assertEqual(self.seen(), former)
        second = self.taken(BODY)
        self.assertNotEqual(second, job)
        self.assertEqual(self.taken(BODY), second)
        self.assertEqual(self.post(OTHER).status, 409)


if __name__ == "__main__":
    unittest.main()
