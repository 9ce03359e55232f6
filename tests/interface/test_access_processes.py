"""Access control between processes, over real connections."""

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx2
import pytest

from tests.support.cli import run
from tests.support.server import JSON_TYPE, Server, get, post, running
from tests.support.tokens import OTHER_KEY, RSA_KEY, public, token


@contextmanager
def stopping(server: Server) -> Iterator[Server]:
    try:
        yield server
    finally:
        server.stop()


def test_first_start_shows_one_key_whoever_starts(database_url: str) -> None:
    with ThreadPoolExecutor(2) as pool, ExitStack() as servers:
        started = pool.map(lambda _: Server(database_url, auth=True), range(2))
        both = [servers.enter_context(stopping(server)) for server in started]
        for server in both:
            server.wait_until_ready()
        shown = [server.admin_key for server in both if server.admin_key is not None]
        assert len(shown) == 1
        assert [get(f"{server.url}/keys", shown[0]).status_code for server in both] == [200, 200]
    with running(database_url, auth=True) as again:
        assert again.admin_key is None
        assert get(f"{again.url}/items", shown[0]).status_code == 200


def test_revoked_key_is_refused_by_every_process_in_the_stated_time(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 1
    monkeypatch.setenv("STOCKLEDGER_KEY_CACHE", str(seconds))
    with running(database_url, auth=True) as one, running(database_url, auth=True) as two:
        new = {"name": "scanner-7", "role": "device", "locations": ["main"]}
        made = post(f"{one.url}/keys", new, one.admin_key).raise_for_status().json()

        def statuses() -> list[int]:
            return [get(f"{server.url}/items", made["key"]).status_code for server in (one, two)]

        assert statuses() == [200, 200]
        revoked = run("keys", "revoke", made["keyId"], STOCKLEDGER_DATABASE_URL=database_url)
        assert revoked.returncode == 0
        time.sleep(seconds)
        assert statuses() == [401, 401]


@pytest.fixture
def provider_url() -> Iterator[str]:
    """The key set URL of an identity provider."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            document = {"keys": [public(RSA_KEY, "r1", "RS256")]}
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/keys"
        server.shutdown()
        thread.join()


def test_token_of_the_provider_lets_in(
    database_url: str, provider_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKLEDGER_OIDC_ISSUER", "https://id.example")
    monkeypatch.setenv("STOCKLEDGER_OIDC_AUDIENCE", "stockledger")
    monkeypatch.setenv("STOCKLEDGER_OIDC_JWKS_URL", provider_url)
    monkeypatch.setenv("STOCKLEDGER_OIDC_ROLES", '{"lead": "manager"}')
    with running(database_url, "--workers", "2", auth=True) as server:
        item = {"location": "main", "sku": "TEA", "name": "Tea", "unit": "box"}
        lead = token(roles=["lead"])
        assert post(f"{server.url}/items", item, lead).status_code == 201
        elsewhere = post(f"{server.url}/items", item | {"location": "far"}, lead)
        assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "FORBIDDEN")
        roleless = get(f"{server.url}/items", token(roles=["clerk"]))
        assert (roleless.status_code, roleless.json()["code"]) == (403, "FORBIDDEN")
        for bad in [token(OTHER_KEY, roles=["lead"]), token(roles=["lead"], aud="else")]:
            assert get(f"{server.url}/items", bad).status_code == 401


def test_provider_that_can_not_be_reached_is_said_to_be_away(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKLEDGER_OIDC_ISSUER", "https://id.example")
    monkeypatch.setenv("STOCKLEDGER_OIDC_AUDIENCE", "stockledger")
    monkeypatch.setenv("STOCKLEDGER_OIDC_JWKS_URL", "http://127.0.0.1:1/keys")
    with running(database_url, auth=True) as server:
        answer = get(f"{server.url}/items", token())
        assert answer.json()["code"] == "IDENTITY_PROVIDER_UNAVAILABLE"
        assert (answer.status_code, answer.json()["retryable"]) == (503, True)
        assert get(f"{server.url}/items", server.admin_key).status_code == 200


def test_body_that_does_not_come_is_waited_for_no_longer_than_said(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKLEDGER_BODY_TIMEOUT", "1")
    with (
        running(database_url, auth=True) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as line,
    ):
        line.sendall(
            b"POST /sync/transactions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
            + f"Authorization: Bearer {server.admin_key}\r\n\r\n".encode()
            + b'{"transactions": ['
        )
        answer = line.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 408")
        while b'"REQUEST_TIMEOUT"' not in answer:
            more = line.recv(65_536)
            assert more, answer
            answer += more


def test_who_is_unknown_is_turned_away_before_the_body(database_url: str) -> None:
    with (
        running(database_url, auth=True) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as line,
    ):
        line.sendall(b"POST /items HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        assert line.recv(65_536).startswith(b"HTTP/1.1 401")


def test_log_is_json_and_knows_no_key(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKLEDGER_LOG_FORMAT", "json")
    with running(database_url, auth=True) as server:
        key = server.admin_key
        assert key is not None
        body = gzip.compress(b'{"transactions": [7]}')
        headers = {"Authorization": f"Bearer {key}", "Content-Encoding": "gzip"} | JSON_TYPE
        httpx2.post(f"{server.url}/sync/transactions", content=body, headers=headers, verify=False)
        bearer = {"Authorization": f"Bearer {key}"}
        httpx2.get(f"{server.url}/items?key={key}", headers=bearer, verify=False)
        server.terminate()
        server.wait()
        shown, _, log = server.output.rpartition("/items\n")
    assert shown.count(key) == 2
    entries = [json.loads(line) for line in log.splitlines()]
    told = [(e["path"], e["status"], e["outcome"], e["actor"]) for e in entries if "path" in e]
    assert told[-2:] == [
        ("/sync/transactions", 200, "0 synced, 1 failed", "first-admin"),
        ("/items", 422, "INVALID", "first-admin"),
    ]
    assert key not in log
