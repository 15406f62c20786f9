"""The receivers that are compared, each with a Redis of its own that keeps an append-only file.

In:  BUILD. Out: Receiver: started in a directory that goes, its memory and CPU time told, ended by process id.
"""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
from harness import Redis, children, until   # noqa: E402

SECRET = "the key of the bench"
CORES = os.cpu_count()
TICK = os.sysconf("SC_CLK_TCK")

GEOSLUICE = """
[server]
listen = 127.0.0.1:{port}
max_connections = 20000
max_connections_per_address = 0
requests_per_connection = 1000000000
header_timeout_s = 60
{server}
[redis]
url = unix://{dir}/redis.sock
[source bench]
scheme = github
secret = {secret}
"""

NGINX = """
worker_processes {cores};
worker_rlimit_nofile 30000;
daemon off;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 15000; }}
http {{
	access_log {access};
	keepalive_requests 100000000;
	client_max_body_size 0;
	client_body_temp_path {dir}/body;
	proxy_temp_path {dir}/proxy;
	fastcgi_temp_path {dir}/fastcgi;
	uwsgi_temp_path {dir}/uwsgi;
	scgi_temp_path {dir}/scgi;
	server {{
		listen 127.0.0.1:{port};
		location / {{ return 202; }}
	}}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def status(pid, field):
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        return int(re.search(r"%s:\s+(\d+) kB" % field, f.read()).group(1)) / 1024


def cpu(pids):
    """Seconds of user and system time that they have used."""
    ticks = 0
    for pid in pids:
        with open("/proc/%d/stat" % pid, encoding="ascii") as f:
            ticks += sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
    return ticks / TICK


class Receiver:
    """kind: geosluice, nginx or fastapi."""

    def __init__(self, kind, server="", access="off", processes=CORES):
        self.kind, self.dir, self.port = kind, tempfile.mkdtemp(prefix="geosluice-bench-"), free_port()
        self.running, self.redis, self.server, self.access, self.processes = [], None, server, access, processes
        try:
            if kind != "nginx":
                self._start_redis()
            getattr(self, "_start_" + kind)()
            until(self._answers, kind + " answers")
        except BaseException:
            self.close()
            raise

    def _start_redis(self):
        self._spawn(["redis-server", "--port", "0", "--unixsocket", self.dir + "/redis.sock", "--dir", self.dir,
                     "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy",
                     "noeviction", "--auto-aof-rewrite-percentage", "0"])
        self.redis_pid = self.running[0].pid

        def up():
            with contextlib.suppress(OSError, RuntimeError):
                self.redis = Redis(self.dir + "/redis.sock")
                return self.redis("PING") == "PONG"
        until(up, "Redis answers")

    def _start_geosluice(self):
        config = self.dir + "/geosluice.ini"
        with open(config, "w", encoding="ascii") as f:
            f.write(GEOSLUICE.format(port=self.port, dir=self.dir, secret=SECRET, server=self.server))
        self._spawn([BUILD + "/geosluice-server", "--config", config])

    def _start_nginx(self):
        config = self.dir + "/nginx.conf"
        with open(config, "w", encoding="ascii") as f:
            f.write(NGINX.format(port=self.port, dir=self.dir, cores=CORES,
                                 access=self.access.format(dir=self.dir)))
        self._spawn(["nginx", "-c", config, "-p", self.dir, "-e", self.dir + "/error.log"])

    def _start_fastapi(self):
        self._spawn([sys.executable, "-m", "uvicorn", "peer_fastapi:app", "--app-dir", HERE, "--host", "127.0.0.1",
                     "--port", str(self.port), "--workers", str(self.processes)]
                    + (["--no-access-log"] if self.access == "off" else ["--access-log"]),
                    PEER_REDIS=self.dir + "/redis.sock", PEER_SECRET=SECRET)

    def _spawn(self, argv, **environ):
        env = {k: v for k, v in os.environ.items() if not k.startswith("GEOSLUICE_")}
        with open(self.dir + "/log", "ab") as log:
            self.running.append(subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                 cwd=self.dir, env=dict(env, **environ), start_new_session=True))

    def _answers(self):
        """All of its processes must be up: a FastAPI worker takes a second to start."""
        if self.running[-1].poll() is not None:
            with open(self.dir + "/log", encoding="utf-8", errors="replace") as f:
                sys.exit("%s ended: %s" % (self.kind, f.read()[-2000:]))
        path = b"/readyz" if self.kind == "geosluice" else b"/"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5) as s:
            s.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
            answer = s.recv(64)
            return answer[9:12] in (b"200", b"202", b"404")
        return False

    def pids(self):
        """Of the receiver, without Redis."""
        pid = self.running[-1].pid
        return [pid] + children(pid)

    def peak_mb(self):
        return sum(status(pid, "VmHWM") for pid in self.pids())

    def rss_mb(self):
        return sum(status(pid, "VmRSS") for pid in self.pids())

    def forget_peak(self):
        for pid in self.pids():
            with open("/proc/%d/clear_refs" % pid, "w", encoding="ascii") as f:
                f.write("5")

    def cpu(self):
        """(receiver, Redis), seconds."""
        return cpu(self.pids()), cpu([self.redis_pid]) if self.redis else 0

    def jobs(self):
        """How many the receiver has stored: as job, in the queue and in the index alike."""
        prefix = "peer:" if self.kind == "fastapi" else "gs:{p0}:"

        def settled():
            """What was in flight when the load ended is either there or not: ask until nothing changes."""
            have = [self.redis("XLEN", prefix + "jobs"), self.redis("ZCARD", prefix + "index")]
            time.sleep(0.1)
            return have[0] if have == [self.redis("XLEN", prefix + "jobs")] * 2 else None
        counted = until(lambda: [n] if (n := settled()) is not None else None, "as many jobs are queued as indexed")
        return counted[0]

    def used_mb(self):
        """Redis's memory."""
        return int(self.redis.info("used_memory")) / 1e6

    def aof_mb(self):
        return int(self.redis.info("aof_current_size")) / 1e6

    def empty(self):
        """Nothing of a run weighs on the next."""
        self.redis("FLUSHALL")

    def close(self):
        for process in reversed(self.running):
            below = children(process.pid)
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pid in below:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        if self.redis:
            self.redis.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def settle(receiver):
    """Waits until Redis has written its file and frees no memory in the background."""
    def quiet():
        info = receiver.redis("INFO").decode()
        return (re.search(r"^aof_pending_bio_fsync:0", info, re.M)
                and re.search(r"^lazyfree_pending_objects:0", info, re.M))
    if receiver.redis:
        until(quiet, "Redis rests", 60)
        time.sleep(1.2)     # of the last second nothing is on the disk yet
        until(quiet, "Redis rests", 60)
    time.sleep(0.2)
