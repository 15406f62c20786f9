"""An HTTP client without manners: sends the bytes it is given, when it is told to.

In:  an address and bytes. Out: whatever comes back, split into status, headers and body.
"""
import socket
import time


class RawClient:
    def __init__(self, address, timeout_s=10, receive_buffer=None, tls=None):
        """tls: an ssl.SSLContext. receive_buffer: bytes, set before the handshake, so that the window is small."""
        self.sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self.sock.settimeout(timeout_s)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.connect(address)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        self.left = b""     # came behind the last answer

    def send(self, data):
        """False if the peer has hung up."""
        try:
            self.sock.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def answer(self, body=True):
        """(status, headers, body) of one response, or None if the peer hung up without any. 100 is an answer too.
        body: there is one, as of any answer but that to HEAD."""
        data, self.left = self.left, b""
        while b"\r\n\r\n" not in data:
            more = self._receive()
            if not more:
                return None
            data += more
        head, self.left = data.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            headers[name.strip().lower()] = value.strip()
        status = int(lines[0].split(" ")[1])
        if status == 100 or not body:
            return status, headers, b""
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, self._chunks()
        return status, headers, self._exactly(int(headers["content-length"]) if "content-length" in headers else None)

    def hung_up(self, within_s=None):
        """Has the peer, having sent nothing more? Waits for it."""
        if within_s is not None:
            self.sock.settimeout(within_s)
        try:
            return not self.left and not self._receive()
        except TimeoutError:
            return False

    def finish_sending(self):
        """Half-closes: nothing more is sent, all is read."""
        self.sock.shutdown(socket.SHUT_WR)

    def drip(self, data, every_s, until):
        """Sends byte after byte until all are sent or until() is true or the peer hangs up."""
        for i in range(len(data)):
            if until() or not self.send(data[i:i + 1]):
                return
            time.sleep(every_s)

    def vanish(self):
        """Hangs up with a reset, as a client does that loses its power."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.sock.close()

    def close(self):
        self.sock.close()

    def _exactly(self, n):
        """n bytes; None: all until the peer hangs up."""
        data, self.left = self.left, b""
        while n is None or len(data) < n:
            more = self._receive()
            if not more:
                break
            data += more
        if n is not None:
            data, self.left = data[:n], data[n:]
        return data

    def _chunks(self):
        body = b""
        while True:
            size = b""
            while not size.endswith(b"\r\n"):
                byte = self._exactly(1)
                if not byte:
                    raise ConnectionError("the last chunk is missing")
                size += byte
            piece = self._exactly(int(size, 16) + 2)
            body += piece[:-2]
            if int(size, 16) == 0:
                return body

    def _receive(self):
        try:
            return self.sock.recv(65536)
        except ConnectionResetError:
            return b""
