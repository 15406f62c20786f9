"""Two Redis, a bad network, and two of each program, all in one folder: to be hurt and to be healed.

In:  BUILD (where the programs are). Out: a Cluster. Everything it starts it also ends, by process id.

   server-1 server-2   worker-1 worker-2   courier-1 courier-2
        └────────┴───────── proxy ──┴──────────┴────┘
                      ┌───────┴───────┐
                  redis a ──replica── redis b
"""
import concurrent.futures
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))
from harness import BUILD, SANITISED, SECRETS, Redis, children, is_alive, until   # noqa: E402

PROGRAMS = ("server", "worker", "courier")
NAMES = ["%s-%d" % (p, i) for p in PROGRAMS for i in (1, 2)]
DISK_MB = 512
SPLIT_BYTES = 131072       # so that what is called large fits a run of minutes
LEASE_MS = 8000 if SANITISED else 2000
GRACE_S = 5
PR_SET_PDEATHSIG = 1

CONFIG = """
[server]
listen = 127.0.0.1:0
threads = 2
segment_bytes = 16384
grace_s = {grace}
[redis]
timeout_ms = {timeout}
retention_s = {retention}
raw_retention_s = {raw}
dead_retention_s = {dead}
dedupe_s = {dead}
staging_timeout_s = 5
[worker]
processes = 2
lease_ms = {lease}
feature_timeout_ms = {feature}
chunk_features = 200
chunk_bytes = 65536
split_bytes = {split}
chunks_outstanding = 4
max_deliveries = 8
grace_s = {grace}
[courier]
allow = 127.0.0.0/8
timeout_ms = 1500
backoff_min_ms = 50
backoff_max_ms = 1000
max_attempts = 1000
lease_ms = {lease}
grace_s = {grace}
[source acme]
secret = {acme}
callback_url = {callback}
[source metric]
secret = {metric}
target_crs = EPSG:3857
callback_url = {callback}
[source hub]
scheme = github
secret = {hub}
callback_url = {callback}
callback_secret = {acme}
[source quiet]
secret = {small}
"""


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Cluster:
    def __init__(self, folder, callback_url, retention_s):
        self.dir = folder
        self.lock = threading.RLock()       # over what runs and where
        self.running = {}
        self.began = {}                     # how long the log of each was when it started
        self.addresses = {}                 # of servers that are up
        self.odd = []                       # what ended that should not have, and the like
        self.mounted = []
        self.ports = {"redis-a": free_port(), "redis-b": free_port()}
        self.primary, self.replica = "redis-a", "redis-b"
        # "Parent" is the thread: who starts a child that is to die with its parent has to live as long as the run.
        self.nursery = concurrent.futures.ThreadPoolExecutor(max_workers=1)
        self.config = os.path.join(folder, "geosluice.ini")
        with open(self.config, "w") as f:
            f.write(CONFIG.format(
                grace=GRACE_S, timeout=8000 if SANITISED else 1500, retention=retention_s, lease=LEASE_MS,
                raw=max(retention_s // 3, 1), dead=retention_s + 15, feature=LEASE_MS // 2, split=SPLIT_BYTES,
                callback=callback_url, **SECRETS))
        for p in PROGRAMS:      # what is built meanwhile is of no concern to a run that takes hours
            shutil.copy(os.path.join(BUILD, "geosluice-" + p), folder)
        for name in self.ports:
            self.make_disk(name)
            self.start_redis(name)
        self.ask(self.replica, "REPLICAOF", "127.0.0.1", self.ports[self.primary])
        self.wait_for_replica()
        self.proxy = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "proxy.py"), folder, *NAMES], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        assert self.proxy.stdout.readline() == "ok\n"
        self.point_at_primary()
        for name in NAMES:
            self.start(name)

    # Redis.

    def make_disk(self, name):
        """A small disk of its own where that is allowed, so that it can be filled."""
        path = os.path.join(self.dir, name)
        os.mkdir(path)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dm" % DISK_MB, "tmpfs", path],
                              stderr=subprocess.DEVNULL, check=False)
        if done.returncode == 0:
            self.mounted.append(path)

    def socket_of(self, name):
        return os.path.join(self.dir, name, "redis.sock")

    def start_redis(self, name, loading_s=0):
        """loading_s: how long, at the least, it is there and LOADING (if it has anything to load)."""
        self.spawn(name, [
            "redis-server", "--port", str(self.ports[name]), "--bind", "127.0.0.1", "--unixsocket",
            self.socket_of(name), "--dir", os.path.join(self.dir, name), "--appendonly", "yes",
            "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no",
            "--repl-diskless-sync-delay", "0", "--key-load-delay", "2000" if loading_s else "0",
            "--loading-process-events-interval-bytes", "1024"])
        if loading_s:
            time.sleep(loading_s)
            until(lambda: self.hurried(name), name + " loads", 120)
        until(lambda: self.loaded(name), name + " has loaded", 120)

    def hurried(self, name):
        try:
            return self.ask(name, "CONFIG", "SET", "key-load-delay", "0") == "OK"
        except (OSError, RuntimeError):
            return False

    def loaded(self, name):
        try:
            return self.ask(name, "PING") == "PONG"
        except (OSError, RuntimeError):
            return False

    def ask(self, name, *args):
        connection = Redis(self.socket_of(name))
        try:
            return connection(*args)
        finally:
            connection.close()

    def info(self, name, field):
        return re.search(r"^%s:(.*?)\r?$" % field, self.ask(name, "INFO").decode(), re.M).group(1)

    def wait_for_replica(self):
        """Waits until the replica has all that the primary has."""
        def same():
            try:
                return (self.info(self.replica, "master_link_status") == "up" and
                        self.info(self.replica, "master_repl_offset") == self.info(self.primary, "master_repl_offset"))
            except (OSError, RuntimeError, AttributeError):
                return False
        until(same, "the replica has caught up", 120)

    # The network.

    def order(self, **what):
        with self.lock:
            self.proxy.stdin.write(json.dumps(what) + "\n")
            self.proxy.stdin.flush()
            assert self.proxy.stdout.readline() == "ok\n"

    def link(self, name, mode, **more):
        self.order(link=name, mode=mode, **more)

    def point_at_primary(self):
        self.order(upstream=self.socket_of(self.primary))

    # The programs.

    def spawn(self, name, argv, **environ):
        env = {k: v for k, v in os.environ.items() if not k.startswith("GEOSLUICE_")}
        env.update(environ)
        with open(self.log_path(name), "ab") as log, self.lock:
            # Redis keeps SIGXFSZ ignored, as Python has it: a file that may not grow is an error, not the end.
            self.running[name] = self.nursery.submit(
                subprocess.Popen, argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir, env=env,
                preexec_fn=die_with_parent, restore_signals=not name.startswith("redis")).result()

    def start(self, name):
        at = os.path.getsize(self.log_path(name)) if os.path.exists(self.log_path(name)) else 0
        self.began[name] = at
        self.spawn(name, [os.path.join(self.dir, "geosluice-" + name.split("-")[0]), "--config", self.config],
                   GEOSLUICE_REDIS="unix://%s/%s.sock" % (self.dir, name))
        if name.startswith("server"):
            found = until(lambda: re.search(r"event=listening .*?addr=\"?127\.0\.0\.1:(\d+)", self.log(name, at)),
                          name + " listens", 60)
            with self.lock:
                self.addresses[name] = ("127.0.0.1", int(found.group(1)))

    def log_path(self, name):
        return os.path.join(self.dir, name + ".log")

    def log(self, name, at=0):
        with open(self.log_path(name), errors="replace") as f:
            f.seek(at)
            return f.read()

    def has_begun(self, name):
        """Its first words are said. Before them it has begun nothing, and may end as it likes."""
        return re.search("event=(started|listening)", self.log(name, self.began[name])) is not None

    def gone(self, name):
        """Takes it from what runs; its process."""
        with self.lock:
            self.addresses.pop(name, None)
            return self.running.pop(name)

    def kill(self, name):
        process = self.gone(name)
        below = children(process.pid)
        process.kill()
        process.wait()
        self.see_them_end(name, below)

    def stop(self, name):
        """SIGTERM: it has to end in order, within its grace time, and to leave nothing behind."""
        process = self.gone(name)
        below = children(process.pid)
        process.terminate()
        try:
            code = process.wait(60 if SANITISED else GRACE_S + 5)
        except subprocess.TimeoutExpired:
            self.odd.append("%s does not end on SIGTERM" % name)
            process.kill()
            code = process.wait()
        early = code == -signal.SIGTERM and not self.has_begun(name)
        if code not in (0, -signal.SIGKILL) and not early:
            self.odd.append("%s ended with %d on SIGTERM:\n%s" % (name, code, self.log(name, self.began[name])[-2000:]))
        self.see_them_end(name, below)

    def see_them_end(self, name, pids):
        for pid in pids:
            try:
                until(lambda pid=pid: not is_alive(pid), "", GRACE_S + 5)
            except AssertionError:
                self.odd.append("%s left process %d behind" % (name, pid))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def reload(self, name):
        with self.lock:
            self.running[name].send_signal(signal.SIGHUP)

    def freeze(self, name):
        with self.lock:
            pid = self.running[name].pid
        pids = [pid] + children(pid)
        for p in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(p, signal.SIGSTOP)
        return pids

    @staticmethod
    def thaw(pids):
        for p in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(p, signal.SIGCONT)

    def look(self):
        """Notes programs that ended by themselves, and starts them again."""
        with self.lock:
            ended = [(n, p.poll()) for n, p in self.running.items() if p.poll() is not None]
            for name, _ in ended:
                self.gone(name)
        for name, code in ended:
            self.odd.append("%s ended by itself with %d:\n%s" % (name, code, self.log(name)[-600:]))
            if name in NAMES:
                self.start(name)
            else:
                self.start_redis(name)

    def server_addresses(self):
        with self.lock:
            return list(self.addresses.values())

    def reports(self):
        """What sanitisers said."""
        return [m.group(0) for n in NAMES for m in re.finditer(
            r"^.*(ERROR: \w+Sanitizer|runtime error:).*(?:\n.*){0,25}", self.log(n), re.M)]

    def close(self):
        for name in reversed(NAMES):
            if name in self.running:
                with contextlib.suppress(OSError):
                    self.thaw([self.running[name].pid])
                self.stop(name)
        if hasattr(self, "proxy"):
            self.proxy.stdin.close()
            self.proxy.wait()
        for name in self.ports:
            if name in self.running:
                self.kill(name)
        for path in self.mounted:
            subprocess.run(["umount", path], check=False)
