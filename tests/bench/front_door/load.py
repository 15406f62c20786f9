"""What is sent: signed posts by wrk, large bodies, many at once, and a prober that times small ones meanwhile.

In:  a port. Out: seconds and counts. Every body is signed for its own bytes in GitHub's form, without a delivery id, so
     that each post is a job of its own.
"""
import fcntl
import hashlib
import hmac
import json
import mmap
import os
import random
import re
import resource
import select
import selectors
import socket
import struct
import subprocess
import sys
import termios
import time

from stack import HERE, ROOT, SECRET, until

SMALL = 4096
DISTINCT = 512
CONNECTIONS = 64
PROBE_EVERY_S = 0.005


def signature(*pieces):
    mac = hmac.new(SECRET.encode(), digestmod=hashlib.sha256)
    for piece in pieces:
        mac.update(piece)
    return mac.hexdigest()


def head(length, signed):
    return (b"POST /v1/ingest/bench HTTP/1.1\r\nHost: bench\r\nContent-Type: application/geo+json\r\n"
            b"X-Hub-Signature-256: sha256=%s\r\nContent-Length: %d\r\n\r\n" % (signed.encode(), length))


def small_body(seed):
    """A feature of 4096 bytes, each unlike the others."""
    rng, ring = random.Random(seed), []
    x, y = rng.uniform(-170, 170), rng.uniform(-80, 80)
    doc = {"type": "Feature", "properties": {"name": "field %d" % seed},
           "geometry": {"type": "Polygon", "coordinates": [ring]}}
    while len(json.dumps(doc)) < SMALL - 60:
        ring.append([round(x + rng.random(), 7), round(y + rng.random(), 7)])
    return json.dumps(doc).encode().ljust(SMALL)


def write_posts(path):
    with open(path, "wb") as f:
        for seed in range(DISTINCT):
            body = small_body(seed)
            whole = head(len(body), signature(body)) + body
            f.write(b"%d\n" % len(whole) + whole)


def wrk(port, posts, seconds):
    """(requests, seconds, answers other than 2xx, p50 ms, p99 ms)"""
    done = subprocess.run(["wrk", "-t1", "-c%d" % CONNECTIONS, "-d%ds" % seconds, "-s", HERE + "/post.lua",
                           "http://127.0.0.1:%d/" % port], stdout=subprocess.PIPE, check=True, text=True,
                          env=dict(os.environ, POSTS=posts))
    requests, us, refused, broken, p50, p99 = re.search(
        r"RESULT (\d+) (\d+) (\d+) (\d+) (\S+) (\S+)", done.stdout).groups()
    if int(broken):
        sys.exit("wrk: %s connections failed" % broken)
    return int(requests), int(us) / 1e6, int(refused), float(p50) / 1000, float(p99) / 1000


def connect(port):
    s = socket.create_connection(("127.0.0.1", port), 120)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def answer(s):
    """Status and body of one answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = s.recv(65536)
        if not more:
            raise ConnectionError("no answer: %r" % data[:200])
        data += more
    head_, body = data.split(b"\r\n\r\n", 1)
    length = int(re.search(rb"(?i)content-length: *(\d+)", head_).group(1))
    while len(body) < length:
        body += s.recv(65536)
    return int(head_.split()[1]), body


def expect_202(s):
    code, body = answer(s)
    if code != 202:
        sys.exit("a post was answered %d: %r" % (code, body[:300]))
    return body


class Document:
    """A document of make-heavy, `times` times over, signed."""

    def __init__(self, path, times=1):
        with open(path, "rb") as f:
            self.bytes = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        self.times = times
        self.size = len(self.bytes) * times
        self.head = head(self.size, signature(*[self.bytes] * times))

    @staticmethod
    def make(path, megabytes):
        subprocess.run([sys.executable, os.path.join(ROOT, "tools", "make-heavy"), path, str(megabytes)],
                       stdout=subprocess.DEVNULL, check=True)
        return path


def post(s, document):
    """Seconds from the first byte to the answer, and from the last byte handed to the kernel."""
    begin = time.monotonic()
    s.sendall(document.head)
    for _ in range(document.times):
        s.sendall(document.bytes)
    last = time.monotonic()
    expect_202(s)
    end = time.monotonic()
    return end - begin, end - last


def unsent(s):
    return struct.unpack("i", fcntl.ioctl(s, termios.TIOCOUTQ, b"\0\0\0\0"))[0]


def post_last_byte_apart(s, document, rest):
    """Seconds from the last byte to the answer, the server having read all before it."""
    view = memoryview(document.bytes)
    s.sendall(document.head)
    for _ in range(document.times - 1):
        s.sendall(view)
    s.sendall(view[:-1])
    until(lambda: unsent(s) == 0, "the body has left", 120)
    rest()
    begin = time.monotonic()
    s.sendall(view[-1:])
    expect_202(s)
    return time.monotonic() - begin


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def probe(port, seconds=0):
    """Times a small post every 5 ms, on one connection: a process of its own, so that nobody else's work delays it.
    It ends after so many seconds; after 0, when its input does."""
    return subprocess.Popen([sys.executable, __file__, "probe", str(port), str(seconds)],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def probed(process):
    """Milliseconds of each post."""
    said = process.communicate()[0]
    if process.returncode != 0:
        sys.exit("the prober failed")
    return json.loads(said)


def run_probe(port, seconds):
    bodies = [small_body(seed) for seed in range(32)]
    posts = [head(len(b), signature(b)) + b for b in bodies]
    s, times = connect(port), []
    due = begin = time.monotonic()
    while True:
        wait = max(0, due - time.monotonic())
        if seconds == 0 and select.select([sys.stdin], [], [], wait)[0]:
            break
        if seconds > 0:
            time.sleep(wait)
            if time.monotonic() > begin + seconds:
                break
        sent = time.monotonic()
        s.sendall(posts[len(times) % len(posts)])
        expect_202(s)
        times.append(1000 * (time.monotonic() - sent))
        due = max(due + PROBE_EVERY_S, time.monotonic())
    print(json.dumps(times))


class Upload:
    def __init__(self, port, document):
        self.socket = connect(port)
        self.socket.setblocking(False)
        self.head, self.document, self.at = memoryview(document.head), document, 0
        self.view = memoryview(document.bytes)
        self.said = b""

    def step(self, readable, writable):
        """Is it done?"""
        if readable:
            self.said += self.socket.recv(65536)
            if not self.said.startswith(b"HTTP/1.1 202"):
                sys.exit("an upload was answered: %r" % self.said[:400])
            self.socket.close()
            return True
        if writable:
            whole = len(self.head) + len(self.view)
            piece = self.head[self.at:] if self.at < len(self.head) else self.view[
                self.at - len(self.head):self.at - len(self.head) + 262144]
            self.at += self.socket.send(piece)
            self.sent = self.at == whole
        return False


def upload_many(port, document, count):
    """All at once; seconds until the last is answered."""
    watch, begin, left = selectors.DefaultSelector(), time.monotonic(), count
    for _ in range(count):
        u = Upload(port, document)
        u.sent = False
        watch.register(u.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, u)
    while left:
        for key, events in watch.select():
            u = key.data
            before = u.sent
            if u.step(events & selectors.EVENT_READ, events & selectors.EVENT_WRITE):
                watch.unregister(key.fileobj)
                left -= 1
            elif u.sent and not before:
                watch.modify(key.fileobj, selectors.EVENT_READ, u)
    return time.monotonic() - begin


def hold(port, count):
    """So many connections, each with one request answered, that are kept."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held = []
    for _ in range(count):
        s = connect(port)
        held.append(s)
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n")
        code, _ = answer(s)
        if code != 200:
            sys.exit("an idle connection was answered %d" % code)
    return held


if __name__ == "__main__":
    run_probe(int(sys.argv[2]), float(sys.argv[3]))
