"""Bad network of handhelds: it loses, delays, repeats and cuts requests and answers."""

import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx2


class BadNetwork(httpx2.BaseTransport):
    """A transport with random faults, reproducible for the same seed and requests.

    Args:
        seed: seed of the random faults.
        trouble: probability of a fault per request, from 0 to 1.
    """

    def __init__(self, seed: int, trouble: float = 0.5) -> None:
        self.trouble = trouble
        self.troubles: set[str] = set()
        self._dice = random.Random(seed)
        self._line = httpx2.HTTPTransport(verify=False)
        self._threads = ThreadPoolExecutor(2)

    def close(self) -> None:
        self._threads.shutdown()
        self._line.close()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        kinds = ("lost request", "lost answer", "delay", "twice", "cut request", "cut answer")
        kind = self._dice.choice(kinds) if self._dice.random() < self.trouble else "none"
        self.troubles.add(kind)
        match kind:
            case "lost request":
                raise httpx2.ConnectError("no network")
            case "lost answer":
                self._send(request)
                raise httpx2.ReadTimeout("no answer")
            case "delay":
                time.sleep(self._dice.random() / 50)
                return self._send(request)
            case "twice":
                return max(
                    self._threads.map(self._send, [request] * 2), key=lambda a: a.status_code
                )
            case "cut request":
                self._send_a_part(request)
                raise httpx2.WriteError("connection reset")
            case "cut answer":
                answer = self._send(request)
                part = answer.content[: self._dice.randrange(len(answer.content) + 1)]
                raise httpx2.RemoteProtocolError(f"connection closed after {len(part)} bytes")
            case _:
                return self._send(request)

    def _send(self, request: httpx2.Request) -> httpx2.Response:
        again = httpx2.Request(
            request.method, request.url, headers=request.headers, content=request.content
        )
        answer = self._line.handle_request(again)
        answer.read()
        return answer

    def _send_a_part(self, request: httpx2.Request) -> None:
        """Sends a part of the request on a real connection, which then breaks."""
        head = [f"{request.method} {request.url.raw_path.decode()} HTTP/1.1"]
        head += [f"{name}: {value}" for name, value in request.headers.items()]
        whole = "\r\n".join(head).encode() + b"\r\n\r\n" + request.content
        port = request.url.port
        assert port is not None
        with suppress(OSError), socket.create_connection((request.url.host, port), 5) as line:
            line.sendall(whole[: self._dice.randrange(len(whole))])
