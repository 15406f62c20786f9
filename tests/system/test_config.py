"""A wrong setting is refused at start, with the line, the value and what is allowed."""
import os
import subprocess
import tempfile
import unittest

from harness import BUILD, PATIENCE_S, PROGRAMS, Stack, heeds_sigterm, until

GOOD = "[redis]\nurl = unix:///nonexistent/redis.sock\n"


def run(program, config, *args, environ=None):
    """(exit code, everything it said) of a program that is expected to end by itself."""
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as f:
        f.write(config)
        f.flush()
        env = {k: v for k, v in os.environ.items() if not k.startswith("GEOSLUICE_")}
        env.update(environ or {})
        done = subprocess.run([os.path.join(BUILD, program), "--config", f.name, *args], env=env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=PATIENCE_S, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


class Settings(unittest.TestCase):
    def refused(self, config, *words, environ=None):
        for program in PROGRAMS:
            code, said = run(program, config, environ=environ)
            self.assertEqual(code, 2, "%s: %s" % (program, said))
            for word in words:
                self.assertIn(str(word), said, program)

    def test_out_of_range(self):
        self.refused("[worker]\n\nlease_ms = 20\n", ":3", "lease_ms", 20, 500, 3600000)

    def test_not_a_number(self):
        self.refused("[server]\nthreads = many\n", ":2", "threads", "many", 256)
        self.refused("[server]\nthreads = 3x\n", "3x")
        self.refused("[worker]\nmax_area_loss = nan\n", "max_area_loss", "nan")

    def test_not_a_word_of_the_list(self):
        self.refused("[source a]\nsecret = x\nscheme = handshake\n", ":3", "handshake", "standard-webhooks", "github")
        self.refused("[redis]\nallow_volatile = perhaps\n", "perhaps", "yes", "no")

    def test_unknown_names(self):
        self.refused("[server]\nport = 80\n", ":2", "port")
        self.refused("[sever]\nlisten = 127.0.0.1:0\n", "sever")
        self.refused("[source a]\nsecret = x\nRING_OPEN = fix\n", ":3", "RING_OPEN")

    def test_a_severity_that_a_code_cannot_have(self):
        self.refused("[source a]\nsecret = x\nJSON_SYNTAX = warn\n", ":3", "JSON_SYNTAX", "warn", "reject")
        self.refused("[source a]\nsecret = x\nWINDING = ignore\n", ":3", "WINDING", "ignore")

    def test_a_source_without_secret(self):
        self.refused("[source a]\nscheme = github\n", "a", "secret")

    def test_a_secret_that_is_no_base64(self):
        code, said = run(PROGRAMS[0], "[source a]\nsecret = whsec_!!!\n")
        self.assertEqual(code, 2, said)
        self.assertIn("secret", said)
        self.assertNotIn("!!!", said, "a secret is never printed")

    def test_a_secret_file_that_is_not_there(self):
        self.refused("[source a]\nsecret_file = /nonexistent/secret\n", "/nonexistent/secret")

    def test_the_environment_is_checked_too(self):
        self.refused(GOOD, "GEOSLUICE_WORKER_LEASE_MS", "soon", environ={"GEOSLUICE_WORKER_LEASE_MS": "soon"})

    def test_a_file_that_is_not_there(self):
        done = subprocess.run([os.path.join(BUILD, PROGRAMS[0]), "--config", "/nonexistent.ini"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"/nonexistent.ini", done.stdout)

    def test_help_names_every_program_and_setting(self):
        for program in PROGRAMS:
            code, said = run(program, "", "--help")
            self.assertEqual(code, 0)
            for word in ("lease_ms", "max_body_bytes", "GEOSLUICE_LISTEN", "30000", program):
                self.assertIn(word, said)
            code, said = run(program, "", "--version")
            self.assertEqual(code, 0)
            self.assertRegex(said, r"\d+\.\d+\.\d+")

    def test_an_address_that_cannot_be_had(self):
        stack = Stack(start=("server",))
        try:
            code, said = run(PROGRAMS[0], "[server]\nlisten = %s:%d\n[redis]\nurl = unix://%s/redis.sock\n" % (
                "192.0.2.1", 1, stack.dir))
            self.assertNotEqual(code, 0)
            self.assertIn("192.0.2.1", said)
        finally:
            stack.close()


class NoStreams(unittest.TestCase):
    """A program whose standard streams are closed opens nothing in their place."""

    def test_started_without_streams(self):
        for program in PROGRAMS:
            with tempfile.NamedTemporaryFile("w", suffix=".ini") as f:
                f.write(GOOD + "[server]\nlisten = 127.0.0.1:0\n")
                f.flush()
                process = subprocess.Popen([os.path.join(BUILD, program), "--config", f.name],
                                           preexec_fn=lambda: [os.close(fd) for fd in (0, 1, 2)])
                try:
                    until(lambda: heeds_sigterm(process.pid), program + " heeds SIGTERM")
                    for fd in range(3):
                        self.assertEqual(os.readlink("/proc/%d/fd/%d" % (process.pid, fd)), "/dev/null", program)
                finally:
                    process.terminate()
                    code = process.wait(PATIENCE_S)
            self.assertIn(code, (0, 1), program)


class VolatileRedis(unittest.TestCase):
    def test_a_redis_that_forgets_is_refused(self):
        stack = Stack(start=())
        try:
            config = "[server]\nlisten = 127.0.0.1:0\n[redis]\nurl = unix://%s/redis.sock\n" % stack.dir
            for name, value, back in (("maxmemory-policy", "allkeys-lru", "noeviction"), ("appendonly", "no", "yes")):
                stack.redis("CONFIG", "SET", name, value)
                for program in PROGRAMS[:2]:
                    code, said = run(program, config)
                    self.assertNotEqual(code, 0, said)
                    self.assertIn(name, said)
                stack.redis("CONFIG", "SET", name, back)
            until(lambda: stack.redis.info("aof_rewrite_in_progress") == "0"
                  and stack.redis.info("aof_rewrite_scheduled") == "0", "Redis writes its file again")
        finally:
            stack.close()


if __name__ == "__main__":
    unittest.main()
