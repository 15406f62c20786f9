"""`geosluice up`: everything by one command, and nothing left behind."""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
import urllib.request

from harness import BUILD, PATIENCE_S, children, collection, is_alive, until
from harness import BOW_TIE, FAR_AWAY, SECRETS, SOUND
from test_tls import make_certificate

GEOSLUICE = os.path.join(BUILD, "geosluice")
ENVIRON = {k: v for k, v in os.environ.items() if not k.startswith("GEOSLUICE_")}


class Up:
    def __init__(self, folder, config=None, out=None):
        self.folder = folder
        self.ready_file = os.path.join(folder, "ready")
        self.log = open(os.path.join(folder, "up.log"), "ab")
        argv = [GEOSLUICE, "up", "--dir", os.path.join(folder, "var"), "--ready-file", self.ready_file]
        self.process = subprocess.Popen(
            argv + (["--config", config] if config else []), stdin=subprocess.DEVNULL, stdout=out or self.log,
            stderr=out or self.log, env=dict(ENVIRON, GEOSLUICE_LISTEN="127.0.0.1:0"), cwd=folder)

    def said(self):
        with open(self.log.name, errors="replace") as f:
            return f.read()

    def url(self):
        """Once it is ready; the empty string before."""
        with contextlib.suppress(FileNotFoundError), open(self.ready_file) as f:
            return f.read().strip()
        if self.process.poll() is not None:
            raise AssertionError("up ended:\n" + self.said())
        return ""

    def ready(self):
        return until(self.url, "up is ready")

    def family(self):
        """What runs, by name: a list of process ids."""
        found = {}
        for pid in children(self.process.pid):
            with contextlib.suppress(OSError), open("/proc/%d/cmdline" % pid) as f:
                for name in ("redis", "server", "worker", "courier"):
                    if re.search(r"(geosluice-%s|^%s-server)" % (name, name), f.read(200)):
                        found[name] = pid
                    f.seek(0)
        return found

    def end(self, signum=signal.SIGTERM):
        self.process.send_signal(signum)
        try:
            return self.process.wait(PATIENCE_S)
        finally:
            self.log.close()


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="geosluice-up-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.up = None

    def tearDown(self):
        if self.up and self.up.process.poll() is None:
            self.up.end()

    def start(self, config=None, out=None):
        self.up = Up(self.folder, config, out)
        url = self.up.ready()
        until(lambda: len(self.up.family()) == 4, "the last has become what it is to be")
        return url

    def send(self, *args, **kwargs):
        return subprocess.run([GEOSLUICE, "send", "--source", "demo", "--secret-file",
                               os.path.join(self.folder, "var", "demo.secret"), *args], env=ENVIRON,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False,
                              **kwargs)


class Running(Case):
    def test_from_nothing_to_a_result_and_back(self):
        url = self.start()
        family = self.up.family()
        self.assertEqual(sorted(family), ["courier", "redis", "server", "worker"])
        done = self.send("--url", url, "--wait", "-", input=collection(SOUND, BOW_TIE, FAR_AWAY))
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(b"3: 1 accepted, 1 repaired, 1 rejected", done.stdout)
        job = re.search(r"0-[0-9a-z]{26}", done.stdout.decode()).group(0)
        self.assertEqual(self.up.end(signal.SIGINT), 0, self.up.said())
        for name, pid in family.items():
            self.assertFalse(is_alive(pid), name)
        self.assertFalse(os.path.exists(self.up.ready_file))
        # The same folder again: the job is still there.
        url = self.start()
        with urllib.request.urlopen(url + "/v1/jobs/" + job) as answer:
            self.assertEqual(answer.status, 200)

    def test_no_connection_of_its_own_is_handed_down(self):
        self.start()
        seen = set()
        for pid in self.up.family().values():
            held = set()
            for fd in os.listdir("/proc/%d/fd" % pid):
                with contextlib.suppress(OSError):
                    held.add(os.readlink("/proc/%d/fd/%s" % (pid, fd)))
            held = {name for name in held if name.startswith("socket:")}
            self.assertFalse(held & seen)
            seen |= held

    def test_its_files_are_for_its_user_alone(self):
        self.start()
        for name in ("", "geosluice.ini", "demo.secret", "redis.log"):
            mode = os.stat(os.path.join(self.folder, "var", name)).st_mode
            self.assertEqual(mode & 0o077, 0, name)

    def test_what_dies_is_started_again(self):
        url = self.start()
        before = self.up.family()
        for name in ("worker", "courier", "redis"):
            os.kill(before[name], signal.SIGKILL)
            until(lambda: self.up.family().get(name) not in (None, before[name]), name + " runs again")
        until(lambda: self.send("--url", url, "--wait", "-", input=collection(SOUND)).returncode == 0,
              "documents are taken again")
        os.kill(before["server"], signal.SIGKILL)
        until(lambda: self.up.family().get("server") not in (None, before["server"]), "the server runs again")
        until(lambda: self.up.url() not in ("", url), "the server is ready again")
        self.assertEqual(self.send("--url", self.up.url(), "--wait", "-", input=collection(SOUND)).returncode, 0)

    def test_nobody_reads_what_it_says(self):
        out, full = os.pipe()
        self.addCleanup(os.close, out)
        with open(full, "wb", buffering=0) as pipe:
            os.set_blocking(full, False)
            while pipe.write(b"." * 4096):
                pass
            os.set_blocking(full, True)
            url = self.start(out=pipe)
        before = self.up.family()
        os.kill(before["worker"], signal.SIGKILL)
        until(lambda: self.up.family().get("worker") not in (None, before["worker"]), "the worker runs again")
        # Then somebody does, and is told what is missing.
        os.set_blocking(out, False)
        read = bytearray()

        def is_told():
            self.send("--url", url, "-", input=collection(SOUND))
            with contextlib.suppress(BlockingIOError):
                read.extend(os.read(out, 65536))
            return re.search(rb"geosluice up: \d+ lines lost, which nobody read\n.* prog=server ", read, re.S)
        until(is_told, "it says what was lost")
        self.assertEqual(self.up.end(), 0)

    def test_two_that_die_at_once_are_started_again(self):
        url = self.start()
        before = self.up.family()
        os.kill(before["server"], signal.SIGKILL)
        os.kill(before["worker"], signal.SIGKILL)
        until(lambda: self.up.url() not in ("", url), "the server is ready again")
        self.assertEqual(self.send("--url", self.up.url(), "--wait", "-", input=collection(SOUND)).returncode, 0)

    def ask_ready(self, listen):
        return subprocess.run([GEOSLUICE, "ready", "--config", os.path.join(self.folder, "mine.ini")],
                              env=dict(ENVIRON, GEOSLUICE_LISTEN=listen), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)

    def test_over_tls(self):
        """Its own server's certificate is for another name than 127.0.0.1; that must not keep `up` from the end."""
        certificate, key = make_certificate(self.folder, "geosluice.example")
        config = os.path.join(self.folder, "mine.ini")
        with open(config, "w") as f:
            f.write("[server]\ntls_certificate = %s\ntls_key = %s\n[source demo]\nsecret = %s\n"
                    % (certificate, key, SECRETS["acme"]))
        url = self.start(config)
        self.assertRegex(url, r"^https://127\.0\.0\.1:\d+$")
        port = url.rpartition(":")[2]
        done = self.ask_ready("127.0.0.1:" + port)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        with open(os.path.join(self.folder, "var", "demo.secret"), "w") as f:
            f.write(SECRETS["acme"])
        done = self.send("--url", url, "-", input=collection(SOUND))
        self.assertEqual(done.returncode, 2, "a document went to somebody whose certificate is no good")
        self.assertIn(b"certificate", done.stderr)
        self.assertEqual(self.up.end(), 0, self.up.said())
        done = self.ask_ready("127.0.0.1:" + port)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"geosluice: https://127.0.0.1:", done.stderr)

    def test_ready_asks_where_the_server_listens(self):
        url = self.start()
        with open(os.path.join(self.folder, "mine.ini"), "w") as f:
            f.write("[source demo]\nsecret = %s\n" % SECRETS["acme"])
        port = url.rpartition(":")[2]
        self.assertEqual(self.ask_ready("127.0.0.1:" + port).returncode, 0)
        self.assertEqual(self.ask_ready("0.0.0.0:" + port).returncode, 0)     # every address means its own one too
        redis = self.up.family()["redis"]
        os.kill(redis, signal.SIGSTOP)
        try:
            until(lambda: self.ask_ready("127.0.0.1:" + port).returncode == 2, "it is not ready without Redis")
        finally:
            os.kill(redis, signal.SIGCONT)

    def test_when_it_is_killed_its_children_end(self):
        self.start()
        family = self.up.family()
        self.up.process.kill()
        self.up.process.wait()
        for name, pid in family.items():
            until(lambda: not is_alive(pid), name + " ends too")

    def test_a_folder_serves_one(self):
        self.start()
        other = Up(self.folder)
        self.assertEqual(other.process.wait(PATIENCE_S), 2)
        self.assertIn("another `geosluice up`", other.said())
        other.log.close()


class Refusing(Case):
    def refused(self, config, *words):
        path = os.path.join(self.folder, "given.ini")
        with open(path, "w") as f:
            f.write(config)
        self.up = Up(self.folder, path)
        self.assertEqual(self.up.process.wait(PATIENCE_S), 2, self.up.said())
        for word in words:
            self.assertIn(word, self.up.said())

    def test_a_wrong_setting(self):
        self.refused("[worker]\nlease_ms = 1\n", ":2", "lease_ms")

    def test_an_address_that_another_one_serves(self):
        with socket.socket() as other:
            # As a server of another folder would hold it.
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.bind(("127.0.0.1", 0))
            other.listen()
            listen = "127.0.0.1:%d" % other.getsockname()[1]
            done = subprocess.run([GEOSLUICE, "up", "--dir", os.path.join(self.folder, "var")], cwd=self.folder,
                                  env=dict(ENVIRON, GEOSLUICE_LISTEN=listen), stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn(listen.encode(), done.stdout)

    def test_a_program_that_cannot_start_ends_all(self):
        os.environ["GEOSLUICE_TEST_LISTEN"] = ""
        argv = [GEOSLUICE, "up", "--dir", os.path.join(self.folder, "var")]
        done = subprocess.run(argv, env=dict(ENVIRON, GEOSLUICE_LISTEN="192.0.2.1:1"), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=PATIENCE_S, check=False, cwd=self.folder)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn(b"server ended", done.stdout)


class Sending(Case):
    def test_refusals_in_words(self):
        done = self.send("--url", "http://127.0.0.1:1", "-", input=b"{}")
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"secret", done.stderr)   # there is no such file
        url = self.start()
        for args, word in ((("--source", "nobody", "-"), b"SOURCE_UNKNOWN"),
                           (("--secret", "wrong", "-"), b"SIGNATURE_WRONG"),
                           (("--type", "text/plain", "-"), b"CONTENT_TYPE"),
                           (("--timestamp", "1", "-"), b"TIMESTAMP_STALE"),
                           (("--scheme", "nothing", "-"), b"standard-webhooks"),
                           (("/nonexistent.geojson",), b"/nonexistent.geojson"),
                           ((self.folder,), b"read twice")):
            done = self.send("--url", url, *args, input=b"{}")
            self.assertEqual(done.returncode, 2, done)
            self.assertIn(word, done.stderr)

    def test_a_document_that_cannot_be_read(self):
        url = self.start()
        done = self.send("--url", url, "--wait", "-", input=b'{"type":"FeatureCollection","features":[')
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"JSON_TRUNCATED", done.stdout)

    def test_the_same_delivery_twice_is_one_job(self):
        url = self.start()
        jobs = {self.send("--url", url, "--id", "once", "-", input=collection(SOUND)).stdout for _ in range(2)}
        self.assertEqual(len(jobs), 1)

    def test_jobs_and_dead_letters(self):
        url = self.start()
        job = self.send("--url", url, "-", input=collection(SOUND, FAR_AWAY)).stdout.decode().strip()

        def run(*args):
            return subprocess.run([GEOSLUICE, *args], env=dict(ENVIRON, GEOSLUICE_URL=url), timeout=PATIENCE_S,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)

        done = run("job", "--wait", job)
        self.assertEqual(done.returncode, 1, done)
        self.assertEqual(run("job", job).returncode, 0)
        self.assertEqual(run("job", "0-" + "0" * 26).returncode, 2)
        self.assertEqual(run("job", "nonsense").returncode, 2)
        listed = run("dlq", "list", "--source", "demo").stdout.decode()
        letter = re.search(r'"id":"(0-\d+-\d+)"', listed).group(1)
        self.assertIn("LON_RANGE", run("dlq", "show", letter).stdout.decode())
        again = run("dlq", "replay", letter)
        self.assertEqual(again.returncode, 0, again)
        self.assertEqual(run("dlq", "drop", letter).returncode, 0)
        gone = run("dlq", "show", letter)
        self.assertEqual(gone.returncode, 2)
        self.assertIn(b"LETTER_UNKNOWN", gone.stderr)
        self.assertEqual(run("dlq", "list", "--source", "a&b=c").returncode, 2)

    def test_a_signature_for_curl(self):
        url = self.start()
        path = os.path.join(self.folder, "doc.geojson")
        with open(path, "wb") as f:
            f.write(collection(SOUND))
        signed = subprocess.run([GEOSLUICE, "sign", "--secret-file", os.path.join(self.folder, "var", "demo.secret"),
                                 path], stdout=subprocess.PIPE, env=ENVIRON, check=True).stdout.decode()
        headers = dict(line.split(": ", 1) for line in signed.splitlines())
        headers["content-type"] = "application/geo+json"
        with open(path, "rb") as f:
            request = urllib.request.Request(url + "/v1/ingest/demo", f.read(), headers)
        with urllib.request.urlopen(request) as answer:
            self.assertEqual(answer.status, 202)


if __name__ == "__main__":
    unittest.main()
