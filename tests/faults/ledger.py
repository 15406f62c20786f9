"""What was acknowledged, and what came of it: written by senders and the receiver, read by the oracle.

A delivery names a document; a job is what a 202 named. All methods may be called from any thread.
"""
import collections
import json
import threading
import time


class Entry:
    """One acknowledged job. want: a Document's number, or the code that a replayed dead letter ends with."""

    def __init__(self, job, want, source, has_callback):
        self.job, self.want, self.source, self.has_callback = job, want, source, has_callback
        self.at = time.monotonic()
        self.next_look = self.at
        self.pause_s = 0.1
        self.verdict = None         # "good", or what is wrong
        self.doubts = 0
        self.dismissed = None       # "asked", "done"
        self.damaged = False        # a fault took parts of it: it may fail as BODY_LOST


class Ledger:
    def __init__(self):
        self.lock = threading.RLock()
        self.jobs = {}
        self.deliveries = {}
        self.calls = collections.defaultdict(list)      # job → (webhook-id, status, counts) of each callback
        self.wrong = []             # in words
        self.count = collections.Counter()

    def note(self, what, n=1):
        with self.lock:
            self.count[what] += n

    def complain(self, kind, words):
        with self.lock:
            self.count["wrong: " + kind] += 1
            self.wrong.append((kind, words))
            if len(self.wrong) < 50:
                print("  WRONG  %s: %s" % (kind, words[:1000]), flush=True)

    def acknowledged(self, delivery, job, want, source, has_callback):
        """A 202 named job. True if it is the first for this delivery."""
        with self.lock:
            known = self.deliveries.setdefault(delivery, job)
            if known != job:
                self.complain("delivery", "%s is both %s and %s" % (delivery, known, job))
            if job in self.jobs:
                return False
            self.jobs[job] = Entry(job, want, source, has_callback)
            self.count["acknowledged"] += 1
            return True

    def called(self, call, good_signature):
        """A callback came."""
        info = json.loads(call.body)
        with self.lock:
            self.count["callbacks"] += 1
            self.calls[info["jobID"]].append((call.headers.get("webhook-id"), info["status"], info["counts"]))
        if not good_signature:
            self.complain("callback", "one of %s is not signed as it should be" % info["jobID"])

    def unverified(self):
        with self.lock:
            return [e for e in self.jobs.values() if e.verdict is None]

    def entries(self):
        with self.lock:
            return list(self.jobs.values())
