"""The identity provider (OpenID Connect), over HTTP: its key set, and the sign-in of people.

People sign in by the authorization code flow with PKCE (OpenID Connect Core, 3.1; RFC 7636). The
server keeps no token: it verifies the ID token, and opens a session with what this grants.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from threading import Lock
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
from cachetools import TTLCache

from application.access.errors import Unauthenticated
from application.access.principal import Principal
from application.access.sessions import RECENT
from application.access.tokens import FetchKeys, IdentityProviderUnavailable, TokenVerifier

TIMEOUT_SECONDS: Final = 5
"""Timeout of a request, which a caller may be waiting for."""

DISCOVERY_TTL_SECONDS: Final = 3_600

RETRY_SECONDS: Final = 30
"""Seconds in which an unreachable provider is not asked again: everybody may begin a sign-in, and
each would wait."""

SCOPE: Final = "openid profile"

MAX_AGE: Final = RECENT
"""How long ago people may have signed in at the provider: its own session may be weeks old."""


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
        self._lock = Lock()
        self._discovered: TTLCache[str, Mapping[str, Any]] = TTLCache(1, DISCOVERY_TTL_SECONDS)
        self._failed: TTLCache[str, str] = TTLCache(1, RETRY_SECONDS)

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
            "max_age": int(MAX_AGE.total_seconds()),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        address = self._endpoint("authorization_endpoint")
        return f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}"

    def redeem(self, code: str, redirect: str, nonce: str, verifier: str) -> Principal:
        """Exchanges the code for the person who signed in.

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
        auth = self._authentication(form)
        address = self._endpoint("token_endpoint")
        answer = _json(
            lambda: httpx2.post(address, data=form, auth=auth, timeout=TIMEOUT_SECONDS),
            address,
            refusable=True,
        )
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise Unauthenticated("invalid", "the identity provider refused this sign-in")
        return self._verifier.verify(token, nonce, MAX_AGE)[0]

    def _authentication(self, form: dict[str, str]) -> tuple[str, str] | None:
        """How this client proves itself: the way that the provider takes (OpenID Connect
        Discovery, section 3). Adds the secret to the form, or returns it."""
        if self._client_secret is None:
            return None
        taken = self._document().get("token_endpoint_auth_methods_supported")
        if isinstance(taken, list) and "client_secret_post" in taken:
            form["client_secret"] = self._client_secret
            return None
        return self._client_id, self._client_secret

    def _document(self) -> Mapping[str, Any]:
        """Returns the discovery document. One caller fetches it, the others wait."""
        with self._lock:
            if "" in self._failed:
                raise IdentityProviderUnavailable(self._failed[""])
            found = self._discovered.get("")
            if found is None:
                found = self._fetch_document()
                self._discovered[""] = found
            return found

    def _fetch_document(self) -> Mapping[str, Any]:
        url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            document = _json(lambda: httpx2.get(url, timeout=TIMEOUT_SECONDS), url)
        except IdentityProviderUnavailable as error:
            self._failed[""] = str(error)
            raise
        if document.get("issuer") != self._issuer:
            raise IdentityProviderUnavailable(f"{url}: it is of another issuer")
        return document

    def _endpoint(self, name: str) -> str:
        address = self._document().get(name)
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
