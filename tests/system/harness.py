"""The real programs and a real Redis in a directory of their own, and what tests need to talk to them.

In:  BUILD (where the programs are), GEOSLUICE_SAN (set: they are sanitised, thus slow and large), REDIS_SERVER.
Out: a Stack per test class. Everything it starts it also ends, by process id.
"""
import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "fakes"))
from receiver import Receiver, secret_key   # noqa: E402

BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
SANITISED = bool(os.environ.get("GEOSLUICE_SAN"))
PATIENCE_S = 120 if SANITISED else 30   # how long anything at all may take
REDIS_SERVER = os.environ.get("REDIS_SERVER", "redis-server")     # any Redis from 7.0 on, or Valkey
TRAFFIC = os.environ.get("GEOSLUICE_TRAFFIC")   # a file that notes every request, for the contract test

PROGRAMS = ("geosluice-server", "geosluice-worker", "geosluice-courier")

SECRETS = {
    "acme": "whsec_" + base64.b64encode(b"the key of acme, 32 bytes long..").decode(),
    "metric": "whsec_" + base64.b64encode(b"the key of metric").decode(),
    "hub": "plain words are a key too",
    "small": "whsec_" + base64.b64encode(b"the key of small").decode(),
}

CONFIG = """
[server]
listen = 127.0.0.1:0
threads = 2
[redis]
url = unix://{dir}/redis.sock
timeout_ms = {redis_timeout}
staging_timeout_s = 5
[worker]
processes = 2
lease_ms = {lease}
feature_timeout_ms = {feature}
[courier]
allow = 127.0.0.0/8
timeout_ms = 2000
backoff_min_ms = 50
backoff_max_ms = 500
lease_ms = {lease}
max_attempts = 60
[source acme]
secret = {acme}
callback_url = {callback}
[source metric]
secret = {metric}
target_crs = EPSG:3857
[source hub]
scheme = github
secret = {hub}
[source small]
secret = {small}
max_body_bytes = 1000
{extra}
"""


def until(question, what, timeout_s=None):
    """Asks again and again until the answer is true, and returns it; fails after timeout_s."""
    deadline = time.monotonic() + (timeout_s or PATIENCE_S)
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain until " + what)
        time.sleep(0.02)


def children(pid):
    """Process ids of pid's children."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                with open("/proc/%s/stat" % name) as f:
                    fields = f.read().rsplit(")", 1)[1].split()
                if int(fields[1]) == pid and fields[0] != "Z":
                    found.append(int(name))
    return sorted(found)


def kill(pids):
    """Ends them with SIGKILL; one that has ended by itself meanwhile is no fault."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def peak_rss_mb(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read()).group(1)) / 1024


def is_alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def heeds_sigterm(pid):
    """It has come so far that it caught or blocked the signal (proc(5), status)."""
    with contextlib.suppress(OSError), open("/proc/%d/status" % pid) as f:
        masks = dict(re.findall(r"^(Sig\w+):\s+([0-9a-f]+)$", f.read(), re.M))
        return bool((int(masks["SigCgt"], 16) | int(masks["SigBlk"], 16)) >> signal.SIGTERM - 1 & 1)
    return True


class Redis:
    """Just enough of a client: commands out, replies in."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(path)
        self.file = self.sock.makefile("rb")

    def __call__(self, *args):
        out = [b"*%d\r\n" % len(args)]
        for a in args:
            a = a if isinstance(a, bytes) else str(a).encode()
            out.append(b"$%d\r\n%s\r\n" % (len(a), a))
        self.sock.sendall(b"".join(out))
        return self._reply()

    def keys(self):
        """All but the one that servers put there when they look, and leave."""
        return sorted(k.decode() for k in self("KEYS", "*") if k != b"gs:{p0}:body_key")

    def info(self, name):
        text = self("INFO").decode()
        return re.search(r"^%s:(.*?)\r?$" % re.escape(name), text, re.M).group(1)

    def listen(self):
        """Makes it listen on a port of loopback, too; which one."""
        def on_a_free_one():
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                port = s.getsockname()[1]
            try:
                self("CONFIG", "SET", "port", port)
            except RuntimeError:
                return None
            return port
        return until(on_a_free_one, "Redis listens")

    def close(self):
        self.file.close()
        self.sock.close()

    def _reply(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("Redis hung up")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self._reply() for _ in range(int(rest))]
        return rest.decode()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def lines(self):
        """The records of a GeoJSON text sequence or of NDJSON."""
        return [json.loads(r) for r in self.body.replace(b"\x1e", b"").split(b"\n") if r]

    def __repr__(self):
        return "%d %r" % (self.status, self.body[:300])


def sign(source, body, delivery=None, at=None, secret=None):
    """The headers that a sender of this source puts on body (bytes, or a list of pieces)."""
    pieces = [body] if isinstance(body, bytes) else body
    key = secret_key(secret or SECRETS[source])
    if source == "hub":
        mac = hmac.new(key, digestmod=hashlib.sha256)
        for p in pieces:
            mac.update(p)
        return {"x-hub-signature-256": "sha256=" + mac.hexdigest(),
                "x-github-delivery": delivery or secrets.token_hex(16)}
    delivery = delivery or "msg_" + secrets.token_hex(12)
    stamp = str(int(time.time() if at is None else at))
    mac = hmac.new(key, ("%s.%s." % (delivery, stamp)).encode(), hashlib.sha256)
    for p in pieces:
        mac.update(p)
    return {"webhook-id": delivery, "webhook-timestamp": stamp,
            "webhook-signature": "v1," + base64.b64encode(mac.digest()).decode()}


def _note(what):
    if TRAFFIC:
        with open(TRAFFIC, "a", encoding="utf-8") as f:
            f.write(json.dumps(what) + "\n")


class Stack:
    """Redis, server, worker and courier, each to be started, killed and started again."""

    PROGRAMS = ("server", "worker", "courier")

    def __init__(self, extra="", start=PROGRAMS, environ=None, ready=True, programs=None):
        """programs: name → path of one that is run in the place of what is shipped."""
        self.dir = tempfile.mkdtemp(prefix="geosluice-test-")
        self.receiver = Receiver()
        self.running = {}
        self.environ = environ or {}
        self.programs = programs or {}
        self.address = None
        self.redis = None
        self.config = os.path.join(self.dir, "geosluice.ini")
        with open(self.config, "w") as f:
            f.write(CONFIG.format(
                dir=self.dir, callback=self.receiver.url, extra=extra,
                redis_timeout=20000 if SANITISED else 3000, lease=8000 if SANITISED else 2000,
                feature=4000 if SANITISED else 1500, **SECRETS))
        try:
            self.start_redis()
            for name in start:
                self.start(name, ready)
        except BaseException:
            self.close()
            raise

    # Starting and ending.

    def start_redis(self):
        self._spawn("redis", [
            REDIS_SERVER, "--port", "0", "--unixsocket", self.dir + "/redis.sock", "--dir", self.dir,
            "--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-min-size", "1gb", "--save", "",
            "--maxmemory-policy", "noeviction", "--daemonize", "no"])
        until(self._redis_answers, "Redis answers")

    def _redis_answers(self):
        try:
            self.redis = Redis(self.dir + "/redis.sock")
            return self.redis("PING") == "PONG"
        except (OSError, RuntimeError):
            return False

    def start(self, name, ready=True):
        """Starts a program; for the server, waits until it is ready to take documents."""
        log = self.log_path(name)
        begin = os.path.getsize(log) if os.path.exists(log) else 0
        program = self.programs.get(name) or os.path.join(BUILD, "geosluice-" + name)
        self._spawn(name, [program, "--config", self.config])
        if name == "server":
            found = until(lambda: re.search(r"event=listening .*?addr=\"?127\.0\.0\.1:(\d+)",
                                            self.log(name)[begin:]) or self._died(name),
                          "the server listens")
            self.address = ("127.0.0.1", int(found.group(1)))
            if ready:
                until(lambda: self.get("/readyz").status == 200, "the server is ready")

    def _died(self, name):
        if self.running[name].poll() is not None:
            raise AssertionError("%s ended with %d:\n%s" % (
                name, self.running[name].returncode, self.log(name)[-2000:]))
        return None

    def _spawn(self, name, argv):
        env = {k: v for k, v in os.environ.items() if not k.startswith("GEOSLUICE_")}
        env.update(self.environ)
        with open(self.log_path(name), "ab") as log:
            # Redis alone keeps SIGXFSZ ignored, as Python has it: its disk can then be "full" by a limit on files.
            self.running[name] = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir, env=env,
                restore_signals=name != "redis")

    def log_path(self, name):
        return os.path.join(self.dir, name + ".log")

    def log(self, name):
        try:
            with open(self.log_path(name), errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def pid(self, name):
        return self.running[name].pid

    def kill(self, name):
        """kill -9, and its children as they then fare."""
        process = self.running.pop(name)
        process.kill()
        process.wait()
        if name == "redis":
            self.redis.close()

    def stop(self, name, timeout_s=None):
        """SIGTERM; returns the exit code."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGCONT)
        with contextlib.suppress(AssertionError):   # one that has only just begun would die of it
            until(lambda: process.poll() is not None or heeds_sigterm(process.pid), "it heeds SIGTERM", 5)
        process.terminate()
        try:
            return process.wait(timeout_s or PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError("%s does not end on SIGTERM:\n%s" % (name, self.log(name)[-1500:]))

    def close(self):
        """Ends all and says so if one did not end well, or if one left a sanitiser's report."""
        faults = []
        for name in [n for n in ("courier", "worker", "server", "redis") if n in self.running]:
            below = children(self.pid(name))
            early = self.running[name].poll()
            try:
                code = self.stop(name)
            except AssertionError as e:
                faults.append(str(e))
                continue
            if early is not None or code != 0:
                faults.append("%s ended with %d%s:\n%s" % (
                    name, code, "" if early is None else " before its time", self.log(name)[-1500:]))
            for pid in below:
                with contextlib.suppress(AssertionError):
                    until(lambda: not is_alive(pid), "", 5)
                if is_alive(pid):
                    faults.append("%s left process %d behind" % (name, pid))
                    os.kill(pid, signal.SIGKILL)
        if self.redis:
            self.redis.close()
        self.receiver.close()
        for call in self.receiver.calls:
            _note({"headers": call.headers, "body": call.body.decode()})
        for name in self.PROGRAMS:
            report = re.search(r"^.*(ERROR: \w+Sanitizer|runtime error:)(?:.*\n){0,30}", self.log(name), re.M)
            if report:
                faults.append("%s: %s" % (name, report.group(0)))
        shutil.rmtree(self.dir, ignore_errors=True)
        if faults:
            raise AssertionError("\n".join(faults))

    # Talking HTTP.

    def request(self, method, path, body=None, headers=None, timeout_s=None):
        """body: bytes, or a list of pieces, which go out chunked."""
        headers = dict(headers or {})
        connection = http.client.HTTPConnection(*self.address, timeout=timeout_s or PATIENCE_S)
        try:
            connection.request(method, path, body=body if body is None or isinstance(body, bytes) else iter(body),
                               headers=headers, encode_chunked=isinstance(body, list))
            response = connection.getresponse()
            answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()
        _note({"method": method, "path": path, "status": answer.status, "headers": answer.headers,
               "body": answer.body[:2_000_000].decode("utf-8", "replace"), "whole": len(answer.body) <= 2_000_000})
        return answer

    def get(self, path, accept=None):
        return self.request("GET", path, headers={"accept": accept} if accept else {})

    def post(self, source, body, content_type="application/geo+json", signed=None, path=None, **kwargs):
        """A signed document. signed: other headers than the right ones."""
        headers = {"content-type": content_type}
        if isinstance(body, list):
            headers["transfer-encoding"] = "chunked"
        headers.update(sign(source, body, **kwargs) if signed is None else signed)
        return self.request("POST", path or "/v1/ingest/" + source, body, headers)

    def job(self, job):
        answer = self.get("/v1/jobs/" + job)
        assert answer.status == 200, answer
        return answer.json()

    def wait_for(self, job, timeout_s=None):
        """The statusInfo of a job that has ended."""
        def ended():
            answer = self.get("/v1/jobs/" + job)
            if answer.status == 503:    # Redis is away
                return None
            assert answer.status == 200, answer
            info = answer.json()
            return info if info["status"] in ("successful", "failed", "dismissed") else None
        return until(ended, "job %s ends; it is %s" % (job, self.get("/v1/jobs/" + job).body.decode()), timeout_s)

    def run(self, source, body, **kwargs):
        """Posts a document, waits for its end: (job id, statusInfo)."""
        answer = self.post(source, body, **kwargs)
        assert answer.status == 202, answer
        job = answer.json()["jobID"]
        return job, self.wait_for(job)


class StackTest(unittest.TestCase):
    """A test class with one stack for all its tests."""

    EXTRA = ""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(cls.EXTRA)

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def check_counts(self, info, features, rejected=None):
        c = info["counts"]
        self.assertEqual(c["features"], features, info)
        self.assertEqual(c["accepted"] + c["repaired"] + c["rejected"], features, info)
        if rejected is not None:
            self.assertEqual(c["rejected"], rejected, info)

    def check_problem(self, answer, status, word=None):
        """A refusal is problem+json, says its status, and names what is wrong."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers.get("content-type"), "application/problem+json", answer)
        problem = answer.json()
        self.assertEqual(problem["status"], status)
        for member in ("type", "title", "detail", "code"):
            self.assertTrue(problem.get(member), "%s missing: %r" % (member, answer))
        if word:
            self.assertIn(word.lower(), answer.body.decode().lower())
        return problem


# Documents.

def square(x, y, size=1.0):
    return [[[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]]]


def feature(geometry, i=0, **more):
    f = {"type": "Feature", "id": i, "properties": {"name": "nº %d" % i, "big": 12345678901234567890},
         "geometry": geometry}
    f.update(more)
    return f


def polygon(coordinates):
    return {"type": "Polygon", "coordinates": coordinates}


SOUND = feature(polygon(square(10, 50)), 1)
BOW_TIE = feature(polygon([[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]), 2)
UNCLOSED = feature(polygon([[[0, 0], [2, 0], [2, 2], [0, 2]]]), 3)
FAR_AWAY = feature({"type": "Point", "coordinates": [400, 1]}, 4)


def collection(*features, **more):
    doc = {"type": "FeatureCollection", "features": list(features)}
    doc.update(more)
    return json.dumps(doc, ensure_ascii=False).encode()


def mixed(n, vertices=5):
    """A collection of n features: of each 10, one to repair and one to reject. (document, rejected)"""
    ring = [[i * 1e-4, 0.0] for i in range(vertices - 4)] + [[1, 0], [1, 1], [0, 1], [0, 0]]
    features = []
    for i in range(n):
        features.append({3: BOW_TIE, 7: FAR_AWAY}.get(i % 10) or feature(polygon([ring]), i))
    return collection(*features), sum(1 for i in range(n) if i % 10 == 7)
