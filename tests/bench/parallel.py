#!/usr/bin/python3
"""One large collection, one transform process against two; and one of a gigabyte, to see whether anything grows.

    parallel.py FILE [--times N] [--rounds N]      a line per run, and the medians
    parallel.py --corpus DIR [--rounds N]          the same, and the gigabyte; writes docs/benchmarks-parallel.md

In:  BUILD; a FeatureCollection (.gz too) whose features are repeated N times; or DIR/large/click-that-hood*.geojson.gz,
a document of tools/make-heavy where there is no such folder. The real programs and a Redis of their own are started for
each run; runs alternate.
"""
import argparse
import gzip
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import plot
from measure import GEOSLUICE, ROOT, make_heavy

sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
from harness import Stack, children, sign, until   # noqa: E402

PIECE = 1 << 20
GIGABYTE = 10 ** 9
TICK = os.sysconf("SC_CLK_TCK")

DOC = """# Benchmarks: one collection, two processes

Made by `make bench-parallel`: %s, %.0f MB in all,
signed, uploaded and then worked on by one transform process or by two, to EPSG:3857; the real server,
worker and Redis on one machine, runs alternating, %d of each, medians and,
beside them, the fastest of each, which others on the machine disturbed the least. Seconds are those between the
claim of the job and its end. Ready: processes that could run and found no core free (others had it). Asleep:
waiting for Redis or for something to do. `two convert` is what the machine gave meanwhile to two programs that
share nothing: `geosluice convert` of the same file twice at once, against once.

Machine: %s, %d cores, %s. Load of others when it began: %.1f.

%s
## Memory over a gigabyte

%s, repeated to %.0f MB, two processes: resident memory of each, four times a second from the claim to
the end.

![memory of the workers](benchmarks-parallel.svg)

%s"""


class Document(list):
    """The file with its features `times` over, made while it is sent."""

    def __init__(self, path, times=1, at_least=0):
        super().__init__([b""])
        self.path = path
        with (gzip.open if path.endswith(".gz") else open)(path, "rb") as f:
            text = f.read()
        begin, end = text.index(b"[", text.index(b'"features"')) + 1, text.rindex(b"]")
        self.head, self.body, self.tail = text[:begin], text[begin:end], text[end:]
        self.times = max(times, -(-at_least // len(self.body)))
        self.bytes = len(text) + (self.times - 1) * (len(self.body) + 1)

    def __iter__(self):
        yield self.head
        for i in range(self.times):
            if i:
                yield b","
            for at in range(0, len(self.body), PIECE):
                yield self.body[at:at + PIECE]
        yield self.tail


class Memory(threading.Thread):
    """Resident memory of each process, four times a second: (seconds, [MB, …])."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids, self.samples, self.over = pids, [], threading.Event()

    def run(self):
        began = time.monotonic()
        while not self.over.wait(0.25):
            self.samples.append((time.monotonic() - began, [rss_mb(p) for p in self.pids]))


def rss_mb(pid):
    try:
        with open("/proc/%d/status" % pid) as f:
            return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1)) / 1024
    except (OSError, AttributeError):
        return 0


def spent(pid):
    """(seconds on a core, seconds ready to run without one) of a process, all its threads."""
    on = ready = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, task)) as f:
            times = f.read().split()
        on, ready = on + int(times[0]), ready + int(times[1])
    return on / 1e9, ready / 1e9


def spent_by_redis(pid):
    """Seconds on a core of Redis, and of its children that have ended: what writes the append-only file again."""
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return spent(pid)[0] + (int(fields[13]) + int(fields[14])) / TICK     # cutime, cstime: proc(5)


def run(document, processes):
    stack = Stack(extra="[source bench]\nsecret = bench\nscheme = github\nmax_body_bytes = 17179869184\n"
                        "target_crs = EPSG:3857\n", environ={"GEOSLUICE_WORKER_PROCESSES": str(processes)})
    try:
        signed = sign("hub", document, secret="bench")
        stack.stop("worker")
        answer = stack.post("bench", document, signed=signed)
        job = answer.json()["jobID"]
        # The upload may make Redis rewrite its append-only file beside; that is not what is measured.
        until(lambda: stack.redis.info("aof_rewrite_in_progress") == "0", "Redis has rewritten its file", 120)
        redis_before = spent_by_redis(stack.pid("redis"))
        stack.start("worker")
        while len(children(stack.pid("worker"))) < processes + 1:
            time.sleep(0.01)
        pids = children(stack.pid("worker"))[:processes]    # the janitor is the last
        memory = Memory(pids)
        memory.start()
        info = stack.wait_for(job, 3600)
        memory.over.set()
        memory.join()
        began, ended = (int(stack.redis("HGET", "gs:{p0}:job:" + job, f)) for f in ("started", "finished"))
        return {"s": (ended - began) / 1000, "of": [spent(p) for p in pids],
                "redis": spent_by_redis(stack.pid("redis")) - redis_before, "features": info["counts"]["features"],
                "status": info["status"], "samples": memory.samples,
                "redis_mb": int(stack.redis.info("used_memory_peak")) / 2**20}
    finally:
        stack.close()


def asleep(r):
    return sum(max(0, r["s"] - on - ready) for on, ready in r["of"]) / len(r["of"])


def show(n, r):
    most = [max(mb for _, each in r["samples"] or [(0, [0])] for mb in each)]
    print("%d processes: %.2f s; on a core %s s, ready %s s, asleep %.2f s; Redis %.2f s; %d features %s; RSS %.0f MB, "
          "Redis %.0f MB" % (n, r["s"], " + ".join("%.2f" % on for on, _ in r["of"]),
                             " + ".join("%.2f" % ready for _, ready in r["of"]), asleep(r), r["redis"],
                             r["features"], r["status"], most[0], r["redis_mb"]), flush=True)


def machine(path):
    """How much more two programs that share nothing get done than one: clock of one / clock of two, times two."""
    def clock(n):
        began = time.monotonic()
        all_of_them = [subprocess.Popen([GEOSLUICE, "convert", "--to", "EPSG:3857", "-o", "/dev/null", path],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(n)]
        for p in all_of_them:
            p.wait()
        return time.monotonic() - began
    return 2 * clock(1) / clock(2)


def speed(asked, document):
    """A table: alternating runs of one process and of two."""
    print("%.0f MB" % (document.bytes / 1e6), flush=True)
    runs, ceiling = {n: [] for n in asked.processes}, []
    with tempfile.NamedTemporaryFile(suffix=".geojson") as plain:
        plain.writelines((document.head, document.body, document.tail))
        plain.flush()
        for _ in range(asked.rounds):
            ceiling.append(machine(plain.name))
            for n in asked.processes:
                runs[n].append(run(document, n))
                show(n, runs[n][-1])
    first = statistics.median(r["s"] for r in runs[asked.processes[0]])
    busiest = statistics.median(max(on for on, _ in r["of"]) for r in runs[asked.processes[0]])
    fastest = min(r["s"] for r in runs[asked.processes[0]])
    text = ("| processes | median s | times as fast | fastest s | times as fast | of the busiest, on a core s "
            "| ready s | asleep s | Redis, on a core s | times as fast by the busiest's time |\n"
            "|---|---|---|---|---|---|---|---|---|---|\n")
    for n in asked.processes:
        s = statistics.median(r["s"] for r in runs[n])
        on = statistics.median(max(on for on, _ in r["of"]) for r in runs[n])
        ready = statistics.median(max(ready for _, ready in r["of"]) for r in runs[n])
        best = min(r["s"] for r in runs[n])
        text += "| %d | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f |\n" % (
            n, s, first / s, best, fastest / best, on, ready, statistics.median(asleep(r) for r in runs[n]),
            statistics.median(r["redis"] for r in runs[n]), busiest / on)
    text += "| two convert | | %.2f | | %.2f | | | | | |\n" % (statistics.median(ceiling), max(ceiling))
    print(text, flush=True)
    return text


def gigabyte(path):
    """(document, section, plot) of a run that is long enough to see a leak."""
    document = Document(path, at_least=GIGABYTE)
    r = run(document, 2)
    show(2, r)
    series = [("process %d, MB by second" % (i + 1), [(s, each[i]) for s, each in r["samples"]]) for i in range(2)]
    third = max(1, len(r["samples"]) // 3)
    most = [max(max(each) for _, each in r["samples"][a:b])
            for a, b in ((0, third), (third, 2 * third), (2 * third, len(r["samples"])))]
    text = ("%d features %s in %.1f s; the larger of the two at most %.1f MB in the first third, %.1f MB in the "
            "second, %.1f MB in the last. Redis %.0f MB.\n"
            % (r["features"], r["status"], r["s"], *most, r["redis_mb"]))
    title = "Resident memory of two workers over %.2f GB, MB by second" % (document.bytes / 1e9)
    return document, text, plot.lines(title, series, logarithmic=False)


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        return next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), platform.machine())


def inputs(corpus, work):
    """(file for the speed, file for the gigabyte)."""
    found = [os.path.join(corpus or "", "large", "click-that-hood%s.geojson.gz" % more) for more in ("-coarse", "")]
    if all(map(os.path.exists, found)):
        return found
    made = os.path.join(work, "heavy.geojson")
    make_heavy(made, 20)
    return made, made


def report(asked, fast, large):
    load = os.getloadavg()[0]
    document = Document(fast, asked.times)
    table = speed(asked, document)
    large, words, picture = gigabyte(large)
    print(words)
    with open(os.path.join(ROOT, "docs", "benchmarks-parallel.svg"), "w", encoding="utf-8") as f:
        f.write(plot.svg([picture]))
    what = "%s with its features %d times" % (os.path.basename(fast), asked.times)
    with open(os.path.join(ROOT, "docs", "benchmarks-parallel.md"), "w", encoding="utf-8") as f:
        f.write(DOC % (what, document.bytes / 1e6, asked.rounds, processor(), os.cpu_count(), platform.platform(), load,
                       table, os.path.basename(large.path), large.bytes / 1e6, words))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="?")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--corpus")
    asked = parser.parse_args()
    if asked.file:
        speed(asked, Document(asked.file, asked.times))
        return
    with tempfile.TemporaryDirectory(prefix="geosluice-bench-") as work:
        asked.times = 10
        report(asked, *inputs(asked.corpus, work))


if __name__ == "__main__":
    main()
