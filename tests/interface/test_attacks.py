"""What strangers, and devices that mean harm, try on a real server.

Each attack is bounded, and the others are served meanwhile.
"""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.server import PATIENCE, Server, get, running

MIB = 2**20


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@contextmanager
def line_to(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as line:
        yield line


def resident_bytes(server: Server) -> int:
    """Of the server's process."""
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * 4096


def send_until_cut(line: socket.socket, chunk: bytes, at_most: int) -> int:
    """How many bytes the server took before it ended the connection; all where it never did."""
    sent = 0
    with suppress(OSError):
        while sent < at_most:
            line.sendall(chunk)
            sent += len(chunk)
    return sent


def answer_on(line: socket.socket) -> bytes:
    """All that comes until the server ends the connection."""
    found = b""
    with suppress(OSError):
        while piece := line.recv(65_536):
            found += piece
    return found


ENDLESS = {
    "a header": (b"GET /items HTTP/1.1\r\nHost: a\r\nX-Long: ", b"x" * 65_536),
    "headers": (b"GET /items HTTP/1.1\r\nHost: a\r\n", b"X-A: b\r\n" * 8_192),
    "a URL": (b"GET /", b"x" * 65_536),
    "a method": (b"", b"X" * 65_536),
    "a trailer": (
        b"POST /items HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Long: ",
        b"x" * 65_536,
    ),
    "a chunk's extension": (
        b"POST /items HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=",
        b"x" * 65_536,
    ),
    "requests in a pipeline": (b"", b"GET /items HTTP/1.1\r\nHost: a\r\n\r\n" * 2_000),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_endless_head_is_cut(url: str, what: str) -> None:
    head, chunk = ENDLESS[what]
    with running(url, auth=True) as server:
        get(f"{server.url}/health/ready")
        before = resident_bytes(server)
        with ExitStack() as stack:
            lines = [stack.enter_context(line_to(server)) for _ in range(4)]
            sent = []
            for line in lines:
                line.sendall(head)
                sent.append(send_until_cut(line, chunk, at_most=32 * MIB))
            assert max(sent) < 16 * MIB  # What the sockets hold, at the most.
            assert resident_bytes(server) - before < 32 * MIB
        assert get(f"{server.url}/health/ready").is_success


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"GET /items HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431, "HEADERS_TOO_LARGE"),
        (b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\n\r\n", 431, "HEADERS_TOO_LARGE"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431, "HEADERS_TOO_LARGE"),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400, "MALFORMED_REQUEST"),
    ],
)
def test_refused_head_is_told(url: str, request_: bytes, status: int, code: str) -> None:
    with running(url) as server, line_to(server) as line:
        line.sendall(request_)
        head, _, body = answer_on(line).partition(b"\r\n\r\n")
        assert head.startswith(f"HTTP/1.1 {status}".encode())
        assert json.loads(body)["code"] == code


def test_largest_good_head_is_taken(url: str) -> None:
    token = "x" * 16_000
    with running(url, auth=True) as server:
        assert get(f"{server.url}/items", key=token).status_code == 401


SLOW = {
    "nothing": b"",
    "a part of the head": b"GET /items HTTP/1.1\r\n",
    "a part of the next head": b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\nGET ",
}


@pytest.mark.parametrize("what", SLOW)
def test_connection_that_sends_nothing_more_is_ended(
    url: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKLEDGER_IDLE_TIMEOUT", "1")
    with running(url) as server, line_to(server) as line:
        line.sendall(SLOW[what])
        answer_on(line)  # Returns when the server has ended it.


def test_body_that_goes_on_after_its_answer_is_ended(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKLEDGER_IDLE_TIMEOUT", "1")
    with running(url, auth=True) as server, line_to(server) as line:
        line.sendall(b"POST /items HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000\r\n\r\n")
        assert b"401" in line.recv(65_536)

        def drip() -> None:
            with suppress(OSError):
                while True:
                    line.sendall(b"x")
                    time.sleep(0.05)

        dripping = threading.Thread(target=drip)
        dripping.start()
        answer_on(line)
        dripping.join()


@pytest.mark.parametrize("begin", [b"", b"GET /items HTTP/1.1\r\n"])
def test_silent_connections_keep_nobody_out(
    url: str, begin: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKLEDGER_MAX_CONNECTIONS", "50")
    monkeypatch.setenv("STOCKLEDGER_IDLE_TIMEOUT", "60")
    with running(url) as server, ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(line_to(server)).sendall(begin)
            assert get(f"{server.url}/health/live").is_success
        assert get(f"{server.url}/health/ready").is_success
        assert get(f"{server.url}/items").is_success


def test_health_answers_while_all_connections_are_at_work(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKLEDGER_MAX_CONNECTIONS", "5")
    monkeypatch.setenv("STOCKLEDGER_MAX_STREAMS", "50")
    request = b"GET /sync/changes?wait=30 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with running(url) as server, ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(line_to(server)).sendall(request)
        for _ in range(10):
            assert get(f"{server.url}/health/ready").is_success
