#!/usr/bin/python3
"""geosluice-server beside its peers, in turn, in one run: run.py [PART…]. Writes docs/benchmarks-http.md.

In:  BUILD, BENCH_ROUNDS (3), BENCH_SECONDS of each measurement of small posts (4). Parts: small, large, many, idle; all
     of them where none is named, and only then the document is written.
Out: medians, ratios, CPU time per request, peak memory. Client, receiver and Redis share the machine's cores.
"""
import os
import platform
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import load   # noqa: E402
from stack import CORES, ROOT, Receiver, settle   # noqa: E402

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "4"))
LARGE_POSTS, LARGE_ROUNDS = 6, 3 * ROUNDS    # they are short, and noisy
MANY, IDLE = 100, 10000
PROBE_S = 4

HEAD = """# Benchmarks of the front door

Made by `make bench-http`: geosluice-server and its peers take turns on one machine, %d rounds, medians. Client,
receiver and Redis share its cores; each receiver has a Redis of its own (append-only file, `appendfsync everysec`,
unix socket) that is emptied between runs. What was answered 202 is counted again in Redis.

Machine: %s, %d cores, %s.

"""


def median(values):
    return statistics.median(values)


def say(text):
    print(text, flush=True)


def table(head, rows):
    return "| %s |\n|%s\n" % (" | ".join(head), "---|" * len(head)) + "".join(
        "| %s |\n" % " | ".join(r) for r in rows)


# ---- 4 KiB ----

def small_once(kind, posts):
    name, _, how = kind.partition(", ")
    with Receiver(name, processes=1 if "one process" in how else CORES,
                  access="{dir}/access.log" if (name == "nginx") == ("log" in how) else "off") as r:
        load.wrk(r.port, posts, 1)
        before, used = (r.jobs(), r.cpu()) if r.redis else (0, r.cpu())
        requests, seconds, refused, p50, p99 = load.wrk(r.port, posts, SECONDS)
        now = r.cpu()
        if refused:
            sys.exit("%s: %d of %d posts were refused" % (kind, refused, requests))
        if r.redis:
            stored = r.jobs() - before
            # What was in flight when wrk ended is stored and not counted, nor what the warm-up left so.
            if not requests <= stored <= requests + 2 * load.CONNECTIONS:
                sys.exit("%s: %d answers of 202, but %d jobs in Redis" % (kind, requests, stored))
        out = (requests / seconds, p50, p99, 1e6 * (now[0] - used[0]) / requests,
               1e6 * (now[1] - used[1]) / requests, r.peak_mb())
        say("%s: %.0f/s, p50 %.1f ms, p99 %.1f ms, %.0f + %.0f us of CPU, %.0f MB" % ((kind,) + out))
        return out


def small(work):
    posts = os.path.join(work, "posts")
    load.write_posts(posts)
    runs = {kind: [] for kind in ("geosluice", "nginx", "nginx, access log", "fastapi, one process", "fastapi",
                                 "fastapi, one process, no log")}
    for _ in range(ROUNDS):
        for kind, results in runs.items():
            results.append(small_once(kind, posts))
    middle = {kind: [median(column) for column in zip(*results)] for kind, results in runs.items()}
    mine = middle["geosluice"][0]
    names = {"geosluice": "geosluice-server", "nginx": "nginx `return 202`",
             "nginx, access log": "the same, with an access log",
             "fastapi, one process": "FastAPI + uvicorn + redis.asyncio, one process",
             "fastapi": "the same, %d processes" % CORES,
             "fastapi, one process, no log": "the same, one process, without an access log"}
    rows = [[names[k], "%.0f" % m[0], "%.2f" % (mine / m[0]), "%.1f" % m[1], "%.1f" % m[2], "%.0f" % m[3],
             "%.0f" % m[4] if m[4] else "-", "%.0f" % m[5]] for k, m in middle.items()]
    return ("## 4 KiB posts, signed\n\nwrk, one thread, %d connections, %d different documents of 4096 bytes, each "
            "signed, checked and stored before its 202, with a job in an index, a queue entry and the source's bytes "
            "counted, and a line in a log; FastAPI does the same. nginx reads the body and does nothing with it. "
            "\"times\": how many times as fast geosluice-server is.\n\n" % (load.CONNECTIONS, load.DISTINCT)
            + table(["receiver", "posts/s", "times", "p50 ms", "p99 ms", "its CPU µs/post", "Redis's CPU µs/post",
                     "peak memory MB"], rows))


# ---- 50 MB ----

def large_once(kind, document):
    with Receiver(kind) as r:
        with load.connect(r.port) as s:
            load.post(s, document)
            before, stored, begin = r.cpu(), r.used_mb(), time.monotonic()
            for _ in range(LARGE_POSTS):
                load.post(s, document)
            seconds = (time.monotonic() - begin) / LARGE_POSTS
        now, mb = r.cpu(), document.size / 1e6
        if r.jobs() != LARGE_POSTS + 1:
            sys.exit("%s: %d jobs" % (kind, r.jobs()))
        out = (mb / seconds, 1000 * (now[0] - before[0]) / LARGE_POSTS / mb,
               1000 * (now[1] - before[1]) / LARGE_POSTS / mb, (r.used_mb() - stored) / LARGE_POSTS / mb, r.peak_mb())
        say("%s: %.0f MB/s, %.1f + %.1f ms of CPU per MB, %.2f MB of Redis per MB, %.0f MB" % ((kind,) + out))
        return out


def last_byte(work):
    """Seconds from the last byte to the answer for 1 MB and 1 GB."""
    one = load.Document(load.Document.make(os.path.join(work, "1"), 1))
    thousand = load.Document(load.Document.make(os.path.join(work, "50"), 50), 20)
    times = {}
    with Receiver("geosluice") as r:
        for name, document, rounds in (("1 MB", one, 15), ("1 GB", thousand, 5)):
            apart = []
            for _ in range(rounds):
                with load.connect(r.port) as s:
                    apart.append(1000 * load.post_last_byte_apart(s, document, lambda: settle(r)))
                r.empty()
            times[name] = median(apart)
            say("%s: last byte to 202 %.2f ms (%.2f to %.2f)" % (name, times[name], min(apart), max(apart)))
    return ("\nFrom the last byte to the 202, all before it having been read: %.2f ms after 1 MB, %.2f ms after 1 GB, "
            "ratio %.2f.\n" % (times["1 MB"], times["1 GB"], times["1 GB"] / times["1 MB"]))


def large(work):
    document = load.Document(load.Document.make(os.path.join(work, "50"), 50))
    runs = {"geosluice": [], "fastapi": []}
    for _ in range(LARGE_ROUNDS):
        for kind, results in runs.items():
            results.append(large_once(kind, document))
    pairs = sorted(a[0] / b[0] for a, b in zip(runs["geosluice"], runs["fastapi"]))
    middle = {kind: [median(column) for column in zip(*results)] for kind, results in runs.items()}
    rows = [["geosluice-server" if k == "geosluice" else "FastAPI + uvicorn + redis.asyncio", "%.0f" % m[0],
             "%.1f" % (middle["geosluice"][0] / m[0]), "%.1f" % m[1], "%.1f" % m[2], "%.2f" % m[3], "%.0f" % m[4]]
            for k, m in middle.items()]
    return ("## 50 MB posts, signed\n\nOne connection, %d posts a round, %d rounds, of which each gives a ratio: from "
            "%.1f to %.1f.\n\n" % (LARGE_POSTS, LARGE_ROUNDS, pairs[0], pairs[-1])
            + table(["receiver", "MB/s", "times", "its CPU ms/MB", "Redis's CPU ms/MB", "Redis's memory per byte",
                     "peak memory MB"], rows) + last_byte(work))


# ---- 100 at once ----

def many_once(kind, document):
    with Receiver(kind) as r:
        idle = load.probed(load.probe(r.port, PROBE_S))
        r.forget_peak()
        prober = load.probe(r.port)
        seconds = load.upload_many(r.port, document, MANY)
        busy = load.probed(prober)
        if r.jobs() != len(idle) + len(busy) + MANY:
            sys.exit("%s: %d jobs, not %d" % (kind, r.jobs(), len(idle) + len(busy) + MANY))
        out = (MANY * document.size / 1e6 / seconds, load.percentile(idle, .5), load.percentile(idle, .99),
               load.percentile(busy, .5), load.percentile(busy, .99), max(busy), r.peak_mb(), r.used_mb())
        say("%s: %d uploads at %.0f MB/s; small posts idle p50 %.1f p99 %.1f ms, busy p50 %.1f p99 %.1f max %.0f ms; "
            "%.0f MB, Redis %.0f MB" % ((kind, MANY) + out))
        return out


def many(work):
    document = load.Document(load.Document.make(os.path.join(work, "50"), 50))
    runs = [many_once("geosluice", document) for _ in range(max(1, ROUNDS - 1))]
    m = [median(column) for column in zip(*runs)]
    return ("## %d uploads of 50 MB at once, small posts meanwhile\n\nA small post every 5 ms on a connection of "
            "its own, before and during the uploads.\n\n" % MANY
            + table(["", "uploads MB/s", "p50 ms", "p99 ms", "peak memory MB"],
                    [["idle", "", "%.1f" % m[1], "%.1f" % m[2], ""],
                     ["%d uploads" % MANY, "%.0f" % m[0], "%.1f" % m[3], "%.1f" % m[4], "%.0f" % m[6]]])
            + "\np99 above idle: %.1f ms.\n" % (m[4] - m[2]))


# ---- idle connections ----

def idle(work):
    with Receiver("geosluice", server="idle_timeout_s = 600") as r:
        posts = os.path.join(work, "posts")
        load.write_posts(posts)
        alone = load.probed(load.probe(r.port, PROBE_S))
        bare = r.rss_mb()
        held = load.hold(r.port, IDLE)
        full = r.rss_mb()
        among = load.probed(load.probe(r.port, PROBE_S))
        for s in held:
            s.close()
    say("%d idle: %.0f MB before, %.0f MB with them; p50 %.1f and %.1f ms, p99 %.1f and %.1f ms" % (
        IDLE, bare, full, load.percentile(alone, .5), load.percentile(among, .5),
        load.percentile(alone, .99), load.percentile(among, .99)))
    return ("## %d idle keep-alive connections\n\nEach has had one answer.\n\n" % IDLE
            + table(["", "memory MB", "p50 ms", "p99 ms"], [
                ["none", "%.0f" % bare, "%.1f" % load.percentile(alone, .5), "%.1f" % load.percentile(alone, .99)],
                [str(IDLE), "%.0f" % full, "%.1f" % load.percentile(among, .5),
                 "%.1f" % load.percentile(among, .99)]])
            + "\n%.1f kB per connection.\n" % ((full - bare) * 1024 / IDLE))


PARTS = {"small": small, "large": large, "many": many, "idle": idle}


def main(names):
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="geosluice-bench-") as work:
        text = "\n".join(PARTS[name](work) for name in names or PARTS)
    if names:
        print(text)
        return 0
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), "")
    with open(os.path.join(ROOT, "docs", "benchmarks-http.md"), "w", encoding="utf-8") as f:
        f.write(HEAD % (ROUNDS, model or platform.machine(), CORES, platform.platform()) + text)
    say("docs/benchmarks-http.md, after %.0f s" % (time.monotonic() - begin))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
