"""An identity provider (OpenID Connect) on loopback, for sign-ins with an account."""

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from interface.settings import Settings
from tests.support.tokens import RSA_KEY, public, token

CLIENT_ID = "stockledger-console"
CLIENT_SECRET = "a secret of the client"


class IdentityProvider:
    """Signs everybody in who asks, with these claims."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.claims: dict[str, Any] = {"sub": "kim", "roles": ["auditor"], "locations": []}
        self.takes = ["client_secret_post"]
        """Ways of a client to prove itself."""
        self.is_down = False
        self.asked = 0
        """Requests for the discovery document."""
        self.begun: dict[str, dict[str, str]] = {}
        """Authorization requests, by code."""

    def settings(self, **more: Any) -> Settings:
        return Settings(
            oidc_issuer=self.url,
            oidc_audience="stockledger",
            oidc_jwks_url=f"{self.url}/keys",
            oidc_client_id=CLIENT_ID,
            oidc_client_secret=CLIENT_SECRET,
            **more,
        )

    def authorize(self, query: dict[str, str]) -> str:
        """Returns the address to which the browser is sent back."""
        code = f"code-{len(self.begun)}"
        self.begun[code] = query
        back = urlencode({"code": code, "state": query["state"], "iss": self.url})
        return f"{query['redirect_uri']}?{back}"

    def redeem(self, form: dict[str, str]) -> dict[str, str]:
        begun = self.begun.pop(form["code"], None)
        challenge = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if (
            begun is None
            or begun["code_challenge"] != challenge.decode()
            or begun["redirect_uri"] != form["redirect_uri"]
            or form.get("client_secret") != CLIENT_SECRET
        ):
            return {"error": "invalid_grant"}
        said = {"iss": self.url, "aud": CLIENT_ID, "nonce": begun["nonce"]} | self.claims
        return {"id_token": token(**said)}

    def answer(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        match path:
            case "/keys":
                return {"keys": [public(RSA_KEY, "r1", "RS256")]}
            case "/.well-known/openid-configuration":
                self.asked += 1
                if self.is_down:
                    return {"error": "down"}
                return {
                    "token_endpoint_auth_methods_supported": self.takes,
                    "issuer": self.url,
                    "authorization_endpoint": f"{self.url}/authorize",
                    "token_endpoint": f"{self.url}/token",
                }
            case "/token":
                return self.redeem(query)
        raise AssertionError(path)


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorize(query))
                self.end_headers()
                return
            self._send(provider.answer(parts.path, query))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            basic = self.headers.get("Authorization", "").removeprefix("Basic ")
            if basic and "client_secret_basic" in provider.takes:
                form["client_secret"] = b64decode(basic).decode().partition(":")[2]
            self._send(provider.answer(self.path, form))

        def _send(self, answer: dict[str, Any]) -> None:
            self.send_response(400 if "error" in answer else 200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = IdentityProvider(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
