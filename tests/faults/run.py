#!/usr/bin/python3
"""Everything breaks, over and over, while documents come in: is every promise kept?   make test-faults

In:  BUILD; SEED (of documents, faults and their order), FAULT_SECONDS (how long things go wrong), FAULT_ONLY (one kind
     of fault, or several with a comma between), FAULT_PACE (seconds between two documents of one sender),
     FAULT_REPORT (a Markdown file to write the outcome to).
Out: what was acknowledged and what came of it; at the end "N passed, N failed". Exit 0 if none failed.
"""
import collections
import itertools
import os
import random
import shutil
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))
from cluster import Cluster                         # noqa: E402
from faults import TO_PROGRAMS, TO_REDIS, Trouble   # noqa: E402
from harness import SANITISED, SECRETS, Receiver    # noqa: E402
from ledger import Ledger                           # noqa: E402
from oracle import Oracle                           # noqa: E402
from report import write_report                     # noqa: E402
from sender import Sender                           # noqa: E402

SENDERS, ORACLES = 6, 8
# longer than the oracle is ever behind
RETENTION_S = int(os.environ.get("FAULT_RETENTION", "300" if SANITISED else "60"))
CALM_S = 120                # how long all may take to end once nothing goes wrong any more
KEYS_THAT_STAY = {"jobs", "chunks", "splits", "outbox", "dead", "stats", "janitor", "room",
                  "body_key"}


class Hearing(Receiver):
    """The receiver of callbacks; is ill now and then."""

    def __init__(self, ledger, rng):
        super().__init__()
        self.ledger, self.rng, self.heard = ledger, rng, 0

    def take_in(self):
        with self.changed:
            calls, self.calls[:] = list(self.calls), []
            if self.rng.random() < 0.05:
                self.answers += [self.rng.choice((500, 503, 429, 302))] * self.rng.randint(1, 3)
        for call in calls:
            secret = SECRETS["metric" if '"source":"metric"' in call.body.decode() else "acme"]
            self.ledger.called(call, call.signed_by(secret))


class Run:
    def __init__(self, seed, seconds):
        self.seed, self.seconds = seed, seconds
        self.ledger = Ledger()
        self.hearing = Hearing(self.ledger, random.Random("receiver %s" % seed))
        self.dir = tempfile.mkdtemp(prefix="geosluice-faults-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        self.stop, self.give_up, self.end = (threading.Event() for _ in range(3))
        self.passed, self.failed = [], []
        self.cluster = None

    def check(self, what, faults):
        """faults: a list of words; none is good."""
        (self.failed if faults else self.passed).append(what)
        print("%-6s %s" % ("FAILED" if faults else "ok", what))
        for words in list(faults)[:20]:
            print("       " + str(words)[:1500])
        sys.stdout.flush()

    # The run.

    def begin(self):
        self.cluster = Cluster(self.dir, self.hearing.url, RETENTION_S)
        only = [k for k in os.environ.get("FAULT_ONLY", "").split(",") if k]
        skip = [k for k in {**TO_PROGRAMS, **TO_REDIS} if only and k not in only]
        self.troubles = [Trouble(self.cluster, self.seed, "programs", TO_PROGRAMS, (0.2, 2.5), skip),
                         Trouble(self.cluster, self.seed, "Redis", TO_REDIS, (0.5, 3.0), skip)]
        self.troubles = [t for t in self.troubles if t.table]
        numbers = itertools.count()     # next() of it is atomic
        pace_s = float(os.environ.get("FAULT_PACE", "0.25"))
        self.senders = [Sender(self.cluster, self.ledger, self.seed, i, numbers, pace_s, self.stop, self.give_up)
                        for i in range(SENDERS)]
        self.oracles = [Oracle(self.cluster, self.ledger, self.seed, i, ORACLES, RETENTION_S, self.end)
                        for i in range(ORACLES)]
        for thread in (*self.senders, *self.oracles, *self.troubles):
            thread.start()

    def watch(self, until_time, question):
        """Keeps an eye on everything until the time has come or question() is true."""
        while time.monotonic() < until_time and not question():
            self.hearing.take_in()
            broken = [t for t in (*self.troubles, *self.oracles) if t.broken]
            if broken:
                raise RuntimeError("%s broke: %r" % (broken[0].name, broken[0].broken))
            if not any(t.is_alive() for t in self.troubles):
                self.cluster.look()
            time.sleep(0.1)

    def hurt(self):
        self.watch(time.monotonic() + self.seconds, lambda: False)
        for t in self.troubles:
            t.stop.set()
        for t in self.troubles:
            t.join(180)
        self.stop.set()
        self.cluster.look()

    def calm(self):
        """Nothing goes wrong any more: all that was begun has to end."""
        begin = time.monotonic()
        self.watch(begin + CALM_S, lambda: not any(s.is_alive() for s in self.senders))
        self.give_up.set()
        self.watch(begin + CALM_S, lambda: not self.ledger.unverified())
        self.watch(begin + CALM_S, lambda: not self.uncalled())
        print("calm after %.1f s" % (time.monotonic() - begin))

    def uncalled(self):
        with self.ledger.lock:
            return [e.job for e in self.ledger.jobs.values()
                    if e.has_callback and not e.dismissed and e.job not in self.ledger.calls]

    def keys(self):
        name = self.cluster.primary
        found = [k.decode() for k in self.cluster.ask(name, "KEYS", "*")]
        return sorted(k for k in found if k.removeprefix("gs:{p0}:") not in KEYS_THAT_STAY)

    def emptied(self):
        """No key is left of what was, once its time is over."""
        limit = time.monotonic() + 2 * RETENTION_S + 45
        self.watch(limit, lambda: not self.keys() and self.cluster.ask(
            self.cluster.primary, "XLEN", "gs:{p0}:dead") == 0)
        left = self.keys()
        for stream in ("jobs", "chunks", "splits", "outbox", "dead"):
            n = self.cluster.ask(self.cluster.primary, "XLEN", "gs:{p0}:" + stream)
            if n:
                left.append("%s holds %d entries" % (stream, n))
        room = self.cluster.ask(self.cluster.primary, "HGETALL", "gs:{p0}:room")
        left += ["%s is said to hold %s bytes" % (k.decode(), n.decode()) for k, n in zip(room[::2], room[1::2])
                 if n != b"0"]
        return left

    # The verdict.

    def judge(self):
        of = collections.defaultdict(list)
        for kind, words in self.ledger.wrong:
            of[kind].append(words)
        entries = self.ledger.entries()
        self.check("%d documents were acknowledged" % len(entries), [] if entries else ["none was"])
        self.check("every acknowledged document ended, each feature once and as it should",
                   of["job"] + ["%s did not end" % e.job for e in entries if e.verdict is None])
        self.check("every document was looked at while it was kept", of["late"])
        self.check("every sender came through", ["%d did not" % n for n in [self.ledger.count["never acknowledged"]]
                                                 if n])
        self.check("a delivery is one job, however often it was sent", of["delivery"])
        self.check("every answer was one that is meant", of["answer"] + of["replay"])
        self.check("nothing forged or broken off became a job", of["forged"] + self.intruders())
        self.check("every callback came", self.uncalled())
        self.check("every callback has one id, is signed, and says what came of the job",
                   of["callback"] + self.callback_faults())
        self.check("programs end when told, and only then", self.cluster.odd)
        if SANITISED:   # others cannot complain
            self.check("no sanitiser complained", self.cluster.reports())
        self.check("nothing is left in Redis when its time is over", self.emptied())

    def intruders(self):
        with self.ledger.lock:
            return ["a callback of %s, which nobody posted" % j for j in self.ledger.calls if j not in self.ledger.jobs]

    def callback_faults(self):
        faults = []
        for job, calls in self.ledger.calls.items():
            if len({c[0] for c in calls}) != 1:
                faults.append("%s was told of with the ids %s" % (job, {c[0] for c in calls}))
            if len({str(c[1:]) for c in calls}) != 1:
                faults.append("%s was told of in different words: %s" % (job, calls))
        return faults

    def summary(self):
        count = self.ledger.count
        for name in sorted(count):
            print("%10d  %s" % (count[name], name))
        print("faults by kind:")
        for t in self.troubles:
            for kind in sorted(t.done):
                print("%10d  %s" % (t.done[kind], kind))

    def close(self):
        for event in (self.stop, self.give_up, self.end):
            event.set()
        if self.cluster:
            self.cluster.close()
        self.hearing.close()
        if os.environ.get("FAULT_KEEP"):
            print("kept: " + self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)


def main():
    seed, seconds = os.environ.get("SEED", "1"), float(os.environ.get("FAULT_SECONDS", "180"))
    print("seed %s, %.0f s of faults" % (seed, seconds), flush=True)
    begin = time.monotonic()
    run = Run(seed, seconds)
    try:
        run.begin()
        run.hurt()
        run.calm()
        run.judge()
        run.summary()
        if os.environ.get("FAULT_REPORT"):
            write_report(os.environ["FAULT_REPORT"], run)
    finally:
        run.close()
    print("%d passed, %d failed in %.0f s" % (len(run.passed), len(run.failed), time.monotonic() - begin))
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
