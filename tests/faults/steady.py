#!/usr/bin/python3
"""Does anything grow with the number of jobs? Memory of every program after 100 jobs and after JOBS.

In:  BUILD, JOBS (10,000). Out: a line per process; "N passed, N failed". Exit 0 if none grew.
"""
import base64
import hashlib
import hmac
import http.client
import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "system"))
from harness import SECRETS, Stack, children, collection, mixed, until   # noqa: E402
from receiver import secret_key                                         # noqa: E402

JOBS = int(os.environ.get("JOBS", "10000"))
FIRST = 100
SENDERS = 4
LIMIT_S = 900
# Pages that an allocator keeps are no leak: a program may grow by this, once.
ROOM_MB = 3.0

# Everything that a worker does to a feature; a failed document now and then.
DOCUMENTS = [mixed(20)[0], collection(), mixed(3)[0][:-9], mixed(20)[0], mixed(60)[0]]


def rss_mb(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1)) / 1024


def post(stack, first, behind, faults):
    """Documents number first up to behind, on one connection."""
    connection = http.client.HTTPConnection(*stack.address, timeout=60)
    key = secret_key(SECRETS["acme"])
    for i in range(first, behind):
        body, delivery, stamp = DOCUMENTS[i % len(DOCUMENTS)], "msg_%d" % i, str(int(time.time()))
        mac = hmac.new(key, ("%s.%s." % (delivery, stamp)).encode() + body, hashlib.sha256).digest()
        connection.request("POST", "/v1/ingest/acme", body, {
            "content-type": "application/geo+json", "webhook-id": delivery, "webhook-timestamp": stamp,
            "webhook-signature": "v1," + base64.b64encode(mac).decode()})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 202:
            faults.append("document %d: %d" % (i, answer.status))
            break
    connection.close()


def run_to(stack, first, behind):
    """Posts, and waits until all of them have ended and were told of."""
    faults, step = [], (behind - first + SENDERS - 1) // SENDERS
    threads = [threading.Thread(target=post, args=(stack, at, min(at + step, behind), faults))
               for at in range(first, behind, step)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if faults:
        raise AssertionError(faults)
    until(lambda: stack.redis("XLEN", "gs:{p0}:jobs") == 0 and stack.redis("XLEN", "gs:{p0}:outbox") == 0,
          "all jobs have ended", LIMIT_S)
    stack.receiver.calls.clear()


def main():
    begin = time.monotonic()
    stack = Stack(environ={"GEOSLUICE_REDIS_RETENTION_S": "20", "GEOSLUICE_REDIS_RAW_RETENTION_S": "5",
                           "GEOSLUICE_REDIS_DEAD_RETENTION_S": "20", "GEOSLUICE_REDIS_DEDUPE_S": "20",
                           "GEOSLUICE_WORKER_LOG_LEVEL": "warn",
                           "GEOSLUICE_COURIER_LOG_LEVEL": "warn"})
    failed = 0
    try:
        run_to(stack, 0, FIRST)
        pids = {name: stack.pid(name) for name in ("server", "courier", "worker")}
        pids.update(("worker process %d" % i, pid) for i, pid in enumerate(children(pids["worker"]), 1))
        before = {name: rss_mb(pid) for name, pid in pids.items()}
        run_to(stack, FIRST, JOBS)
        for name, pid in pids.items():
            after = rss_mb(pid)
            grew = after - before[name]
            failed += grew > ROOM_MB
            print("%-6s %-18s %6.1f MB after %d jobs, %6.1f MB after %d" % (
                "FAILED" if grew > ROOM_MB else "ok", name, before[name], FIRST, after, JOBS))
    finally:
        stack.close()
    print("%d passed, %d failed in %.0f s" % (len(pids) - failed, failed, time.monotonic() - begin))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
