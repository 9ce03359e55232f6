"""The identity provider (OpenID Connect), over HTTP: its key set, and the sign-in of people.

People sign in by the authorization code flow with PKCE (OpenID Connect Core, 3.1; RFC 7636). The
server keeps no token: it verifies the ID token, and opens a session with what this grants.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
from cachetools import TTLCache

from application.access.errors import Unauthenticated
from application.access.principal import Principal
from application.access.tokens import FetchKeys, IdentityProviderUnavailable, TokenVerifier

TIMEOUT_SECONDS: Final = 5
"""Timeout of a request, which a caller may be waiting for."""

DISCOVERY_TTL_SECONDS: Final = 3_600

SCOPE: Final = "openid profile"


def fetch_from(url: str) -> FetchKeys:
    """A function that fetches the JWKS document (RFC 7517) at `url`. It raises
    IdentityProviderUnavailable if the request fails, or the answer is not a JSON object.
    """
    return lambda: _json(lambda: httpx2.get(url, timeout=TIMEOUT_SECONDS), url)


class SignInProvider:
    """The sign-in of people at the identity provider.

    Args:
        issuer: its address. The discovery document lies below it.
        client_id: of this server at the provider.
        client_secret: None for a public client.
        verifier: checks ID tokens, whose audience is the client.
    """

    def __init__(
        self, issuer: str, client_id: str, client_secret: str | None, verifier: TokenVerifier
    ) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._verifier = verifier
        self._discovered: TTLCache[str, Mapping[str, Any]] = TTLCache(1, DISCOVERY_TTL_SECONDS)

    def authorization_url(self, redirect: str, state: str, nonce: str, verifier: str) -> str:
        """Returns the address of the provider's sign-in page.

        Args:
            redirect: the address to which the provider sends the browser back.
            state: binds the answer to the browser.
            nonce: binds the ID token to this sign-in.
            verifier: the PKCE code verifier.

        Raises IdentityProviderUnavailable.
        """
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        parameters = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect,
            "scope": SCOPE,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        address = self._endpoint("authorization_endpoint")
        return f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}"

    def redeem(
        self, code: str, redirect: str, nonce: str, verifier: str
    ) -> tuple[Principal, datetime]:
        """Exchanges the code for the person who signed in, and the expiry of their token.

        Raises:
            Unauthenticated: the provider refuses the code, or its token is not valid here.
            Forbidden: the token gives no role here.
            IdentityProviderUnavailable: the provider can't be reached.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "client_id": self._client_id,
            "code_verifier": verifier,
        }
        if self._client_secret is not None:
            form["client_secret"] = self._client_secret
        address = self._endpoint("token_endpoint")
        answer = _json(
            lambda: httpx2.post(address, data=form, timeout=TIMEOUT_SECONDS),
            address,
            refusable=True,
        )
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise Unauthenticated("invalid", "the identity provider refused this sign-in")
        return self._verifier.verify(token, nonce)

    def _endpoint(self, name: str) -> str:
        document = self._discovered.get("")
        if document is None:
            url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
            document = _json(lambda: httpx2.get(url, timeout=TIMEOUT_SECONDS), url)
            self._discovered[""] = document
        address = document.get(name)
        if not isinstance(address, str) or not address.startswith(("https://", "http://")):
            raise IdentityProviderUnavailable(f"{self._issuer}: no {name} in its configuration")
        return address


def _json(
    request: Callable[[], httpx2.Response], url: str, *, refusable: bool = False
) -> Mapping[str, Any]:
    """Sends a request, and returns the JSON object of its answer; of a refusal only if `refusable`.

    Raises IdentityProviderUnavailable.
    """
    try:
        answer = request()
        if not (refusable and answer.is_client_error):
            answer.raise_for_status()
        document = answer.json()
    except (httpx2.HTTPError, ValueError) as error:
        raise IdentityProviderUnavailable(f"{url}: {error}") from error
    if not isinstance(document, dict):
        raise IdentityProviderUnavailable(f"{url}: not a JSON object")
    return document
