#!/usr/bin/python3
"""One large collection, one transform process against two: how much faster, at what cost, in how much memory.

In:  BUILD, a GeoJSON file (a FeatureCollection), how often its features are repeated, how many rounds. Out: a line per
run and the medians. The real programs and a Redis of their own, started for each run; runs alternate.
"""
import argparse
import os
import re
import statistics
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
from harness import Stack, children, sign   # noqa: E402

PIECE = 1 << 20


class Document(list):
    """The file with its features `times` over, made while it is sent."""

    def __init__(self, path, times):
        super().__init__([b""])
        with open(path, "rb") as f:
            text = f.read()
        begin, end = text.index(b"[", text.index(b'"features"')) + 1, text.rindex(b"]")
        self.head, self.body, self.tail, self.times = text[:begin], text[begin:end], text[end:], times
        self.bytes = len(text) + (times - 1) * (len(self.body) + 1)

    def __iter__(self):
        yield self.head
        for i in range(self.times):
            if i:
                yield b","
            for at in range(0, len(self.body), PIECE):
                yield self.body[at:at + PIECE]
        yield self.tail


class Memory(threading.Thread):
    """Resident memory of the transform processes, four times a second."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids, self.samples, self.over = pids, [], threading.Event()

    def run(self):
        while not self.over.wait(0.25):
            self.samples.append(max(rss_mb(p) for p in self.pids))


def rss_mb(pid):
    try:
        with open("/proc/%d/status" % pid) as f:
            return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1)) / 1024
    except (OSError, AttributeError):
        return 0


def cpu_s(pids):
    """Of each."""
    used = []
    for pid in pids:
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        used.append((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
    return used


def run(document, processes):
    stack = Stack(extra="[source bench]\nsecret = bench\nscheme = github\nmax_body_bytes = 17179869184\n"
                        "target_crs = EPSG:3857\n", environ={"GEOSLUICE_WORKER_PROCESSES": str(processes)})
    try:
        signed = sign("hub", document, secret="bench")
        stack.stop("worker")
        answer = stack.post("bench", document, signed=signed, timeout_s=3600)
        job = answer.json()["jobID"]
        stack.start("worker")
        while len(children(stack.pid("worker"))) < processes + 1:
            time.sleep(0.01)
        pids = children(stack.pid("worker"))
        memory = Memory(pids)
        memory.start()
        info = stack.wait_for(job, 3600)
        memory.over.set()
        memory.join()
        began, ended = (int(stack.redis("HGET", "gs:{p0}:job:" + job, f)) for f in ("started", "finished"))
        samples = memory.samples or [0]
        third = max(1, len(samples) // 3)
        used = cpu_s(pids)
        return {"s": (ended - began) / 1000, "cpu": sum(used), "busiest": max(used),
                "features": info["counts"]["features"], "status": info["status"], "rss": max(samples),
                "early": max(samples[:third]), "late": max(samples[-third:]),
                "redis": int(stack.redis.info("used_memory_peak")) / 2**20}
    finally:
        stack.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    asked = parser.parse_args()
    document = Document(asked.file, asked.times)
    print("%.0f MB" % (document.bytes / 1e6))
    seconds, busiest = {n: [] for n in asked.processes}, {n: [] for n in asked.processes}
    for _ in range(asked.rounds):
        for n in asked.processes:
            r = run(document, n)
            seconds[n].append(r["s"])
            busiest[n].append(r["busiest"])
            print("%d processes: %.2f s, %.2f s CPU, the busiest %.2f s, %d features %s, "
                  "RSS %.0f MB (first third %.0f, last third %.0f), Redis %.0f MB" % (
                      n, r["s"], r["cpu"], r["busiest"], r["features"], r["status"], r["rss"], r["early"], r["late"],
                      r["redis"]), flush=True)
    first = asked.processes[0]
    for n in asked.processes:
        s, b = statistics.median(seconds[n]), statistics.median(busiest[n])
        print("%d processes: median %.2f s, %.2fx; by CPU time of the busiest process %.2fx" % (
            n, s, statistics.median(seconds[first]) / s, statistics.median(busiest[first]) / b))


if __name__ == "__main__":
    main()
