"""The courier and receivers that cannot be trusted, or that are away."""
import contextlib
import gzip
import http.server
import os
import socket
import ssl
import subprocess
import threading
import unittest

from harness import PATIENCE_S, SANITISED, peak_rss_mb, until
from owing import Owing


class Receivers(Owing):
    def test_receivers_that_mean_harm(self):
        """What each says, and what is made of it. None keeps the courier from others, or from its memory's bounds."""
        ok = b"HTTP/1.1 200 OK\r\n"
        harms = {
            "endless body": (ok + b"\r\n", b"x" * 65536, True),
            "endless header": (ok + b"x: ", b"x" * 65536, True),
            "endless headers": (ok, b"x: " + b"y" * 60 + b"\r\n", True),
            "endless status": (b"HTTP/1.1 ", b"2" * 65536, False),
            "endless interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, False),
            "one byte at a time": (b"HTTP/1.1 50", b"", False),
            "no http at all": (b"SSH-2.0-x\r\n", b"x" * 100, False),
            "http of old": (b"fine\r\n", None, False),
            "nothing": (b"", None, False),
            "a length that is none": (ok + b"content-length: -1\r\n\r\n", None, True),
            "a broken chunk": (ok + b"transfer-encoding: chunked\r\n\r\nzz\r\n", None, True),
            "a packed bomb": (ok + b"content-encoding: gzip\r\n\r\n", gzip.compress(bytes(1 << 24)), True),
        }
        for name, (begin, again, _) in harms.items():
            self.source(name.replace(" ", "-"), self.harmful(begin, again))
        self.stack.start("courier")
        jobs = {name: self.owe(name.replace(" ", "-"), callback_attempts=57)[0] for name in harms}
        good, _ = self.owe()
        self.until(good, "delivered")
        for name, job in jobs.items():
            taken = harms[name][2]
            with self.subTest(name):
                until(lambda: self.field(job, "callback"), "it is settled")
                self.assertEqual(self.field(job, "callback"), "delivered" if taken else "failed")
                self.assertEqual(self.field(job, "callback_attempts"), "58" if taken else "60")
        if not SANITISED:
            self.assertLess(peak_rss_mb(self.stack.pid("courier")), 48)

    def harmful(self, begin, again):
        """The URL of a receiver that reads a request, says begin, then again and again what follows (None: ends)."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def serve(connection):
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(begin)
                while again:
                    connection.sendall(again)
                if again is not None:
                    connection.settimeout(PATIENCE_S)
                    connection.recv(1)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return "http://127.0.0.1:%d/" % listener.getsockname()[1]

    def test_a_receiver_that_is_away_does_not_keep_out_others(self):
        self.stack.environ = {"GEOSLUICE_COURIER_BACKOFF_MIN_MS": "3600000",
                              "GEOSLUICE_COURIER_BACKOFF_MAX_MS": "3600000"}
        self.source("away", "http://127.0.0.1:1/")      # nobody listens there
        self.stack.start("courier")
        for _ in range(6000):
            away, _ = self.owe("away")
        job, _ = self.owe()
        self.until(job, "delivered")
        # And those beyond its share are tried in the end.
        self.assertIsNone(self.field(away, "callback"))

    def test_certificates(self):
        """A receiver is called only if its certificate is signed by somebody trusted, and names it."""
        authority, good = self.certificates("IP:127.0.0.1")
        _, other = self.certificates("DNS:receiver.example", authority)
        calls = {"good": self.tls("good", good), "elsewhere": self.tls("elsewhere", other)}
        self.stack.start("courier")             # trusts the system's authorities alone
        job, _ = self.owe("good")
        until(lambda: int(self.field(job, "callback_attempts") or 0) >= 2, "it is tried twice")
        self.stack.stop("courier")
        self.assertEqual(calls, {"good": [], "elsewhere": []})
        self.stack.environ = {"GEOSLUICE_COURIER_CA_FILE": authority + ".pem"}
        self.stack.start("courier")
        self.settled(job, "delivered")
        self.assertEqual(calls["good"], ["msg_" + job])
        job, _ = self.owe("elsewhere", callback_attempts=57)
        self.settled(job, "failed")
        self.assertEqual(self.field(job, "callback_status"), "0")
        self.assertEqual(calls["elsewhere"], [])
        self.stack.stop("courier")
        self.stack.environ = {"GEOSLUICE_COURIER_CA_FILE": "/nowhere.pem"}
        self.stack.start("courier")
        self.assertEqual(self.stack.running.pop("courier").wait(PATIENCE_S), 1)
        self.assertIn("/nowhere.pem", self.stack.log("courier"))

    def certificates(self, name, authority=None):
        """An authority (made if it is not given) and a key with a certificate for name: paths without .pem."""
        def openssl(*args):
            subprocess.run(["openssl", *args], check=True, cwd=self.stack.dir, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=PATIENCE_S)
        key = os.path.join(self.stack.dir, name.replace(":", "-"))
        new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        if authority is None:
            authority = os.path.join(self.stack.dir, "authority")
            openssl(*new, "-subj", "/CN=authority", "-keyout", authority + ".key", "-out", authority + ".pem")
        openssl(*new, "-subj", "/CN=127.0.0.1", "-keyout", key + ".key", "-out", key + ".pem", "-addext",
                "subjectAltName=" + name, "-CA", authority + ".pem", "-CAkey", authority + ".key")
        return authority, key

    def tls(self, source, key):
        """A receiver that speaks TLS, as a source; the webhook-ids that reach it."""
        got = []

        class Taking(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                got.append(self.headers["webhook-id"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                pass    # who does not trust it hangs up

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(key + ".pem", key + ".key")
        server = Server(("127.0.0.1", 0), Taking)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.source(source, "https://127.0.0.1:%d/" % server.server_port)
        return got

    def test_gives_up_after_the_last_attempt(self):
        self.receiver.answers += [500] * 100
        self.stack.start("courier")
        job, _ = self.owe(callback_attempts=57, callback_at=1, callback_status=500)
        self.settled(job, "failed")
        self.assertEqual(len(self.receiver.about(job)), 3)

    def test_a_receiver_that_hangs_is_tried_again(self):
        self.receiver.answers.append("hang")
        self.stack.start("courier")
        job, _ = self.owe()
        self.settled(job, "delivered")
        self.assertEqual(len(self.receiver.about(job)), 2)


if __name__ == "__main__":
    unittest.main()
