"""Knows what should have come of every document, and looks whether it did.

In:  the ledger. Out: a verdict per entry. It asks the servers alone, as a client does, and asks again where a fault is
in the way.
"""
import collections
import json
import random
import threading
import time

from documents import Document, fault_of_bbox, fault_of_result
from sender import AWAY, BUSY, call

ENDED = ("successful", "failed", "dismissed")
LOOK_MAX_S = 2.0
LOOK_TIMEOUT_S = 4      # a frozen server must not hold an oracle up
DOUBT_S = 2.0


class NotNow(Exception):
    """No answer, or one that will be another soon."""


class Gone(Exception):
    pass


class Oracle(threading.Thread):
    def __init__(self, cluster, ledger, seed, index, of, retention_s, stop):
        super().__init__(name="oracle %d" % index, daemon=True)
        self.cluster, self.ledger, self.seed = cluster, ledger, seed
        self.index, self.of, self.retention_s, self.stop = index, of, retention_s, stop
        self.rng = random.Random("oracle %s %d" % (seed, index))
        self.broken = None

    def run(self):
        try:
            while not self.stop.is_set():
                now = time.monotonic()
                due = [e for e in self.ledger.unverified()
                       if e.next_look <= now and hash(e.job) % self.of == self.index]
                for entry in due[:200]:
                    self.look(entry)
                if not due:
                    self.stop.wait(0.05)
        except Exception as e:      # the run ends with it, and says so
            self.broken = e
            raise

    def look(self, entry):
        try:
            verdict = self.judge(entry)
        except (NotNow, *AWAY):
            entry.pause_s = min(entry.pause_s * 1.5, LOOK_MAX_S)
            entry.next_look = time.monotonic() + entry.pause_s
            return
        except Gone as e:
            verdict = "lost: %s" % e
            if entry.dismissed:
                verdict = "good"
            elif time.monotonic() - entry.at > self.retention_s:
                verdict = "late"
        # Just after a failover a list may be a replica's: what is wrong has to stay wrong.
        if verdict != "good" and entry.doubts < 2:
            entry.doubts += 1
            entry.next_look = time.monotonic() + DOUBT_S
            return
        if verdict == "good" and entry.doubts:
            self.ledger.note("answers that were stale just after a failover")
        entry.verdict = verdict
        if verdict == "late":
            self.ledger.complain("late", "%s (%s): its retention was over before it was looked at" % (
                entry.job, entry.want))
        elif verdict != "good":
            self.ledger.complain("job", "%s (%s): %s" % (entry.job, entry.want, verdict))
        elif entry.dismissed is None and self.rng.random() < 0.05:
            self.replay(entry)

    def get(self, path, accept=None):
        addresses = self.cluster.server_addresses()
        if not addresses:
            raise NotNow()
        status, body = call(self.rng.choice(addresses), "GET", path, None, {"accept": accept} if accept else None,
                            LOOK_TIMEOUT_S)
        if status in BUSY:
            raise NotNow()
        if status == 404:
            raise Gone("404 for " + path)
        if status != 200:
            raise Gone("%d for %s: %s" % (status, path, body[:200]))
        return body

    def judge(self, entry):
        """'good', or what is wrong; 'doubled: …' where there is more of something than there should be."""
        info = json.loads(self.get("/v1/jobs/" + entry.job))
        if info["status"] not in ENDED:
            raise NotNow()
        if entry.dismissed is not None and info["status"] == "dismissed":
            return "good"
        if info["status"] == "failed" and info.get("code") == "BODY_LOST" and entry.damaged:
            self.ledger.note("bodies lost by a fault that takes them")
            return "good"
        if isinstance(entry.want, str):
            return self.judge_replay(entry, info)
        doc = Document(self.seed, entry.want)
        if (info["status"], info.get("code")) != (doc.status, doc.code):
            return "ended as %s %s (%s), not as %s %s" % (
                info["status"], info.get("code"), info.get("message"), doc.status, doc.code)
        if info["counts"] != doc.counts() and doc.status == "successful":
            return "%scounts %s, not %s" % ("doubled: " if info["counts"]["features"] > len(doc.features) else "",
                                            info["counts"], doc.counts())
        for check in (self.letters_fault, self.report_fault, self.results_fault):
            fault = check(entry, doc)
            if fault:
                return fault
        self.ledger.note("features checked", len(doc.features))
        return "good"

    def judge_replay(self, entry, info):
        if info["status"] != "successful" or info["counts"] != {"features": 1, "accepted": 0, "repaired": 0,
                                                                "rejected": 1}:
            return "a replayed letter ended as %s with %s" % (info["status"], info["counts"])
        codes = [d["code"] for d in self.letters(entry.job)]
        return "good" if codes == [entry.want] else "a replayed %s has the letters %s" % (entry.want, codes)

    def letters(self, job):
        path, found = "/v1/dead-letters?limit=200&job=" + job, []
        while path:
            page = json.loads(self.get(path))
            found += page["deadLetters"]
            path = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
        return found

    def letters_fault(self, entry, doc):
        letters = self.letters(entry.job)
        if doc.status == "failed":
            have = [(d["kind"], d["code"]) for d in letters]
            return None if have == [("document", doc.code)] else "letters %s" % have[:5]
        have = sorted((d["index"], d["code"]) for d in letters)
        want = [(i, f.code) for i, f in enumerate(doc.features) if f.outcome == "rejected"]
        return None if have == want else self.difference("letters", have, want)

    def report_fault(self, entry, doc):
        if doc.status == "failed":
            return None
        lines = [json.loads(r) for r in self.get("/v1/jobs/%s/report" % entry.job).split(b"\n") if r]
        have = [(r["index"], r["outcome"], r.get("code")) for r in lines]
        want = [(i, f.outcome, f.code) for i, f in enumerate(doc.features)
                if f.outcome != "accepted" or doc.kind == "crs_behind" and i == 0]
        return None if have == want else self.difference("report", have, want)

    def results_fault(self, entry, doc):
        if doc.status == "failed":
            return None
        body = self.get("/v1/jobs/%s/results" % entry.job, self.rng.choice((
            "application/geo+json-seq", "application/geo+json")))
        if body.startswith(b"\x1e") or not body:
            have = [json.loads(r) for r in body.replace(b"\x1e", b"").split(b"\n") if r]
        else:
            results = json.loads(body)
            fault = fault_of_bbox(doc, results)
            if fault:
                return fault
            have = results["features"]
        want = [f for f in doc.features if f.outcome != "rejected"]
        if len(have) != len(want):
            return "%s%d results, not %d" % ("doubled: " if len(have) > len(want) else "", len(have), len(want))
        for i, (f, got) in enumerate(zip(want, have)):
            fault = fault_of_result(doc, f, got)
            if fault:
                return "result %d: %s: %s" % (i, fault, json.dumps(got)[:300])
        return None

    @staticmethod
    def difference(what, have, want):
        more = collections.Counter(have) - collections.Counter(want)
        less = collections.Counter(want) - collections.Counter(have)
        return "%s%s: too many %s, missing %s%s" % (
            "doubled: " if more and not less else "", what, list(more.items())[:4], list(less.items())[:4],
            "" if more or less else ", another order")

    def replay(self, entry):
        """A dead letter is tried again, twice: one job, and the same code again."""
        try:
            # What is no object fails as a feature among others, and as a whole where it stands alone.
            letters = [d for d in self.letters(entry.job) if d["kind"] == "feature" and
                       d["code"] not in ("FEATURE_NOT_OBJECT", "SEQ_RECORD")]
        except (NotNow, Gone, *AWAY):
            return
        if letters:
            letter = self.rng.choice(letters)
            for _ in range(2):
                self.replay_letter(entry, letter)

    def replay_letter(self, entry, letter):
        """Until it is answered: a job whose 202 was lost would be one that nobody posted."""
        while not self.stop.is_set():
            try:
                status, body = call(self.rng.choice(self.cluster.server_addresses()), "POST",
                                    "/v1/dead-letters/%s/replay" % letter["id"], timeout_s=LOOK_TIMEOUT_S)
            except (IndexError, *AWAY):
                status, body = 503, b""
            if status == 202:
                self.ledger.note("replays")
                self.ledger.acknowledged("replay of " + letter["id"], json.loads(body)["jobID"], letter["code"],
                                         entry.source, entry.has_callback)
                return
            if status not in BUSY:
                self.ledger.complain("replay", "%s: %d %s" % (letter["id"], status, body[:200]))
                return
            self.stop.wait(0.3)
