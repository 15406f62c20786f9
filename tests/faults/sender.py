"""Third parties: post documents until they are acknowledged, as webhook senders do, and sometimes misbehave.

In:  a cluster, a ledger, a seed. Out: entries in the ledger.
"""
import http.client
import json
import os
import random
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))
from cluster import SPLIT_BYTES     # noqa: E402
from documents import CUT, Document     # noqa: E402
from harness import SECRETS, sign  # noqa: E402

TIMEOUT_S = 10
AWAY = (OSError, http.client.HTTPException)
BUSY = (429, 503)
PIECE = 20000
BACKLOG_MAX = 150       # acknowledged and not yet looked at: then senders wait


def call(address, method, path, body=None, headers=None, timeout_s=TIMEOUT_S):
    """(status, body) of one request on a connection of its own; raises one of AWAY."""
    connection = http.client.HTTPConnection(*address, timeout=timeout_s)
    try:
        connection.request(method, path, body=body, headers=headers or {},
                           encode_chunked=body is not None and not isinstance(body, bytes))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


class Sender(threading.Thread):
    """stop: no new documents; give_up: not even those that were begun."""

    def __init__(self, cluster, ledger, seed, index, numbers, pace_s, stop, give_up):
        super().__init__(name="sender %d" % index, daemon=True)
        self.cluster, self.ledger, self.seed = cluster, ledger, seed
        self.numbers, self.pace_s, self.stop, self.give_up = numbers, pace_s, stop, give_up
        self.rng = random.Random("sender %s %d" % (seed, index))

    def run(self):
        while not self.stop.is_set():
            dice = self.rng.random()
            if dice < 0.05:
                self.forge()
            elif dice < 0.10:
                self.break_off()
            else:
                self.deliver(Document(self.seed, next(self.numbers)))
            self.stop.wait(self.rng.uniform(0, 2 * self.pace_s))
            while len(self.ledger.unverified()) > BACKLOG_MAX and not self.stop.wait(0.2):
                pass

    def headers(self, doc, signed_body=None, **more):
        source = "small" if doc.source == "quiet" else doc.source    # whose secret it has
        signed = sign(source, signed_body or doc.body, delivery=doc.delivery)
        encoded = {"content-encoding": doc.encoding} if doc.encoding else {}
        return dict({"content-type": doc.content_type}, **encoded, **signed, **more)

    def attempt(self, doc, body=None, headers=None):
        """(status, JSON) of one attempt at any server; (0, None) if no answer came."""
        addresses = self.cluster.server_addresses()
        if not addresses:
            time.sleep(0.1)
            return 0, None
        try:
            status, answer = call(self.rng.choice(addresses), "POST", "/v1/ingest/" + doc.source, body or doc.body,
                                  headers or self.headers(doc))
            return status, json.loads(answer)
        except AWAY:
            return 0, None

    def in_pieces(self, body):
        """As it comes out of a slow exporter."""
        for at in range(0, len(body), PIECE):
            yield body[at:at + PIECE]
            if self.rng.random() < 0.3:
                time.sleep(self.rng.uniform(0, 0.05))

    def deliver(self, doc):
        while not self.give_up.is_set():
            if len(doc.body) > 3 * PIECE and self.rng.random() < 0.5:
                status, answer = self.attempt(doc, self.in_pieces(doc.body),
                                              self.headers(doc, **{"transfer-encoding": "chunked"}))
            else:
                status, answer = self.attempt(doc)
            self.ledger.note("attempts")
            if status == 202:
                break
            if status not in BUSY and status != 0:
                self.ledger.complain("answer", "%s: %d %s" % (doc.delivery, status, answer))
                return
            self.ledger.note("attempts without a 202")
            self.give_up.wait(self.rng.uniform(0.05, 0.7))
        else:
            self.ledger.note("never acknowledged")
            return
        job = answer["jobID"]
        if self.ledger.acknowledged(doc.delivery, job, doc.number, doc.source, doc.has_callback):
            self.ledger.note("bytes", len(doc.body))
            self.ledger.note("features", len(doc.features))
            # How long an encoded one becomes is guessed.
            if doc.kind in CUT and len(doc.text) >= (2 if doc.encoding else 1) * SPLIT_BYTES:
                self.ledger.note("split")
                if doc.encoding:
                    self.ledger.note("split and encoded")
        dice = self.rng.random()
        if dice < 0.10:
            self.deliver_again(doc, job)
        elif dice < 0.13:
            self.deliver_another(doc)
        elif dice < 0.15:
            self.dismiss(job)

    def deliver_again(self, doc, job):
        status, answer = self.attempt(doc)
        if status == 202:
            self.ledger.note("delivered twice")
            self.ledger.acknowledged(doc.delivery, answer["jobID"], doc.number, doc.source, doc.has_callback)
        elif status not in BUSY and status != 0:
            self.ledger.complain("answer", "%s again (%s): %d %s" % (doc.delivery, job, status, answer))

    def deliver_another(self, doc):
        """Another body under an id that was taken."""
        other = doc.body + b"\n"
        status, answer = self.attempt(doc, other, self.headers(doc, other))
        if status in (409, 422):
            self.ledger.note("ids reused and refused")
        elif status not in BUSY and status != 0:
            self.ledger.complain("answer", "%s, another body: %d %s" % (doc.delivery, status, answer))

    def dismiss(self, job):
        entry = self.ledger.jobs[job]
        entry.dismissed = "asked"
        addresses = self.cluster.server_addresses()
        try:
            status, _ = call(self.rng.choice(addresses), "DELETE", "/v1/jobs/" + job) if addresses else (0, b"")
        except AWAY:
            return
        if status == 200:
            self.ledger.note("dismissed")
            entry.dismissed = "done"

    # Those who must not get in.

    def forge(self):
        doc = Document(self.seed, 1_000_000 + self.rng.randrange(1000))
        doc.source, doc.delivery = "acme", "forged_%d" % self.rng.randrange(1 << 60)
        headers = dict({"content-type": doc.content_type}, **sign(
            "acme", doc.body, delivery=doc.delivery, secret=SECRETS["metric"]))
        status, answer = self.attempt(doc, doc.body, headers)
        if status == 401:
            self.ledger.note("forged and refused")
        elif status not in BUSY and status != 0:
            self.ledger.complain("forged", "%s: %d %s" % (doc.delivery, status, answer))

    def break_off(self):
        """A good signature, and a connection that ends before the body does."""
        doc = Document(self.seed, 2_000_000 + self.rng.randrange(1000))
        doc.delivery = "broken_%d" % self.rng.randrange(1 << 60)
        addresses = self.cluster.server_addresses()
        if not addresses:
            return
        part = doc.body[:self.rng.randrange(len(doc.body))]
        connection = http.client.HTTPConnection(*self.rng.choice(addresses), timeout=TIMEOUT_S)
        try:
            connection.putrequest("POST", "/v1/ingest/" + doc.source)
            for name, value in self.headers(doc, **{"content-length": str(len(doc.body))}).items():
                connection.putheader(name, value)
            connection.endheaders()
            connection.send(part)
            time.sleep(self.rng.choice((0, 0, 0.1)))
            self.ledger.note("broken off")
        except AWAY:
            pass
        finally:
            connection.close()
