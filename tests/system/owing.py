"""Callbacks owed: jobs written into Redis by hand, so that each case is exactly as wanted."""
import secrets
import unittest

from harness import Stack, until

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
OUTBOX = "gs:{p0}:outbox"
# Sources of their own, beside those of the harness.
EXTRA = """
[source quiet]
secret = s
[source forbidden]
secret = s
callback_url = http://169.254.169.254/latest/meta-data
[source unroutable]
secret = s
callback_url = http://[::ffff:10.0.0.1]:9/
[source local]
secret = s
callback_url = http://localhost:9/
[source named]
secret = s
callback_url = http://localhost.localdomain.invalid/
[source other]
secret = s
callback_secret = whsec_%s
callback_url = %s
"""
CALLBACK_SECRET = "YW5vdGhlciBrZXk="


def job_id():
    return "0-" + "".join(secrets.choice(ALPHABET) for _ in range(26))


class Owing(unittest.TestCase):
    def setUp(self):
        self.stack = Stack(start=())
        with open(self.stack.config, "a") as f:
            f.write(EXTRA % (CALLBACK_SECRET, self.stack.receiver.url))
        self.redis = self.stack.redis
        self.receiver = self.stack.receiver

    def tearDown(self):
        self.stack.close()

    def owe(self, source="acme", version="1", **fields):
        """A job that has ended, and its message: (job, message id)."""
        job = job_id()
        have = {"v": 1, "state": "successful", "source": source, "bytes": 1000, "parsed": 1000,
                "accepted": 7, "repaired": 2, "rejected": 1, "created": 1700000000000}
        have.update(fields)
        self.redis("HSET", "gs:{p0}:job:" + job, *[x for pair in have.items() for x in pair])
        message = self.redis("XADD", OUTBOX, "*", "v", version, "job", job, "source", source)
        return job, message.decode()

    def field(self, job, name):
        value = self.redis("HGET", "gs:{p0}:job:" + job, name)
        return value and value.decode()

    def until(self, job, outcome):
        until(lambda: self.field(job, "callback") == outcome, "%s is %s" % (job, outcome))

    def settled(self, job, outcome):
        self.until(job, outcome)
        until(self.nothing_owed, "the outbox is empty")

    def nothing_owed(self):
        return self.redis("XLEN", OUTBOX) == 0 and self.redis("XPENDING", OUTBOX, "couriers")[0] == 0

    def source(self, name, url):
        with open(self.stack.config, "a") as f:
            f.write("[source %s]\nsecret = s\ncallback_url = %s\n" % (name, url))
