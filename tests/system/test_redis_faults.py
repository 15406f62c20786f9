"""What Redis can do to its clients, one at a time: each has a defined outcome (docs/operations.md)."""
import contextlib
import glob
import hashlib
import hmac
import os
import re
import resource
import socket
import threading
import time
import unittest

from harness import ROOT, SANITISED, SOUND, Redis, Stack, children, collection, mixed, until

MEASURED_S = 4
UNKNOWN = "/v1/jobs/0-00000000000000000000000000"


def cpu_s(pids):
    """User and system time of processes so far."""
    total = 0
    for pid in pids:
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


class RedisFaults(unittest.TestCase):
    def setUp(self):
        self.stack = Stack(environ={"GEOSLUICE_WORKER_CHUNK_FEATURES": "200"})
        self.addCleanup(self.stack.close)

    def ready(self):
        until(lambda: self.stack.get("/readyz").status == 200, "the server is ready")

    def post(self, n=20000):
        body, rejected = mixed(n)
        answer = self.stack.post("acme", body)
        self.assertEqual(answer.status, 202, answer)
        return answer.json()["jobID"], n, rejected

    def begun(self, job):
        until(lambda: self.stack.job(job)["counts"]["features"] > 0, "job %s has begun" % job)

    def ends_once(self, job, features, rejected):
        info = self.stack.wait_for(job)
        self.assertEqual(info["status"], "successful", info)
        counts = info["counts"]
        self.assertEqual((counts["features"], counts["rejected"]), (features, rejected))
        results = self.stack.get("/v1/jobs/%s/results" % job, "application/geo+json-seq").lines()
        self.assertEqual(len(results), features - rejected)
        until(lambda: self.stack.job(job).get("callback", {}).get("outcome") == "delivered", "the callback came")
        self.assertEqual(len({c.headers["webhook-id"] for c in self.stack.receiver.about(job)}), 1)

    def one_more_passes(self):
        def posted():
            answer = self.stack.post("acme", collection(SOUND), delivery="msg_once_more")
            return answer if answer.status == 202 else None
        answer = until(posted, "a document is taken")
        self.ends_once(answer.json()["jobID"], 1, 0)

    def test_nothing_spins_while_redis_is_away(self):
        pids = [self.stack.pid(n) for n in ("server", "worker", "courier")]
        pids += children(self.stack.pid("worker"))
        self.stack.kill("redis")
        until(lambda: self.stack.get("/readyz").status == 503, "the server has noticed")
        before = cpu_s(pids)
        time.sleep(MEASURED_S)      # what is measured is what they use in this time
        used = cpu_s(pids) - before
        self.assertLess(used, MEASURED_S * (0.5 if SANITISED else 0.05), "of %d processes" % len(pids))
        self.stack.start_redis()
        self.ready()
        self.one_more_passes()

    def test_a_redis_that_became_a_replica_is_not_believed(self):
        job, *_ = self.post(20)
        self.stack.wait_for(job)
        asked = 0
        for _ in range(20):     # a server that looks at Redis at this very moment leaves no time to ask
            self.ready()
            self.stack.redis("REPLICAOF", "127.0.0.1", "1")
            while self.stack.get("/readyz").status == 200:
                self.assertEqual(self.stack.get(UNKNOWN).status, 503)
                asked += 1
            if asked > 0:
                break
            self.stack.redis("REPLICAOF", "NO", "ONE")
        self.assertGreater(asked, 0)
        self.assertEqual(self.stack.post("acme", collection(SOUND)).status, 503)
        self.stack.redis("REPLICAOF", "NO", "ONE")
        self.ready()
        self.assertEqual(self.stack.get(UNKNOWN).status, 404)
        self.one_more_passes()

    def test_a_failover_in_mid_job(self):
        job, *want = self.post()
        self.begun(job)
        self.stack.redis("REPLICAOF", "127.0.0.1", "1")
        until(lambda: "READONLY" in self.stack.log("worker"), "the worker has noticed")
        self.stack.redis("REPLICAOF", "NO", "ONE")
        self.ready()
        self.ends_once(job, *want)

    def test_memory_is_full_in_mid_job(self):
        job, *want = self.post()
        self.begun(job)
        self.stack.redis("CONFIG", "SET", "maxmemory", "1mb")
        until(lambda: "OOM" in self.stack.log("worker"), "the worker has noticed")
        self.assertEqual(self.stack.post("acme", collection(SOUND)).status, 503)
        self.assertEqual(self.stack.get("/v1/jobs/" + job).status, 200)
        self.stack.redis("CONFIG", "SET", "maxmemory", "0")
        self.ends_once(job, *want)
        self.one_more_passes()

    def test_a_job_can_be_dismissed_while_memory_is_full(self):
        job, *_ = self.post()
        self.begun(job)
        self.stack.redis("CONFIG", "SET", "maxmemory", "1mb")
        self.assertEqual(self.stack.request("DELETE", "/v1/jobs/" + job).status, 200)
        self.assertEqual(self.stack.redis("EXISTS", "gs:{p0}:raw:" + job), 0)
        self.stack.redis("CONFIG", "SET", "maxmemory", "0")

    def test_the_disk_is_full_in_mid_job(self):
        job, *want = self.post()
        self.begun(job)
        resource.prlimit(self.stack.pid("redis"), resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        until(lambda: "MISCONF" in self.stack.log("worker"), "the worker has noticed")
        self.assertEqual(self.stack.post("acme", collection(SOUND)).status, 503)
        self.assertEqual(self.stack.get("/v1/jobs/" + job).status, 200)
        resource.prlimit(self.stack.pid("redis"), resource.RLIMIT_FSIZE,
                         (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.ends_once(job, *want)
        self.one_more_passes()

    def test_groups_and_scripts_are_lost_in_mid_job(self):
        job, *want = self.post()
        self.begun(job)
        self.stack.redis("XGROUP", "DESTROY", "gs:{p0}:jobs", "workers")
        self.stack.redis("XGROUP", "DESTROY", "gs:{p0}:outbox", "couriers")
        self.stack.redis("SCRIPT", "FLUSH")
        self.ends_once(job, *want)

    def test_the_stream_of_jobs_is_trimmed(self):
        self.stack.stop("worker")
        job, *want = self.post(20)
        self.stack.redis("XTRIM", "gs:{p0}:jobs", "MAXLEN", "0")
        self.stack.start("worker")
        self.ends_once(job, *want)
        self.assertIn("event=work_put_back", self.stack.log("worker"))
        until(lambda: b"geosluice_janitor_jobs_put_back_total 1\n" in self.stack.get("/metrics").body, "it is counted")

    def test_the_outbox_is_trimmed(self):
        self.stack.stop("courier")
        job, *want = self.post(20)
        self.stack.wait_for(job)
        self.stack.redis("XTRIM", "gs:{p0}:outbox", "MAXLEN", "0")
        self.stack.start("courier")
        self.ends_once(job, *want)

    def test_a_queue_that_grows_shuts_the_door_until_it_is_worked_off(self):
        self.stack.stop("worker")
        with open(self.stack.config) as f:
            text = f.read()
        with open(self.stack.config, "w") as f:
            f.write(text.replace("[redis]\n", "[redis]\nmax_queued_jobs = 20\n"))
        self.stack.stop("server")
        self.stack.start("server")
        jobs = []

        def refused():
            answer = self.stack.post("acme", collection(SOUND))
            if answer.status == 202:
                jobs.append(answer.json()["jobID"])
            return answer if answer.status != 202 else None
        answer = until(refused, "the door is shut")
        self.assertEqual(answer.status, 503, answer)
        self.assertEqual(answer.json()["code"], "STORE_FULL")
        self.assertTrue(int(answer.headers["retry-after"]) > 0)
        self.assertGreaterEqual(len(jobs), 20)
        self.assertEqual(self.stack.get("/readyz").status, 503)
        until(lambda: b"geosluice_queue_jobs %d\n" % len(jobs) in self.stack.get("/metrics").body, "all are counted")
        self.stack.start("worker")
        for job in jobs:
            self.assertEqual(self.stack.wait_for(job)["status"], "successful")
        self.ready()
        self.one_more_passes()

    def test_a_body_is_trimmed(self):
        self.stack.stop("worker")
        job, *_ = self.post()
        self.stack.redis("XTRIM", "gs:{p0}:raw:" + job, "MAXLEN", "1")
        self.stack.start("worker")
        info = self.stack.wait_for(job)
        self.assertEqual((info["status"], info["code"]), ("failed", "BODY_LOST"))
        letters = self.stack.get("/v1/dead-letters?job=" + job).json()["deadLetters"]
        self.assertEqual([d["code"] for d in letters], ["BODY_LOST"])

    def test_connections_are_dropped_again_and_again_in_mid_job(self):
        job, *want = self.post()
        self.begun(job)
        for _ in range(10):
            self.stack.redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        self.ready()
        self.ends_once(job, *want)


class Refused(unittest.TestCase):
    """Without a worker: what is asked stands as it was accepted."""

    def setUp(self):
        # Each reactor judges its Redis by itself.
        self.stack = Stack(start=("server",), environ={"GEOSLUICE_SERVER_THREADS": "1"})
        self.addCleanup(self.stack.close)

    def test_scripts_that_are_lost_are_loaded_and_asked_again(self):
        stack = self.stack
        job = stack.post("acme", collection(SOUND)).json()["jobID"]
        gone = job[:-4] + "0000"    # one that has not ended keeps its letters
        letters = ["0-" + stack.redis("XADD", "gs:{p0}:dead", "*", "v", "1", "kind", "feature", "job", gone, "source",
                                      "acme", "code", "RING_SHORT", "raw", "{}").decode() for _ in range(2)]
        for method, path, status in (("GET", "/v1/jobs", 200), ("GET", "/v1/dead-letters", 200),
                                     ("POST", "/v1/dead-letters/%s/replay" % letters[0], 202),
                                     ("DELETE", "/v1/dead-letters/" + letters[1], 204),
                                     ("DELETE", "/v1/jobs/" + job, 200)):
            stack.redis("SCRIPT", "FLUSH")
            answer = stack.request(method, path)
            self.assertEqual(answer.status, status, (method, path, answer))

    def test_a_redis_that_refuses_transactions_takes_nothing(self):
        """Else the commands of one would be done one by one, and every retry be one job more."""
        stack = self.stack
        stack.redis("ACL", "SETUSER", "default", "-multi")
        until(lambda: stack.get("/readyz").status == 503, "it is noticed")
        before = stack.redis("XLEN", "gs:{p0}:jobs")
        for _ in range(5):
            answer = stack.post("acme", collection(SOUND), delivery="once")
            self.assertEqual(answer.status, 503)
        self.assertEqual(stack.redis("XLEN", "gs:{p0}:jobs"), before)
        stack.redis("ACL", "SETUSER", "default", "+multi")
        until(lambda: stack.get("/readyz").status == 200, "it is ready again")
        self.assertEqual(stack.post("acme", collection(SOUND)).status, 202)


class Cutter:
    """A way to Redis that is cut where Redis says a word, once it is armed: by its owner, or by a request that has the
    cue, ahead of which Redis loses its scripts."""

    def __init__(self, path, redis, word, cue=None):
        self.redis, self.word, self.cue, self.armed, self.cuts = redis, word, cue, False, 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                redis = socket.socket(socket.AF_UNIX)
                redis.connect(self.redis)
                threading.Thread(target=self._pass, args=(client, redis, True), daemon=True).start()
                threading.Thread(target=self._pass, args=(redis, client, False), daemon=True).start()

    def _pass(self, here, there, asks):
        with contextlib.suppress(OSError):
            while data := here.recv(65536):
                if asks and self.cue and self.cue in data:
                    with contextlib.closing(Redis(self.redis)) as redis:
                        redis("SCRIPT", "FLUSH")
                    self.armed = True
                if not asks and self.armed and self.word in data:
                    self.cuts += 1
                    break
                there.sendall(data)
        for sock in (here, there):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()


class Cut(unittest.TestCase):
    def test_a_commit_that_lost_its_script_and_then_its_connection_is_no_second_job(self):
        stack = Stack(start=())
        self.addCleanup(stack.close)
        # Lost for the commit alone: the server looks at Redis twice a second, and would bring its scripts back.
        cutter = Cutter(stack.dir + "/cut.sock", stack.dir + "/redis.sock", b"NOSCRIPT", b":msg_cut")
        self.addCleanup(cutter.close)
        stack.environ = {"GEOSLUICE_SERVER_THREADS": "1", "GEOSLUICE_REDIS": "unix://%s/cut.sock" % stack.dir}
        stack.start("server")
        answer = stack.post("acme", collection(SOUND), delivery="msg_cut")
        self.assertEqual(answer.status, 503)
        self.assertGreater(cutter.cuts, 0)
        cutter.cue, cutter.armed = None, False
        until(lambda: stack.get("/readyz").status == 200, "it is back")
        again = stack.post("acme", collection(SOUND), delivery="msg_cut")
        self.assertEqual(again.status, 202)
        jobs = [k for k in stack.redis.keys() if ":job:" in k]
        self.assertEqual(len(jobs), 2, "the first one lies there")
        stack.environ = {}
        stack.start("worker")
        stack.start("courier")
        job = again.json()["jobID"]
        self.assertEqual(stack.wait_for(job)["status"], "successful")
        until(lambda: "event=work_taken_back jobs=1 " in stack.log("worker"), "it is taken back")
        self.assertEqual([j["jobID"] for j in stack.get("/v1/jobs").json()["jobs"]], [job])
        self.assertEqual([k for k in stack.redis.keys() if ":job:" in k or ":raw:" in k],
                         ["gs:{p0}:job:" + job, "gs:{p0}:raw:" + job])
        self.assertEqual(stack.redis("HGET", "gs:{p0}:room", "queued:acme"), b"0")


    def test_what_is_begun_in_vain_while_redis_is_away_is_no_try(self):
        """Every reply that has the document is cut, and none besides: more often than it may be tried."""
        for split_bytes in 1, 1 << 30:
            with self.subTest(split_bytes):
                stack = Stack(start=("server",))
                self.addCleanup(stack.close)
                cutter = Cutter(stack.dir + "/cut.sock", stack.dir + "/redis.sock", b"is in the document alone")
                self.addCleanup(cutter.close)
                body = collection(*[dict(SOUND, properties={"this": "is in the document alone"})] * 50)
                job = stack.post("acme", body).json()["jobID"]
                stack.environ = {"GEOSLUICE_REDIS": "unix://%s/cut.sock" % stack.dir,
                                 "GEOSLUICE_WORKER_SPLIT_BYTES": str(split_bytes), "GEOSLUICE_WORKER_PROCESSES": "1",
                                 "GEOSLUICE_WORKER_MAX_DELIVERIES": "2"}
                cutter.armed = True
                stack.start("worker")
                until(lambda c=cutter: c.cuts >= 6, "it is begun in vain")
                cutter.armed = False
                self.assertEqual(stack.wait_for(job)["status"], "successful")
                attempts = int(stack.redis("HGET", "gs:{p0}:job:" + job, "attempts"))
                self.assertEqual(attempts, 2 if split_bytes == 1 else 1)    # of who cuts it, too


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def state(stack, job):
    return stack.redis("HGET", "gs:{p0}:job:" + job, "state")


class Crowded(unittest.TestCase):
    """A Redis that takes no more connections (maxclients): it says so, or is gone before it is asked."""

    def test_a_worker_that_finds_no_place_for_a_second_connection_fails_no_document(self):
        stack = Stack(start=("server",), environ={"GEOSLUICE_WORKER_PROCESSES": "1"})
        self.addCleanup(stack.close)
        job = stack.post("acme", collection(SOUND)).json()["jobID"]
        stack.stop("server")
        # A place for the janitor, and one for the messages, but none for the body.
        until(lambda: stack.redis.info("connected_clients") == "1", "the server's connections are gone")
        stack.redis("CONFIG", "SET", "maxclients", "3")
        stack.start("worker")
        until(lambda: re.search("redis_away|worker_ends", stack.log("worker")), "a connection was refused")
        time.sleep(5)       # in which it ended five times, and tried the document each time
        stack.redis("CONFIG", "SET", "maxclients", "1000")
        until(lambda: state(stack, job) in (b"successful", b"failed"), "it ends")
        self.assertEqual(state(stack, job), b"successful")


class Forbidden(unittest.TestCase):
    """A Redis whose user may not do all that a server needs (ACL): found out at once, and said in words."""

    SOURCE = "[source safe]\nscheme = github\nsecret = open sesame\nack = replica\n"

    def setUp(self):
        self.stack = Stack(self.SOURCE, start=(), environ={"GEOSLUICE_SERVER_THREADS": "1"})
        self.addCleanup(self.stack.close)
        self.redis = self.stack.redis
        port = self.redis.listen()
        self.redis("ACL", "SETUSER", "geo", "on", ">of geo", "~gs:*", "+@all", "-@admin", "-@dangerous", "+info",
                   "+role")
        self.stack.environ["GEOSLUICE_REDIS"] = "redis://geo:of%%20geo@127.0.0.1:%d/0" % port

    def user(self, *rules):
        self.redis("ACL", "SETUSER", "geo", *rules)

    def ready(self):
        answer = self.stack.get("/readyz")
        return answer.status == 200 or answer.json()["detail"]

    def test_a_user_without_rights_that_are_not_needed_does(self):
        self.stack.start("server")
        self.assertEqual(self.stack.post("acme", collection(SOUND)).status, 202)

    def test_one_that_refuses_what_only_metrics_need_is_up(self):
        self.user("-zcard")
        self.stack.start("server")
        text = self.stack.get("/metrics").body.decode()
        self.assertIn("\ngeosluice_redis_up 1\n", text)
        self.assertIn("\ngeosluice_jobs_waiting 0\n", text)
        self.assertNotIn("geosluice_uploads_staged", text)

    def test_what_it_may_not_is_named_and_nothing_is_taken(self):
        self.stack.start("server")
        for command in ("xadd", "hset", "evalsha", "multi", "exec", "info", "role"):
            with self.subTest(command):
                self.user("-" + command)
                if command == "role":       # asked where something is missing
                    self.assertEqual(self.stack.get("/v1/jobs/0-00000000000000000000000000").status, 503)
                if command in ("xadd", "hset"):     # looked at every 30 s, and once it was refused
                    self.assertEqual(self.stack.post("acme", collection(SOUND)).status, 503)
                words = until(lambda: self.ready() is not True and self.ready(), "it is noticed")
                self.assertIn("NOPERM", str(words))
                self.assertIn(command, str(words).lower())
                answer = self.stack.post("acme", collection(SOUND))
                self.assertEqual(answer.status, 503)
                self.assertEqual(answer.json()["code"], "STORE_UNAVAILABLE")
                self.assertIn(command, answer.json()["detail"].lower())
                self.user("+" + command)
                until(lambda: self.ready() is True, "it is ready again")
        self.assertEqual(self.redis("XLEN", "gs:{p0}:jobs"), 0)
        self.assertEqual(self.stack.post("acme", collection(SOUND)).status, 202)

    def test_it_is_found_when_the_connection_is_made(self):
        for rules, word in ((("-script",), "script"), (("-hincrby", "-xrange", "-role"), "hincrby, xrange, role"),
                            (("resetkeys", "~other:*"), "noperm")):
            with self.subTest(rules):
                self.user(*rules)
                self.stack.start("server", ready=False)
                until(lambda: word in str(self.ready()).lower(), "it says so")
                self.assertEqual(self.stack.post("acme", collection(SOUND)).status, 503)
                self.user("+script", "+hincrby", "+xrange", "+role", "resetkeys", "~gs:*")
                until(lambda: self.ready() is True, "it is ready")
                self.assertEqual(self.stack.stop("server"), 0)

    def test_who_it_is_stays_in_the_log(self):
        """What newer ones say: NOPERM User geo has no permissions to run the 'hset' command."""
        said = r'"NOPERM [^"]*(user|User geo) has no permissions to run the .script'
        self.user("-script")
        self.stack.start("server", ready=False)
        until(lambda: "NOPERM" in str(self.ready()), "it says so")
        until(lambda: re.search(said, self.stack.log("server")), "it is logged")
        self.user("+script", "-info")
        until(lambda: "info" in str(self.ready()), "it says so")
        until(lambda: re.search(said.replace("script", "info"), self.stack.log("server")), "it is logged")
        for detail in self.ready(), self.stack.post("acme", collection(SOUND)).json()["detail"]:
            self.assertEqual(detail, "NOPERM Redis lets this user not run: info")
        self.user("resetkeys", "~other:*", "+info")
        until(lambda: "not use the keys gs:*" in str(self.ready()), "it says so")

    def test_a_level_that_it_may_not_wait_for_cannot_be_had(self):
        replica = Redis(self.stack.dir + "/redis.sock")
        self.addCleanup(replica.close)
        replica.sock.sendall(b"SYNC\r\n")      # one that never acknowledges anything
        until(lambda: self.redis.info("connected_slaves") == "1", "it is one")
        for command in "wait", "incr":
            with self.subTest(command):
                self.user("-" + command)
                self.stack.start("server")
                until(lambda: 'level=replica reason="NOPERM Redis lets this user not run: %s"' % command.upper()
                      in self.stack.log("server"), "it is logged")
                self.assertEqual(self.stack.post("acme", collection(SOUND), delivery=command).status, 202)
                jobs = self.redis("XLEN", "gs:{p0}:jobs")
                body = collection(SOUND)
                sign = hmac.new(b"open sesame", body, hashlib.sha256).hexdigest()
                answer = self.stack.post("safe", body, signed={"X-Hub-Signature-256": "sha256=" + sign})
                self.assertEqual((answer.status, answer.json()["code"]), (503, "ACK_UNAVAILABLE"))
                self.assertEqual(self.redis("XLEN", "gs:{p0}:jobs"), jobs, "it makes no job")
                self.user("+" + command)
                self.assertEqual(self.stack.stop("server"), 0)

    def looks(self, more):
        """Until it has looked so often again at what Redis is."""
        def calls():
            return int(re.search(r"^cmdstat_hgetall:calls=(\d+)", self.redis("INFO", "commandstats").decode(),
                                 re.M).group(1))
        before = calls()
        until(lambda: calls() >= before + more, "it looks")

    def errors(self):
        return int(self.redis.info("total_error_replies"))

    def test_it_makes_no_errors_while_all_is_well(self):
        self.stack.start("server")
        self.looks(2)
        before = self.errors()
        self.looks(6)
        self.assertEqual(self.errors(), before, self.redis("INFO", "errorstats"))
        self.user("-hset")
        self.assertEqual(self.stack.post("acme", collection(SOUND)).status, 503)
        until(lambda: "HSET" in str(self.ready()), "one doubt is enough")
        self.user("+hset")
        until(lambda: self.ready() is True, "it is looked at again until it is well")
        self.looks(2)
        before = self.errors()
        self.looks(6)
        self.assertEqual(self.errors(), before)

    def test_each_command_of_the_list_is_tried(self):
        script = read("schema/may.lua")
        names = re.findall(r"\{'([A-Z]+)', key|\{'(XINFO)'", script)
        names = [a or b for a, b in names]
        as_user = Redis(self.stack.dir + "/redis.sock")
        self.addCleanup(as_user.close)
        as_user("AUTH", "geo", "of geo")

        def refused():
            return [n.decode() for n in as_user("EVAL", script, "1", "gs:{p0}:probe")]
        self.assertEqual(refused(), [])
        for name in names:
            with self.subTest(name):
                self.user("-" + name.lower())
                self.assertEqual(refused(), [name])
                self.user("+" + name.lower())
        self.assertEqual(refused(), [])
        self.assertEqual(self.redis.keys(), [], "it leaves nothing")

    def test_the_list_is_whole(self):
        """All that the server's scripts call, and all commands that stand in its sources."""
        tried = set(re.findall(r"\{'([A-Z]+)'", read("schema/may.lua")))
        lists = re.findall(r"redis_script \*const \w+\[\] = \{(.*?)\}", read("server/reactor.c"), re.S)
        scripts = set(re.findall(r"script_(\w+)", "".join(lists))) - {"may"}
        self.assertGreater(len(scripts), 10)
        called = {n for s in scripts for n in re.findall(r"call\('([A-Z]+)'", read("schema/%s.lua" % s))}
        sent = {n for path in glob.glob(os.path.join(ROOT, "server", "*.c"))
                for n in re.findall(r'cmd_(?:line|str)\([^;"]*"([A-Z]{3,})"', read(path))}
        self.assertTrue({"XADD", "HGETALL", "WAITAOF"} <= sent, sent)
        # Asked by themselves, or not needed; and a word of XADD's.
        elsewhere = {"PING", "INFO", "CONFIG", "WAIT", "WAITAOF", "NOMKSTREAM"}
        beside = set(re.findall(r'cmd_line\([^;"]*"([A-Z]+)"', re.search(
            r"^static void ask_rights.*?^}", read("server/judgement.c"), re.S | re.M).group()))
        self.assertEqual(beside, {"INCR", "ROLE", "WAIT", "WAITAOF"})
        self.assertEqual((called | sent) - tried - beside - elsewhere, set())
        self.assertEqual(tried - called - sent, set(), "what nobody calls is not needed")


if __name__ == "__main__":
    unittest.main()
