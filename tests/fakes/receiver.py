"""A callback receiver: notes what it is sent, answers what it is told to.

In:  POSTs from the courier. Out: receiver.calls, in order of arrival.
"""
import base64
import hashlib
import hmac
import http.server
import json
import socketserver
import threading
import time


def secret_key(secret):
    """The key bytes of a secret, as the configuration writes it."""
    if secret.startswith("whsec_"):
        return base64.b64decode(secret[len("whsec_"):])
    return secret.encode()


class Call:
    def __init__(self, path, headers, body):
        self.path, self.headers, self.body = path, headers, body
        self.at = time.time()

    def json(self):
        return json.loads(self.body)

    def signed_by(self, secret, tolerance_s=300):
        """Is this a Standard Webhooks message of the holder of secret?"""
        stamp = self.headers.get("webhook-timestamp", "")
        if not stamp.isdigit() or abs(time.time() - int(stamp)) > tolerance_s:
            return False
        message = b".".join([self.headers.get("webhook-id", "").encode(), stamp.encode(), self.body])
        mac = hmac.new(secret_key(secret), message, hashlib.sha256).digest()
        want = "v1," + base64.b64encode(mac).decode()
        given = self.headers.get("webhook-signature", "").split(" ")
        return any(hmac.compare_digest(want, g) for g in given)


class Receiver:
    """Listens on a free port of 127.0.0.1 from construction to close()."""

    def __init__(self):
        self.calls = []
        # What to say to the next calls: a status, (status, headers) or "hang"; then 204 for ever.
        self.answers = []
        self.changed = threading.Condition()
        self.closing = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {k.lower(): v for k, v in self.headers.items()}
                with receiver.changed:
                    receiver.calls.append(Call(self.path, headers, body))
                    answer = receiver.answers.pop(0) if receiver.answers else 204
                    receiver.changed.notify_all()
                if answer == "hang":
                    receiver.closing.wait()
                    return
                answer, more = answer if isinstance(answer, tuple) else (answer, {})
                self.send_response(answer)
                for name, value in more.items():
                    self.send_header(name, value)
                if 300 <= answer < 400:
                    self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request, client_address):
                pass    # a courier that was killed leaves broken connections behind

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/hook" % self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def about(self, job):
        """The calls so far that tell of this job."""
        return [c for c in self.calls if job.encode() in c.body]

    def wait(self, question, timeout_s):
        """Waits until question() is true; returns its last answer."""
        with self.changed:
            self.changed.wait_for(question, timeout_s)
        return question()

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
