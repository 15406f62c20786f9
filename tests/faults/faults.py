"""What goes wrong, by kind: each does its harm to the cluster, holds it for a while, and heals it.

In:  a cluster and a seeded random number generator. Out: nothing but the harm. A fault waits by Fault.hold, which
ends early when the run does.
"""
import contextlib
import os
import random
import re
import resource
import subprocess
import threading
import time

from cluster import LEASE_MS, NAMES, SANITISED, children, until


class Fault:
    def __init__(self, cluster, rng, stop):
        self.cluster, self.rng, self.stop = cluster, rng, stop

    def hold(self, low_s, high_s):
        self.stop.wait(self.rng.uniform(low_s, high_s))

    def one_of(self, program):
        return "%s-%d" % (program, self.rng.choice((1, 2)))


# Programs.

def kill(program):
    def fault(f):
        name = f.one_of(program)
        f.cluster.kill(name)
        f.hold(0, 2)
        f.cluster.start(name)
    return fault


def restart(program):
    def fault(f):
        name = f.one_of(program)
        f.cluster.stop(name)
        f.hold(0, 1)
        f.cluster.start(name)
    return fault


def freeze(program):
    """Long enough, now and then, that a lease or a timeout passes."""
    def fault(f):
        pids = f.cluster.freeze(f.one_of(program))
        try:
            f.hold(0.2, LEASE_MS * 2 / 1000)
        finally:
            f.cluster.thaw(pids)
    return fault


def reloaded(program):
    """SIGHUP in the middle of work, once or in a burst, with a source that comes or goes."""
    def fault(f):
        with open(f.cluster.config, encoding="utf-8") as settings:
            text = settings.read()
        more = "[source passing]\nsecret = open sesame\n"
        text = text.replace(more, "") if more in text else text + more
        with open(f.cluster.config + ".new", "w", encoding="utf-8") as settings:
            settings.write(text)
        os.rename(f.cluster.config + ".new", f.cluster.config)
        for _ in range(f.rng.randint(1, 5)):
            f.cluster.reload(f.one_of(program))
            f.hold(0, 0.3)
    return fault


def transform_killed(f):
    for _ in range(f.rng.randint(1, 3)):
        supervisor = f.cluster.running[f.one_of("worker")].pid
        below = children(supervisor)
        if below:
            os.kill(f.rng.choice(below), 9)
        f.hold(0.1, 0.8)


def limited(pids, low_s, high_s, f):
    """They keep the memory that they have, and get next to none besides."""
    before = {}
    try:
        for pid in pids:
            with contextlib.suppress(OSError):      # it ended
                with open("/proc/%d/status" % pid, encoding="ascii") as status:
                    has = int(re.search(r"VmData:\s+(\d+) kB", status.read()).group(1)) * 1024
                before[pid] = resource.prlimit(pid, resource.RLIMIT_DATA)
                resource.prlimit(pid, resource.RLIMIT_DATA, (has + f.rng.choice((0, 65536, 1 << 20)),
                                                             before[pid][1]))
        f.hold(low_s, high_s)
    finally:
        for pid, limit in before.items():
            with contextlib.suppress(OSError):
                resource.prlimit(pid, resource.RLIMIT_DATA, limit)


def starved(program):
    def fault(f):
        name = f.one_of(program)
        process = f.cluster.running[name]
        until(lambda: f.cluster.has_begun(name), name + " begins", 60)
        limited([process.pid], 0.5, 3, f)
    return fault


def transform_starved(f):
    """One of the processes that work; who watches over them goes on, and starts another if it ends."""
    below = children(f.cluster.running[f.one_of("worker")].pid)
    limited([f.rng.choice(below)] if below else [], 0.5, 3, f)


def rolling_restart(f):
    """As docs/operations.md has it: workers, then couriers, then servers, one at a time."""
    for program in ("worker", "courier", "server"):
        for i in (1, 2):
            f.cluster.stop("%s-%d" % (program, i))
            f.cluster.start("%s-%d" % (program, i))


# Redis.

def redis_killed(f):
    c = f.cluster
    c.kill(c.primary)
    f.hold(0, 2)
    c.start_redis(c.primary, loading_s=f.rng.choice((0, 0, 2)))


def redis_restarted(f):
    c = f.cluster
    process = c.gone(c.primary)
    process.terminate()
    process.wait()
    f.hold(0, 1)
    c.start_redis(c.primary, loading_s=f.rng.uniform(0.5, 3))


def redis_frozen(f):
    pids = f.cluster.freeze(f.cluster.primary)
    try:
        f.hold(0.2, 4)
    finally:
        f.cluster.thaw(pids)


def failover(f):
    """The replica becomes the primary. Until they are told, the programs ask a Redis that is READONLY now."""
    c = f.cluster
    c.wait_for_replica()
    c.ask(c.primary, "FAILOVER", "TO", "127.0.0.1", c.ports[c.replica], "TIMEOUT", 10000)
    until(lambda: c.info(c.replica, "role") == "master" and c.info(c.primary, "role") == "slave",
          "the replica has taken over", 60)
    c.primary, c.replica = c.replica, c.primary
    f.hold(0, 2)
    c.point_at_primary()
    if f.rng.random() < 0.5:
        c.ask(c.replica, "CLIENT", "KILL", "TYPE", "normal")


def replica_killed(f):
    c = f.cluster
    c.kill(c.replica)
    f.hold(0, 2)
    c.start_redis(c.replica)
    c.ask(c.replica, "REPLICAOF", "127.0.0.1", c.ports[c.primary])


def memory_full(f):
    c = f.cluster
    used = int(c.info(c.primary, "used_memory"))
    c.ask(c.primary, "CONFIG", "SET", "maxmemory", used + f.rng.choice((0, 100_000, 1_000_000)))
    try:
        f.hold(1, 5)
    finally:
        c.ask(c.primary, "CONFIG", "SET", "maxmemory", 0)


def disk_full(f):
    """With everysec Redis stays, and refuses to write (MISCONF); with always it would end itself."""
    c = f.cluster
    path = os.path.join(c.dir, c.primary)
    c.ask(c.primary, "CONFIG", "SET", "appendfsync", "everysec")
    filler = os.path.join(path, "filler")
    pid = c.running[c.primary].pid
    if path in c.mounted:
        subprocess.run(["dd", "if=/dev/zero", "of=" + filler, "bs=1M"], stderr=subprocess.DEVNULL, check=False)
        with open(filler, "ab") as rest:
            try:
                while True:
                    os.write(rest.fileno(), b"\0" * 512)
            except OSError:
                pass
    else:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    try:
        c.ask(c.primary, "SET", "fault:full", "x")
    except RuntimeError:
        pass
    f.hold(1, 4)
    if path in c.mounted:
        os.unlink(filler)
    else:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def writes_again():
        try:
            return c.ask(c.primary, "DEL", "fault:full") >= 0 and c.info(c.primary, "aof_last_write_status") == "ok"
        except RuntimeError:
            return False
    until(writes_again, "Redis writes again", 60)

    def begins():
        try:
            return c.ask(c.primary, "BGREWRITEAOF")
        except RuntimeError:    # one of its own is in progress, and may have begun before the hole
            return None
    # As docs/operations.md has it: Redis may have left a hole in the file, and would not start with it.
    until(begins, "Redis begins to write the file anew", 60)
    until(lambda: c.info(c.primary, "aof_rewrite_in_progress") == "0" and
          c.info(c.primary, "aof_rewrite_scheduled") == "0" and
          c.info(c.primary, "aof_last_bgrewrite_status") == "ok", "the append-only file is written anew", 60)
    c.ask(c.primary, "CONFIG", "SET", "appendfsync", "always")


def scripts_lost(f):
    f.cluster.ask(f.cluster.primary, "SCRIPT", "FLUSH")


def group_lost(stream, group):
    def fault(f):
        f.cluster.ask(f.cluster.primary, "XGROUP", "DESTROY", "gs:{p0}:" + stream, group)
    return fault


def trimmed(stream):
    def fault(f):
        f.cluster.ask(f.cluster.primary, "XTRIM", "gs:{p0}:" + stream, "MAXLEN", f.rng.choice((0, 0, 3)))
    return fault


def clients_killed(f):
    f.cluster.ask(f.cluster.primary, "CLIENT", "KILL", "TYPE", "normal")


# The network.

def network(mode, low_s, high_s, **more):
    def fault(f):
        names = [n for n in NAMES if f.rng.random() < 0.4] or [f.rng.choice(NAMES)]
        for name in names:
            f.cluster.link(name, mode, **{k: f.rng.choice(v) for k, v in more.items()})
        try:
            f.hold(low_s, high_s)
        finally:
            for name in names:
                f.cluster.link(name, "pass")
    return fault


TO_PROGRAMS = {
    "server killed": kill("server"), "server frozen": freeze("server"), "server restarted": restart("server"),
    "transform process killed": transform_killed, "transform process starved of memory": transform_starved,
    "server starved of memory": starved("server"), "courier starved of memory": starved("courier"),
    "worker killed": kill("worker"), "worker frozen": freeze("worker"), "worker restarted": restart("worker"),
    "courier killed": kill("courier"), "courier frozen": freeze("courier"), "courier restarted": restart("courier"),
    "rolling restart": rolling_restart,
    "server reloaded": reloaded("server"), "worker reloaded": reloaded("worker"),
    "courier reloaded": reloaded("courier"),
}

if SANITISED:   # they end a program that has no memory, whatever it would have done itself
    TO_PROGRAMS = {k: v for k, v in TO_PROGRAMS.items() if "starved" not in k}

TO_REDIS = {
    "Redis killed": redis_killed, "Redis restarted": redis_restarted, "Redis frozen": redis_frozen,
    "failover to the replica": failover, "replica killed": replica_killed,
    "memory full": memory_full, "disk full": disk_full,
    "scripts lost": scripts_lost, "group of jobs lost": group_lost("jobs", "workers"),
    "group of the outbox lost": group_lost("outbox", "couriers"),
    "group of chunks lost": group_lost("chunks", "workers"), "group of splits lost": group_lost("splits", "workers"),
    "jobs trimmed": trimmed("jobs"), "outbox trimmed": trimmed("outbox"),
    "chunks trimmed": trimmed("chunks"), "splits trimmed": trimmed("splits"),
    "connections dropped by Redis": clients_killed,
    "cut in mid-reply": network("cut", 0.5, 3, bytes=(100, 2000, 60000)),
    "network away": network("away", 0.2, 3), "network stalls": network("stall", 0.2, 4),
    "network slow": network("slow", 1, 4, ms=(5, 50, 200)), "replies lost": network("mute", 0.2, 3),
}


class Trouble(threading.Thread):
    """Deals faults of one table, kind after kind in an order that the seed decides, until it is told to stop."""

    def __init__(self, cluster, seed, name, table, pause_s, skip=()):
        super().__init__(name=name, daemon=True)
        self.table = {k: v for k, v in table.items() if k not in skip}
        self.rng = random.Random("%s %s" % (name, seed))
        self.stop = threading.Event()
        self.fault = Fault(cluster, self.rng, self.stop)
        self.pause_s = pause_s
        self.done = {k: 0 for k in self.table}
        self.broken = None
        self.began = time.monotonic()

    def run(self):
        deck = []
        try:
            while not self.stop.is_set():
                if not deck:
                    deck = sorted(self.table)
                    self.rng.shuffle(deck)
                kind = deck.pop()
                print("%7.1f s  %s" % (time.monotonic() - self.began, kind), flush=True)
                self.table[kind](self.fault)
                self.done[kind] += 1
                self.fault.hold(*self.pause_s)
        except Exception as e:      # the run ends with it, and says so
            self.broken = e
            raise
