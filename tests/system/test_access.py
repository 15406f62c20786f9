"""Tokens for those who read and operate; who the client is behind proxies; traces; what is logged of a request."""
import base64
import contextlib
import hashlib
import hmac
import os
import re
import subprocess
import time
import unittest

from harness import BUILD, FAR_AWAY, PATIENCE_S, SOUND, SECRETS, Stack, StackTest, collection, sign, until
from raw_client import RawClient

BODY = collection(SOUND)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def make_token(*args):
    out = subprocess.run([BUILD + "/geosluice", "token", *args], capture_output=True, check=True, timeout=PATIENCE_S)
    token, entry = out.stdout.decode().splitlines()
    return token, entry.split(" = ")[1]


class Tokens(StackTest):
    @classmethod
    def setUpClass(cls):
        cls.reader, reader = make_token("grafana")
        cls.operator, operator = make_token("--operate", "ops")
        cls.stack = Stack(environ={"GEOSLUICE_SERVER_TOKENS": reader + ", " + operator})
        answer = cls.stack.post("acme", collection(SOUND, FAR_AWAY))
        assert answer.status == 202, answer     # a signature is enough to send
        cls.job = answer.json()["jobID"]
        until(lambda: cls.ask("GET", "/v1/jobs/" + cls.job, cls.reader).json()["status"] == "successful", "it is done")

    @classmethod
    def ask(cls, method, path, token=None, scheme="Bearer"):
        return cls.stack.request(method, path, headers={"authorization": "%s %s" % (scheme, token)} if token else {})

    def test_what_is_open(self):
        for path in ("/healthz", "/readyz", "/openapi.yaml"):
            self.assertEqual(self.ask("GET", path).status, 200)

    def test_reading(self):
        for path in ("/v1/jobs", "/v1/jobs/" + self.job, "/v1/jobs/%s/results" % self.job,
                     "/v1/jobs/%s/report" % self.job, "/v1/dead-letters", "/metrics"):
            with self.subTest(path):
                answer = self.ask("GET", path)
                self.assertEqual(self.check_problem(answer, 401)["code"], "TOKEN_MISSING")
                self.assertEqual(answer.headers["www-authenticate"], 'Bearer realm="geosluice"')
                for token, scheme in ((self.reader + "x", "Bearer"), (self.reader, "Basic"), ("x" * 5000, "Bearer")):
                    answer = self.ask("GET", path, token, scheme)
                    self.assertEqual(self.check_problem(answer, 401)["code"], "TOKEN_UNKNOWN")
                    self.assertIn("invalid_token", answer.headers["www-authenticate"])
                self.assertEqual(self.ask("GET", path, self.reader).status, 200)
                self.assertEqual(self.ask("GET", path, self.operator, "bearer").status, 200)

    def test_operating(self):
        letter = self.ask("GET", "/v1/dead-letters", self.reader).json()["deadLetters"][0]["id"]
        for method, path in (("POST", "/v1/dead-letters/%s/replay" % letter), ("DELETE", "/v1/dead-letters/" + letter),
                             ("POST", "/v1/dead-letters/replay?source=none"), ("DELETE", "/v1/jobs/" + self.job)):
            with self.subTest(path):
                self.assertEqual(self.check_problem(self.ask(method, path), 401)["code"], "TOKEN_MISSING")
                answer = self.ask(method, path, self.reader)
                self.assertEqual(self.check_problem(answer, 403)["code"], "TOKEN_SCOPE")
                self.assertIn('scope="operate"', answer.headers["www-authenticate"])
        self.assertEqual(self.ask("POST", "/v1/dead-letters/%s/replay" % letter, self.operator).status, 202)

    def test_the_command_line(self):
        url = "http://%s:%d" % self.stack.address

        def run(*args, **env):
            return subprocess.run([BUILD + "/geosluice", *args, "--url", url], capture_output=True, timeout=PATIENCE_S,
                                  env=dict(os.environ, **env))
        self.assertEqual(run("job", self.job).returncode, 2)
        self.assertIn(b"TOKEN_MISSING", run("job", self.job).stderr)
        self.assertEqual(run("job", self.job, "--token", self.reader).returncode, 0)
        self.assertEqual(run("job", self.job, GEOSLUICE_TOKEN=self.reader).returncode, 0)
        self.assertEqual(run("dlq", "list", "--token", self.reader).returncode, 0)
        self.assertIn(b"TOKEN_SCOPE", run("dlq", "replay", "--source", "none", GEOSLUICE_TOKEN=self.reader).stderr)
        path = os.path.join(self.stack.dir, "doc.geojson")
        with open(path, "wb") as f:
            f.write(BODY)
        done = run("send", "--source", "acme", "--secret", SECRETS["acme"], "--wait", path,
                   GEOSLUICE_TOKEN=self.reader)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_tokens_are_named_and_never_logged(self):
        self.ask("GET", "/v1/jobs", self.reader)
        until(lambda: "token=grafana" in self.stack.log("server"), "the log names who asked")
        for token in (self.reader, self.operator):
            self.assertNotIn(token[4:], self.stack.log("server"))


class Start(unittest.TestCase):
    def start(self, **settings):
        stack = Stack(start=(), environ={"GEOSLUICE_SERVER_THREADS": "1"})
        self.addCleanup(stack.close)
        env = {k: v for k, v in os.environ.items() if not k.startswith("GEOSLUICE_")}
        return subprocess.Popen([BUILD + "/geosluice-server", "--config", stack.config], env=dict(env, **settings),
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def test_beyond_loopback_tokens_are_needed(self):
        process = self.start(GEOSLUICE_LISTEN="0.0.0.0:0")
        out, _ = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 1)
        self.assertIn(b"set [server] tokens", out)

    def test_a_token_that_is_none_is_refused(self):
        for text in ("ops:operate:1234", ",", " , "):      # the latter of a template with empty variables
            process = self.start(GEOSLUICE_SERVER_TOKENS=text, GEOSLUICE_LISTEN="0.0.0.0:0")
            out, _ = process.communicate(timeout=PATIENCE_S)
            self.assertEqual(process.returncode, 2, text)
            self.assertIn(b"tokens", out)

    def test_a_host_name_that_is_none_is_refused(self):
        process = self.start(GEOSLUICE_SERVER_HOST_NAMES="http://geo.example")
        out, _ = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 2)
        self.assertIn(b"host_names", out)


class Pages(unittest.TestCase):
    """A browser on this machine that lends a web page its place: by a name that leads here, or across origins."""

    def setUp(self):
        self.stack = Stack(start=("server",), environ={"GEOSLUICE_SERVER_HOST_NAMES": "geo.example, Tiles.example."})
        self.addCleanup(self.stack.close)

    def ask(self, path, host, method="GET", **headers):
        return self.stack.request(method, path, headers=dict({"host": host}, **headers))

    ASKED = ("/v1/jobs", "/v1/jobs/0-01m8b3wk5hvre65sk6r0ahe8j4", "/v1/jobs/0-01m8b3wk5hvre65sk6r0ahe8j4/results",
             "/v1/jobs/0-01m8b3wk5hvre65sk6r0ahe8j4/report", "/v1/dead-letters", "/v1/dead-letters/0-1-1", "/metrics")

    def test_a_name_that_somebody_made_to_lead_here_is_told_nothing(self):
        for host in ("evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "1.2.3",
                     "geo.example.evil", "[::1", "[geo.example]", ":8080", "2130706433", "::1",
                     "geo.example,tiles.example", "localhost..", "evillocalhost", ".",
                     "localhost.evil.example."):
            for path in self.ASKED if host == "evil.example" else ("/v1/jobs",):
                with self.subTest(host=host, path=path):
                    answer = self.ask(path, host)
                    self.assertEqual(answer.status, 421)
                    self.assertEqual(answer.json()["code"], "HOST_UNKNOWN")
        for method, path in (("POST", "/v1/dead-letters/0-1-1/replay"), ("POST", "/v1/dead-letters/replay"),
                             ("DELETE", "/v1/dead-letters/0-1-1"), ("DELETE", "/v1/jobs/0-01m8b3wk5hvre65sk6r0ahe8j4")):
            with self.subTest(method + path):
                self.assertEqual(self.ask(path, "evil.example", method).status, 421)

    def test_what_a_page_cannot_call_itself_is_served(self):
        for host in ("127.0.0.1", "127.0.0.1:%d" % self.stack.address[1], "[::1]:80", "[::1]", "localhost",
                     "LocalHost:1", "geo.example", "tiles.example:8443", "localhost.", "localhost.:1", "map.LocalHost",
                     "map.localhost.:80", "geo.example."):
            with self.subTest(host):
                self.assertEqual(self.ask("/v1/jobs", host).status, 200)

    def test_what_is_open_is_open_by_any_name(self):
        for path in ("/healthz", "/readyz", "/openapi.yaml"):
            self.assertEqual(self.ask(path, "evil.example").status, 200)
        self.assertEqual(self.stack.request("POST", "/v1/ingest/acme", BODY, dict(
            sign("acme", BODY), **{"content-type": "application/geo+json", "host": "geo.anywhere"})).status, 202)

    def test_a_page_from_elsewhere_changes_nothing(self):
        here = "127.0.0.1:%d" % self.stack.address[1]
        for origin, status in (("http://evil.example", 403), ("null", 403), ("http://127.0.0.1:1", 403), (here, 403),
                               ("http://" + here, 202)):
            with self.subTest(origin):
                answer = self.ask("/v1/dead-letters/replay?source=acme", here, "POST", origin=origin)
                self.assertEqual(answer.status, status, answer)
                if status == 403:
                    self.assertEqual(answer.json()["code"], "ORIGIN")
        self.assertEqual(self.ask("/v1/jobs", here, origin="http://evil.example").status, 200)  # it may not read that

    def test_who_has_tokens_is_asked_for_those_alone(self):
        token, entry = make_token("ops")
        stack = Stack(start=("server",), environ={"GEOSLUICE_SERVER_TOKENS": entry})
        self.addCleanup(stack.close)
        self.assertEqual(stack.request("GET", "/v1/jobs", headers={
            "host": "any.example", "authorization": "Bearer " + token}).status, 200)


class Proxies(StackTest):
    """The tests come from 127.0.0.1, which is a proxy here."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack("[source message]\nscheme = rfc9421\nsecret = open\n", start=("server",),
                          environ={"GEOSLUICE_SERVER_TRUSTED_PROXIES": "127.0.0.0/8",
                                   "GEOSLUICE_SERVER_MAX_CONNECTIONS_PER_ADDRESS": "2"})

    def logged(self, headers):
        begin = len(self.stack.log("server"))
        self.assertEqual(self.stack.request("GET", "/v1/jobs", headers=headers).status, 200)
        line = r'event=request route="GET /v1/jobs" .*client="?([^ "\n]+)"?'
        return until(lambda: re.search(line, self.stack.log("server")[begin:]), "it is logged").group(1)

    def test_the_client_is_logged(self):
        self.assertEqual(self.logged({"x-forwarded-for": "6.6.6.6, 192.0.2.7"}), "192.0.2.7")
        self.assertEqual(self.logged({}), "127.0.0.1")
        self.assertEqual(self.logged({"forwarded": "for=6.6.6.6"}), "127.0.0.1")

    def test_a_proxy_may_have_any_number_of_connections(self):
        with contextlib.ExitStack() as held:
            clients = [held.enter_context(contextlib.closing(RawClient(self.stack.address, PATIENCE_S)))
                       for _ in range(20)]
            for client in clients:
                client.send(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
                self.assertEqual(client.answer()[0], 200)

    def test_a_signed_authority_behind_tls(self):
        """Its port is the one that https implies, as the proxy says."""
        digest = "sha-256=:%s:" % base64.b64encode(hashlib.sha256(BODY).digest()).decode()
        list_ = ('("@method" "@authority" "@path" "content-type" "content-digest" "content-length")'
                 ';created=%d' % time.time())
        base = ('"@method": POST\n"@authority": geo.example\n"@path": /v1/ingest/message\n'
                '"content-type": application/geo+json\n"content-digest": %s\n"content-length": %d\n'
                '"@signature-params": %s' % (digest, len(BODY), list_))
        mac = base64.b64encode(hmac.new(b"open", base.encode(), hashlib.sha256).digest()).decode()
        headers = {"host": "geo.example:443", "content-digest": digest, "signature-input": "s=" + list_,
                   "signature": "s=:%s:" % mac}
        self.assertEqual(self.stack.post("message", BODY, signed=headers).status, 401)
        headers["x-forwarded-proto"] = "https"
        self.assertEqual(self.stack.post("message", BODY, signed=headers).status, 202)


class Traces(StackTest):
    def test_a_trace_is_carried_to_job_logs_and_callback(self):
        answer = self.stack.post("acme", BODY, signed=dict(sign("acme", BODY), traceparent=TRACE))
        self.assertEqual(answer.status, 202, answer)
        job = answer.json()["jobID"]
        self.stack.wait_for(job)
        self.assertEqual(self.stack.redis("HGET", "gs:{p0}:job:" + job, "trace").decode(), TRACE)
        call = until(lambda: self.stack.receiver.about(job), "the callback came")[0]
        self.assertEqual(call.headers["traceparent"], TRACE)
        for program in ("server", "worker", "courier"):
            until(lambda: "trace=0af7651916cd43dd8448eb211c80319c" in self.stack.log(program), program + " logs it")

    def test_what_is_none_is_left_out(self):
        for trace in ("00-" + "0" * 32 + "-b7ad6b7169203331-01", "nonsense", TRACE + "-more", TRACE.upper()):
            answer = self.stack.post("acme", BODY, signed=dict(sign("acme", BODY), traceparent=trace))
            self.assertEqual(answer.status, 202, answer)
            job = answer.json()["jobID"]
            self.stack.wait_for(job)
            self.assertIsNone(self.stack.redis("HGET", "gs:{p0}:job:" + job, "trace"))
            call = until(lambda: self.stack.receiver.about(job), "the callback came")[0]
            self.assertNotIn("traceparent", call.headers)

    def test_a_line_per_request(self):
        begin = len(self.stack.log("server"))
        for path in ("/healthz", "/v1/jobs", "/nowhere"):
            self.stack.get(path)
        self.stack.post("acme", BODY, signed={})

        def logged():
            return re.findall(r"event=request (.*)", self.stack.log("server")[begin:])
        until(lambda: len(logged()) >= 4, "all are logged")
        for line in logged():
            self.assertEqual(re.findall(r"(?:^| )(\w+)=", re.sub(r'"[^"]*"', "x", line)), [
                "route", "status", "us", "in", "out", "source", "job", "code", "client", "token", "trace"])

    def test_metrics(self):
        self.stack.post("acme", BODY + b" " * 2_000_000)

        def text():
            return self.stack.get("/metrics").body.decode()
        until(lambda: re.search(r'geosluice_source_held_bytes\{source="acme"\} [1-9]', text()),
              "what acme holds is counted")
        for name in ("held_bytes{kind=\"queued\"}", "held_limit_bytes", "redis_used_bytes", "redis_max_bytes",
                     "room_level", "uploads_in_flight", "upload_bytes_total", "upload_stalls_total",
                     "uploads_held_total",
                     "uploads_known_total", "commit_seconds_bucket{le=\"+Inf\"}", "acknowledgement_seconds_count",
                     "http_refusals_total{code=\"RATE_LIMITED\"}", "http_refusals_total{code=\"TOKEN_SCOPE\"}"):
            self.assertIn("geosluice_" + name + " ", text())


if __name__ == "__main__":
    unittest.main()
