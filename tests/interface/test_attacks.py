"""Attacks on a real server, by strangers and by malicious devices.

The server limits each attack, and serves other clients at the same time.
"""

import gzip
import json
import os
import resource
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
import uvicorn

from application.persistence.sqlite.datastore import (
    MAX_READERS,
    READER_CACHE_KIB,
    WRITER_CACHE_KIB,
)
from interface.api.app import create_app
from interface.api.http_protocol import BoundedHttpProtocol
from interface.settings import Settings
from tests.support.builders import element
from tests.support.server import COMMAND, TIMEOUT_SECONDS, Server, get, post, register, running

MIB = 2**20


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@contextmanager
def line_to(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) as line:
        yield line


def resident_bytes(server: Server) -> int:
    """Resident memory of the server process, in bytes."""
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * 4096


def send_until_cut(line: socket.socket, chunk: bytes, at_most: int) -> int:
    """Bytes sent until the server closed the connection, at most `at_most`."""
    sent = 0
    with suppress(OSError):
        while sent < at_most:
            line.sendall(chunk)
            sent += len(chunk)
    return sent


def answer_on(line: socket.socket) -> bytes:
    """All bytes that arrive until the server closes the connection."""
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
            assert max(sent) < 16 * MIB  # At most the buffers of the sockets.
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
        answer_on(line)  # Returns when the server closes it.


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


def post_raw(server: Server, path: str, body: bytes, headers: dict[str, str]) -> httpx2.Response:
    return httpx2.post(
        f"{server.url}{path}", content=body, headers=headers, timeout=TIMEOUT_SECONDS
    )


def test_half_sent_bodies_of_one_caller_are_bounded_together(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKLEDGER_BODY_TIMEOUT", "5")
    with running(url, auth=True) as server, ExitStack() as stack:
        key = server.admin_key
        assert key is not None
        head = (
            f"POST /sync/transactions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: application/json\r\nContent-Length: 16000000\r\n\r\n"
        ).encode()
        before = resident_bytes(server)
        lines = [stack.enter_context(line_to(server)) for _ in range(20)]
        for line in lines:
            with suppress(OSError):
                line.sendall(head)
                line.sendall(b" " * 15 * MIB)
        assert resident_bytes(server) - before < 100 * MIB
        answers = [line.recv(4_096).split(b" ")[1] for line in lines]
        assert set(answers) <= {b"429", b"408"}
        assert answers.count(b"429") >= 18  # Two of them fit.
        assert get(f"{server.url}/health/ready").is_success
        for line in lines:
            line.close()
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not get(f"{server.url}/items", key).is_success:
            assert time.monotonic() < deadline


BATCH = b'{"transactions": []}'
OF_A_PAGE = {
    "text/plain": ({"Content-Type": "text/plain"}, 415),
    "a form": ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "no type": ({}, 415),
    "another site": ({"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"}, 403),
    "another port": ({"Content-Type": "application/json", "Sec-Fetch-Site": "same-site"}, 403),
    "another origin": ({"Content-Type": "application/json", "Origin": "https://evil.example"}, 403),
    "no origin": ({"Content-Type": "application/json", "Origin": "null"}, 403),
    "a name of its own": ({"Content-Type": "application/json", "Host": "evil.example"}, 400),
}


@pytest.mark.parametrize("what", OF_A_PAGE)
def test_page_on_the_web_writes_nothing_to_a_server_without_authentication(
    url: str, what: str
) -> None:
    headers, status = OF_A_PAGE[what]
    with running(url) as server:
        assert post_raw(server, "/sync/transactions", BATCH, headers).status_code == status
        own = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
        assert post_raw(
            server, "/sync/transactions", BATCH, own | {"Origin": server.url}
        ).is_success
        assert post_raw(
            server, "/sync/transactions", BATCH, {"Content-Type": "application/json; charset=utf-8"}
        ).is_success


@pytest.mark.parametrize("media_type", ["text/plain", None])
@pytest.mark.parametrize("path", ["/sync/transactions", "/items", "/sync/status", "/keys"])
def test_body_of_another_type_is_refused_everywhere(
    url: str, path: str, media_type: str | None
) -> None:
    with running(url, auth=True) as server:
        headers = {"Authorization": f"Bearer {server.admin_key}"}
        if media_type is not None:
            headers["Content-Type"] = media_type
        answer = post_raw(server, path, BATCH, headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
        assert "Content-Type: application/json" in answer.json()["detail"]


def test_body_of_a_stranger_is_not_kept(url: str) -> None:
    with running(url, auth=True) as server:
        json_type = {"Content-Type": "application/json"}
        for path in ("/health/ready", "/openapi.json", "/docs"):
            answer = post_raw(server, path, b" " * 10_000, json_type)
            assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")


def test_bodies_of_strangers_on_their_way_keep_health_from_nobody(url: str) -> None:
    with running(url, auth=True) as server, ExitStack() as stack:
        for _ in range(60):
            line = stack.enter_context(line_to(server))
            line.sendall(b"POST /health/ready HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        assert get(f"{server.url}/health/ready").is_success


@pytest.mark.slow
def test_full_disk_is_told_by_readiness(url: str) -> None:
    """A limit on the size of files simulates a full disk: writes fail in the same way."""
    with running(url) as server:
        tea = register(server.url)
        assert get(f"{server.url}/health/ready").is_success
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (4_096, resource.RLIM_INFINITY))
        batch = {"transactions": [element("INBOUND", UUID(tea), 1)]}
        answer = post(f"{server.url}/sync/transactions", batch)
        assert (answer.status_code, answer.json()["code"]) == (503, "STORE_UNAVAILABLE")
        wait_for_readiness(server, 503)
        assert get(f"{server.url}/items").is_success
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        wait_for_readiness(server, 200)
        assert post(f"{server.url}/sync/transactions", batch).json()["synced"]


def wait_for_readiness(server: Server, status: int) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while get(f"{server.url}/health/ready").status_code != status:
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.parametrize("is_replaced", [False, True])
def test_file_that_is_gone_under_a_server_is_told(
    url: str, tmp_path: Path, is_replaced: bool
) -> None:
    with running(url) as server:
        tea = register(server.url)
        (tmp_path / "ledger.db").rename(tmp_path / "kept.db")
        if is_replaced:
            (tmp_path / "ledger.db").touch()
        batch = {"transactions": [element("INBOUND", UUID(tea), 1)]}
        assert post(f"{server.url}/sync/transactions", batch).status_code == 503
        assert get(f"{server.url}/items").status_code == 503
        assert get(f"{server.url}/health/ready").status_code == 503
        assert get(f"{server.url}/health/live").is_success


@pytest.mark.parametrize("what", ["a key", "half a key", "a token"])
def test_credential_in_a_path_stays_out_of_log_and_trail(url: str, what: str) -> None:
    with running(url, auth=True) as server:
        key = server.admin_key
        assert key is not None
        token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ0b20ifQ.c2lnbmF0dXJl"
        credential = {"a key": key, "half a key": key[:30], "a token": token}[what]
        for shown in (None, key):
            get(f"{server.url}/items/{credential}", shown)
            get(f"{server.url}/{credential}?key={credential}", shown)
        trail = get(f"{server.url}/audit", key).text
        logged = server.output.partition("startup complete")[2]
    assert "/items/***" in logged
    assert credential not in logged
    assert credential not in trail


def test_damaged_file_ends_the_start_in_one_line(url: str, tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"no database at all " * 500)
    done = subprocess.run(
        [COMMAND, "serve"],
        env=os.environ | {"STOCKLEDGER_DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_page_caches_are_bounded_together() -> None:
    assert MAX_READERS * READER_CACHE_KIB + WRITER_CACHE_KIB < 256 * 1024


@contextmanager
def served_with_small_buffers(url: str) -> Iterator[uvicorn.Server]:
    """A server in this process. Its socket buffers are small, so answers wait in the server."""
    config = uvicorn.Config(
        create_app(Settings(database_url=url)), http=BoundedHttpProtocol, log_level="error"
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)
    config.port = listener.getsockname()[1]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join()


GET_LARGE = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"


def small_line_to(server: uvicorn.Server) -> socket.socket:
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    line.settimeout(TIMEOUT_SECONDS)
    line.connect(("127.0.0.1", server.config.port))
    return line


def test_answers_that_are_not_read_end_their_connection(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interface.api.http_protocol.MAX_UNREAD_SECONDS", 0.5)
    with served_with_small_buffers(url) as server, small_line_to(server) as line:
        line.sendall(GET_LARGE * 4)
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not server.server_state.connections:
            assert time.monotonic() < deadline
        while server.server_state.connections:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_answer_that_is_read_slowly_comes_whole(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handheld on a slow line is not an attack, while it makes progress."""
    monkeypatch.setattr("interface.api.http_protocol.MAX_UNREAD_SECONDS", 0.5)
    with served_with_small_buffers(url) as server, small_line_to(server) as line:
        line.sendall(GET_LARGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        found = b""
        while piece := line.recv(2_048):
            found += piece
            time.sleep(0.05)
    head, _, body = found.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert json.loads(body)["openapi"]


def begun_batch(server: Server) -> bytes:
    """The head and the first byte of a request whose body never ends."""
    return (
        f"POST /sync/transactions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
        f"{server.admin_key}\r\nContent-Length: 100\r\n\r\n["
    ).encode()


def test_very_many_bodies_on_their_way_keep_nobody_out(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKLEDGER_MAX_CONNECTIONS", "20")
    with running(url, auth=True) as server, ExitStack() as stack:
        head = begun_batch(server)
        for _ in range(100):
            stack.enter_context(line_to(server)).sendall(head)
        for _ in range(5):
            assert get(f"{server.url}/health/live").is_success
            assert get(f"{server.url}/items", server.admin_key).is_success


def test_bodies_of_one_caller_on_their_way_are_bounded_in_number(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKLEDGER_BODY_TIMEOUT", "3")
    with running(url, auth=True) as server, ExitStack() as stack:
        head = begun_batch(server)
        lines = [stack.enter_context(line_to(server)) for _ in range(40)]
        for line in lines:
            line.sendall(head)
        answers = [line.recv(4_096).split(b" ")[1] for line in lines]
        assert (answers.count(b"429"), answers.count(b"408")) == (8, 32)


BOMBS = (b"[]", b"{}", b'{"a":1}', b"1")


def test_body_that_would_fill_the_memory_is_refused_before_it_is_read(url: str) -> None:
    with running(url, auth=True) as server:
        before = resident_bytes(server)
        headers = {
            "Authorization": f"Bearer {server.admin_key}",
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
        }
        for part in BOMBS:
            many = b",".join([part] * (15 * MIB // (len(part) + 1)))
            body = gzip.compress(b'{"transactions": [' + many + b"]}", 1)
            for path in ("/sync/transactions", "/sync/status", "/items"):
                answer = post_raw(server, path, body, headers)
                assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
        assert resident_bytes(server) - before < 100 * MIB
