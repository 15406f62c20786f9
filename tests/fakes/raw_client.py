"""An HTTP client without manners: sends the bytes it is given, when it is told to.

In:  an address and bytes. Out: whatever comes back, split into status, headers and body.
"""
import socket


class RawClient:
    def __init__(self, address, timeout_s=10):
        self.sock = socket.create_connection(address, timeout_s)

    def send(self, data):
        """False if the peer has hung up."""
        try:
            self.sock.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def answer(self):
        """(status, headers, body) of one response, or None if the peer hung up without any."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = self._receive()
            if not more:
                return None
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            headers[name.strip().lower()] = value.strip()
        want = int(headers.get("content-length", -1))
        while want < 0 or len(body) < want:
            more = self._receive()
            if not more:
                break
            body += more
        return int(lines[0].split(" ")[1]), headers, body

    def vanish(self):
        """Hangs up with a reset, as a client does that loses its power."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.sock.close()

    def close(self):
        self.sock.close()

    def _receive(self):
        try:
            return self.sock.recv(65536)
        except ConnectionResetError:
            return b""
