"""Bad line to a server: it refuses connections and loses answers."""

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

ANSWER_TIMEOUT_SECONDS: Final = 20


class BadLine:
    """A TCP relay with random faults. It refuses a third of the connections at once. For another
    third, the request arrives and the answer is lost."""

    def __init__(self, port: int, seed: int) -> None:
        self._target = ("127.0.0.1", port)
        self._dice = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.refused = self.lost = self.passed = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.close()
        self._thread.join(1)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                threading.Thread(target=self._relay, args=[line], daemon=True).start()

    def _relay(self, line: socket.socket) -> None:
        """Relays one request. The answer tells the client to close the connection."""
        with line, suppress(OSError):
            kind = self._dice.choice(("refuse", "lose", "pass"))
            if kind == "refuse":
                self.refused += 1
                return
            request = _message(line)
            if not request:
                return
            with socket.create_connection(self._target, ANSWER_TIMEOUT_SECONDS) as server:
                server.sendall(request.replace(b"keep-alive", b"close", 1))
                answer = _message(server)
            if kind == "lose":
                self.lost += 1
                return
            self.passed += 1
            line.sendall(answer)


def _message(line: socket.socket) -> bytes:
    """Reads a complete HTTP message, with a Content-Length or without a body."""
    line.settimeout(ANSWER_TIMEOUT_SECONDS)
    data = b""
    while b"\r\n\r\n" not in data:
        part = line.recv(65_536)
        if not part:
            return data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(value)
            for name, _, value in (field.partition(b":") for field in head.lower().split(b"\r\n"))
            if name == b"content-length"
        ),
        0,
    )
    while len(body) < length:
        part = line.recv(65_536)
        if not part:
            break
        body += part
    return head + b"\r\n\r\n" + body


@contextmanager
def bad_line(port: int, seed: int) -> Iterator[BadLine]:
    line = BadLine(port, seed)
    try:
        yield line
    finally:
        line.close()
