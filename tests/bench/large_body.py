#!/usr/bin/python3
"""One body of many gigabytes through the real server into a real Redis: how much memory does the server take?

    tests/bench/large_body.py [GIGABYTES]      5 by default; Redis needs as much memory, and disk for its AOF

In:  BUILD, REDIS_SERVER as the system tests have them. Out: the server's RSS along the way, seconds, what Redis holds.
Used by hand: no test should need the machine for itself.
"""
import hashlib
import hmac
import json
import os
import random
import socket
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))
from harness import Stack, peak_rss_mb, until   # noqa: E402

SECRET = b"the key of the bench"
SOURCE = """
[source bulk]
scheme = github
secret = the key of the bench
max_body_bytes = 1099511627776
"""
HEAD = b'{"type":"FeatureCollection","features":['
TAIL = b'{"type":"Feature","properties":{},"geometry":null}]}'


def block():
    """Some megabytes of features, as random as those of real data."""
    dice = random.Random(1)
    features = []
    for i in range(20000):
        x, y = dice.uniform(-180, 179), dice.uniform(-90, 89)
        ring = [[round(x + dice.random(), 7), round(y + dice.random(), 7)] for _ in range(8)]
        features.append(json.dumps({"type": "Feature", "id": i, "properties": {"n": dice.randrange(10 ** 9)},
                                    "geometry": {"type": "Polygon", "coordinates": [ring + ring[:1]]}}))
    return (",\n".join(features) + ",\n").encode()


def rss_mb(pid):
    with open("/proc/%d/statm" % pid) as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main(argv):
    size = float(argv[0]) * 1e9 if argv else 5e9
    middle = block()
    count = max(1, round(size / len(middle)))
    length = len(HEAD) + count * len(middle) + len(TAIL)
    mac = hmac.new(SECRET, HEAD, hashlib.sha256)
    for _ in range(count):
        mac.update(middle)
    mac.update(TAIL)
    stack = Stack(SOURCE, start=("server",), environ={"GEOSLUICE_REDIS_TIMEOUT_MS": "60000"})
    try:
        pid = stack.pid("server")
        idle, samples, over = rss_mb(pid), [], threading.Event()

        def sample():
            while not over.wait(0.1):
                samples.append(rss_mb(pid))
        thread = threading.Thread(target=sample)
        thread.start()
        with socket.create_connection(stack.address, 600) as s:
            s.sendall(("POST /v1/ingest/bulk HTTP/1.1\r\nhost: x\r\ncontent-type: application/geo+json\r\n"
                       "content-length: %d\r\nx-hub-signature-256: sha256=%s\r\n\r\n" % (
                           length, mac.hexdigest())).encode() + HEAD)
            begun = time.monotonic()
            for _ in range(count):
                s.sendall(middle)
            last = time.monotonic()
            s.sendall(TAIL)
            answer = s.recv(65536)
            ended = time.monotonic()
        over.set()
        thread.join()
        print(answer.split(b"\r\n")[0].decode())
        print("body       %8.1f MB in %.1f s, %.0f MB/s; last byte to answer %.1f ms" % (
            length / 1e6, ended - begun, length / 1e6 / (ended - begun), (ended - last) * 1e3))
        print("server RSS %8.1f MB idle, %.1f at most (VmHWM %.1f)" % (idle, max(samples), peak_rss_mb(pid)))
        print("      over the upload, by tenths: %s" % " ".join(
            "%.1f" % max(samples[i * len(samples) // 10:(i + 1) * len(samples) // 10] or [0]) for i in range(10)))
        print("Redis      %8.1f MB used, AOF %.1f MB" % (
            int(stack.redis.info("used_memory")) / 1e6, int(stack.redis.info("aof_current_size")) / 1e6))
        job = json.loads(answer.split(b"\r\n\r\n", 1)[1])["jobID"]
        assert stack.job(job)["bytes"]["received"] == length
        stack.request("DELETE", "/v1/jobs/" + job)
        until(lambda: int(stack.redis.info("used_memory")) < 1e8 + size / 2, "Redis has freed it", 120)
    finally:
        stack.close()


if __name__ == "__main__":
    main(sys.argv[1:])
