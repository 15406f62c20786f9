"""TLS on the front door: certificates of our own making, replaced while uploads run."""
import contextlib
import json
import os
import signal
import ssl
import subprocess
import tempfile
import unittest

from harness import PATIENCE_S, SOUND, Stack, collection, until
from raw_client import RawClient
from test_hostile import head, upload

BODY = collection(SOUND)


def make_certificate(folder, name, stem="server"):
    """A self-signed one: (certificate, key)."""
    files = [os.path.join(folder, stem + end) for end in (".pem", ".key")]
    made = [f + ".new" for f in files]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:localhost", "-days", "2",
                    "-keyout", made[1], "-out", made[0]], check=True, capture_output=True)
    for new, file in zip(made, files):
        os.rename(new, file)
    return files


def context(version=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if version:
        made.minimum_version = made.maximum_version = version
    return made


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.keep = contextlib.ExitStack()
        cls.folder = cls.keep.enter_context(tempfile.TemporaryDirectory(prefix="geosluice-tls-"))
        cls.certificate, cls.key = make_certificate(cls.folder, "first")
        cls.stack = Stack("[server]\ntls_certificate = %s\ntls_key = %s\n"
                          % (cls.certificate, cls.key), ready=False)
        cls.keep.callback(cls.stack.close)
        until(lambda: cls.get("/readyz")[0] == 200, "the server is ready")

    @classmethod
    def tearDownClass(cls):
        cls.keep.close()

    @classmethod
    def connect(cls, **kwargs):
        kwargs.setdefault("tls", context())
        return RawClient(cls.stack.address, PATIENCE_S, **kwargs)

    @classmethod
    def get(cls, path):
        with contextlib.closing(cls.connect()) as client:
            client.send(head("GET %s HTTP/1.1" % path))
            return client.answer()

    def name_of(self, client):
        """The common name of the certificate that this connection was begun with."""
        pem = ssl.DER_cert_to_PEM_cert(client.sock.getpeercert(True))
        said = subprocess.run(["openssl", "x509", "-noout", "-subject"], input=pem.encode(), check=True,
                              capture_output=True)
        return said.stdout.decode().strip().rsplit("=", 1)[1].strip()

    def accepted(self, answer):
        self.assertEqual(answer[0], 202, answer)
        job = json.loads(answer[2])["jobID"]

        def ended():
            info = json.loads(self.get("/v1/jobs/" + job)[2])
            return info if info["status"] in ("successful", "failed") else None
        return until(ended, "the job ends")

    def reload(self, event="reloaded"):
        lines = 2 if event == "reloaded" else 1     # of each reactor
        before = self.stack.log("server").count("event=" + event)
        os.kill(self.stack.pid("server"), signal.SIGHUP)
        until(lambda: self.stack.log("server").count("event=" + event) >= before + lines, "the server says " + event)

    def test_versions(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with contextlib.closing(self.connect(tls=context(version))) as client:
                client.send(head())
                self.assertEqual(client.answer()[0], 200)
        old = context(ssl.TLSVersion.TLSv1_1)
        old.set_ciphers("ALL:@SECLEVEL=0")
        with self.assertRaises((ssl.SSLError, ConnectionResetError)):
            self.connect(tls=old)

    def test_protocols(self):
        offered = context()
        offered.set_alpn_protocols(["h2", "http/1.1"])
        with contextlib.closing(self.connect(tls=offered)) as client:
            self.assertEqual(client.sock.selected_alpn_protocol(), "http/1.1")
        offered.set_alpn_protocols(["h2"])
        with self.assertRaises(ssl.SSLError):
            self.connect(tls=offered)

    def test_a_large_upload(self):
        body = BODY + b" " * 50_000_000
        with contextlib.closing(self.connect()) as client:
            client.send(upload(body))
            client.send(body)
            info = self.accepted(client.answer())
            self.assertEqual(info["bytes"]["received"], len(body))
            client.send(head())     # the connection goes on
            self.assertEqual(client.answer()[0], 200)

    def test_a_chunked_upload_byte_by_byte(self):
        with contextlib.closing(self.connect()) as client:
            data = (upload(BODY, "transfer-encoding: chunked", length=False)
                    + b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY))
            for i in range(len(data)):
                client.send(data[i:i + 1])
            self.accepted(client.answer())

    def test_requests_in_one_record(self):
        """What TLS holds already is no event to the socket."""
        with contextlib.closing(self.connect()) as client:
            client.send((head("GET /v1/jobs?limit=1 HTTP/1.1") + head()) * 30)
            for _ in range(60):
                self.assertEqual(client.answer()[0], 200)

    def test_large_results(self):
        many = collection(*[dict(SOUND, id=i, properties={"i": "x" * 2000}) for i in range(5_000)])
        with contextlib.closing(self.connect()) as client:
            client.send(upload(many) + many)
            info = self.accepted(client.answer())
        with contextlib.closing(self.connect()) as client:
            client.send(head("GET /v1/jobs/%s/results HTTP/1.1" % info["jobID"], "connection: close"))
            status, _, body = client.answer()
            self.assertEqual((status, len(json.loads(body)["features"])), (200, 5_000))
            self.assertTrue(client.hung_up())

    def test_a_refusal_in_mid_body_is_read(self):
        with contextlib.closing(self.connect()) as client:
            client.send(upload(b"", "content-length: 100000000000", length=False))
            client.send(b" " * 3_000_000)
            status, headers, body = client.answer()
            self.assertEqual((status, headers["connection"]), (413, "close"))
            self.assertEqual(json.loads(body)["code"], "BODY_TOO_LARGE")

    def test_a_truncated_upload(self):
        """Whether with TLS's own goodbye or without: it is no document."""
        for goodbye in (True, False):
            client = self.connect()
            client.send(upload(b" " * 1000) + b" " * 100)
            if goodbye:
                with contextlib.suppress(OSError):
                    client.sock.unwrap()
            else:
                client.finish_sending()
            client.close()
        until(lambda: self.stack.log("server").count("code=REQUEST_TRUNCATED") >= 2, "both are refused")

    def test_plain_http_is_told_so(self):
        for data in (head(), b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 5000, b"hello", upload(BODY) + BODY):
            with contextlib.closing(self.connect(tls=None)) as client:
                client.send(data)
                status, headers, body = client.answer()
                self.assertEqual((status, headers["connection"]), (400, "close"))
                self.assertEqual(json.loads(body)["code"], "TLS_REQUIRED")

    def test_a_handshake_that_breaks(self):
        before = self.stack.log("server").count("event=tls_failed")
        for data in (b"\x16\x03\x01\x00\x05hello", b"\x16" * 1000):
            with contextlib.closing(self.connect(tls=None)) as client:
                client.send(data)
                self.assertIsNone(client.answer())
        until(lambda: self.stack.log("server").count("event=tls_failed") >= before + 2, "both are logged")

    def test_a_slow_handshake(self):
        with contextlib.closing(self.connect(tls=None)) as client, contextlib.closing(self.connect(tls=None)) as mute:
            client.send(b"\x16\x03\x01")
            self.assertTrue(client.hung_up())
            self.assertTrue(mute.hung_up())

    def test_another_certificate_while_an_upload_runs(self):
        body = BODY + b" " * 20_000_000
        with contextlib.closing(self.connect()) as client, contextlib.closing(self.connect()) as idle:
            before = self.name_of(client)
            idle.send(head())
            self.assertEqual(idle.answer()[0], 200)
            client.send(upload(body))
            client.send(body[:10_000_000])
            make_certificate(self.folder, "next to " + before)
            self.reload()
            with contextlib.closing(self.connect()) as late:
                self.assertEqual(self.name_of(late), "next to " + before)
                late.send(head())
                self.assertEqual(late.answer()[0], 200)
            client.send(body[10_000_000:])
            self.accepted(client.answer())
            idle.send(head())
            self.assertEqual(idle.answer()[0], 200)

    def test_tls_does_not_go_by_a_reload(self):
        """Neither for those who come then, nor for who was there and has not shaken hands yet."""
        waiting = self.connect(tls=None)
        self.addCleanup(waiting.close)
        with open(self.stack.config) as f:
            settings = f.read()
        self.addCleanup(self.write_settings, settings)
        self.write_settings("".join(line for line in settings.splitlines(True) if not line.startswith("tls_")))
        self.reload("reload_refused")
        waiting.sock.sendall(b"\x16\x03\x01\x00\x05hello")    # no good handshake, but one
        while waiting.sock.recv(1000):
            pass
        self.assertEqual(self.get("/readyz")[0], 200)

    def write_settings(self, text):
        with open(self.stack.config, "w") as f:
            f.write(text)

    def test_a_certificate_that_cannot_be_read_changes_nothing(self):
        with contextlib.closing(self.connect()) as client:
            before = self.name_of(client)
        for file, text in ((self.certificate, b"no certificate"), (self.key, b"no key"), (self.certificate, None)):
            kept = file + ".kept"
            os.rename(file, kept)
            if text is not None:
                with open(file, "wb") as f:
                    f.write(text)
            said = len(self.stack.log("server"))
            self.reload("reload_refused")
            self.assertRegex(self.stack.log("server")[said:], "event=reload_refused reason=.tls_")
            with contextlib.closing(self.connect()) as client:
                self.assertEqual(self.name_of(client), before)
            os.replace(kept, file)


class TlsSettings(unittest.TestCase):
    def test_what_cannot_be_is_refused_at_start(self):
        with tempfile.TemporaryDirectory() as folder:
            certificate, _ = make_certificate(folder, "one")
            _, other = make_certificate(folder, "other", "other")
            for lines, words in (("tls_certificate = %s" % certificate, "tls_key"),
                                 ("tls_key = %s" % other, "tls_certificate"),
                                 ("tls_certificate = %s\ntls_key = %s" % (certificate, other), "tls_key"),
                                 ("tls_certificate = /nowhere\ntls_key = %s" % other, "/nowhere")):
                with self.subTest(lines):
                    with self.assertRaisesRegex(AssertionError, words):
                        Stack("[server]\n" + lines + "\n", start=("server",)).close()


if __name__ == "__main__":
    unittest.main()
