"""Bearer tokens (JWT, RFC 7519) of the user's own identity provider.

They are checked with the provider's published keys (JWKS, RFC 7517).
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, Final

import jwt

from application.access.errors import Forbidden, Unauthenticated
from application.access.principal import Principal
from application.access.roles import Role
from domain.actor import Actor
from domain.errors import Invalid
from domain.labels import label

ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""Algorithms that may be allowed: signatures with a private key, no shared secrets."""

KEY_SET_TTL_SECONDS: Final = 300
"""TTL of the provider's key set."""

REFETCH_SECONDS: Final = 30
"""Minimum seconds between two fetches of the key set. Otherwise each token with an invented key
would cause a call to the provider."""

LEEWAY_SECONDS: Final = 30
"""Tolerance for the provider's clock."""

_UNREADABLE = (jwt.PyJWTError, ValueError, TypeError, OverflowError, OSError, RecursionError)
"""Errors that a hostile token may cause while it is read."""

_LOG = logging.getLogger("stockledger")

FetchKeys = Callable[[], Mapping[str, Any]]
"""Fetches the provider's JWKS document. Raises IdentityProviderUnavailable."""


class IdentityProviderUnavailable(Exception):
    """The provider's keys can't be fetched now."""


@dataclass(frozen=True, kw_only=True)
class TokenRules:
    """Rules for tokens: the required values, and the claims that describe the bearer. A claim
    within a claim is named with dots, as in `realm_access.roles`."""

    issuer: str
    audience: str
    algorithms: Sequence[str]
    actor_claim: str = "sub"
    role_claim: str = "roles"
    location_claim: str = "locations"
    roles: Mapping[str, Role] = field(default_factory=lambda: {role.value: role for role in Role})
    """Our roles, by the provider's names for them."""


class TokenVerifier:
    """Checks tokens against the rules and the provider's keys."""

    def __init__(self, rules: TokenRules, fetch_keys: FetchKeys) -> None:
        self._rules = rules
        self._keys = _ProviderKeys(fetch_keys)

    def verify(
        self, token: str, nonce: str | None = None, max_age: timedelta | None = None
    ) -> tuple[Principal, datetime]:
        """Returns the bearer of the token, and its expiry.

        Args:
            token: as the caller sent it.
            nonce: that an ID token must have (OpenID Connect Core, 3.1.3.7); None of an access
                token.
            max_age: how long ago the bearer may have signed in at the provider, as far as it says.

        Raises:
            Unauthenticated: the token is not valid, or has expired.
            Forbidden: it gives no role here.
            IdentityProviderUnavailable: the provider's keys can't be fetched.
        """
        try:
            claims = self._claims(token)
            until = datetime.fromtimestamp(claims["exp"], UTC)
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("expired", "this token has expired") from error
        except _UNREADABLE as error:
            raise Unauthenticated("invalid", "this token is not valid here") from error
        if nonce is not None and claims.get("nonce") != nonce:
            raise Unauthenticated("invalid", "this token was not made for this sign-in")
        if max_age is not None and _age(claims) > max_age.total_seconds() + LEEWAY_SECONDS:
            raise Unauthenticated("invalid", "the sign-in at the identity provider is too old")
        return self._principal(claims), until

    def _claims(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        key = self._keys.get(header.get("kid"))
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(self._rules.algorithms),
            audience=self._rules.audience,
            issuer=self._rules.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud"]},
        )
        return claims

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        rules = self._rules
        name = next(_labels(_claim(claims, rules.actor_claim)), None)
        if name is None:
            raise Unauthenticated("invalid", f"the token has no name in {rules.actor_claim}")
        held = {rules.roles.get(word) for word in _texts(_claim(claims, rules.role_claim))}
        role = next((role for role in Role if role in held), None)
        if role is None:
            raise Forbidden(f"the token has no known role in {rules.role_claim}")
        locations = frozenset(_labels(_claim(claims, rules.location_claim)))
        return Principal(Actor(name), role, locations)


class _ProviderKeys:
    """A cache of the provider's keys. It fetches them if they are old, or if a key is unknown."""

    def __init__(self, fetch: FetchKeys) -> None:
        self._fetch = fetch
        self._lock = Lock()
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")

    def get(self, key_id: str | None) -> jwt.PyJWK:
        """Returns a key.

        Raises:
            jwt.PyJWTError: the provider has no such key.
            IdentityProviderUnavailable: there are no keys at all.
        """
        with self._lock:
            now = time.monotonic()
            is_old = now - self._fetched_at > KEY_SET_TTL_SECONDS
            if (is_old or key_id not in self._keys) and now - self._tried_at > REFETCH_SECONDS:
                self._refresh(now)
            if not self._keys:
                raise IdentityProviderUnavailable("the provider's keys can't be fetched")
            key = self._keys.get(key_id)
        if key is None:
            raise jwt.InvalidKeyError("the token names a key that the provider does not have")
        return key

    def _refresh(self, now: float) -> None:
        """Fetches the keys. The old ones stay valid while the provider can't be reached."""
        self._tried_at = now
        try:
            found = jwt.PyJWKSet.from_dict(dict(self._fetch()))
        except (IdentityProviderUnavailable, jwt.PyJWTError) as error:
            _LOG.warning("the identity provider's keys can't be fetched: %s", error)
            return
        self._keys = {
            key.key_id: key
            for key in found.keys
            if key.public_key_use in {None, "sig"} and key.algorithm_name in ALGORITHMS
        }
        self._fetched_at = now


def _age(claims: Mapping[str, Any]) -> float:
    """Returns the seconds since the sign-in; 0 if the provider does not tell."""
    signed_in_at = claims.get("auth_time")
    return time.time() - signed_in_at if isinstance(signed_in_at, int | float) else 0


def _claim(claims: Mapping[str, Any], path: str) -> object:
    """Returns the claim with this name, or at this path. Some providers use URLs, with dots, as
    names."""
    if path in claims:
        return claims[path]
    value: object = claims
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _labels(value: object) -> Iterator[str]:
    """Yields the texts that are labels, in their kept form."""
    for text in _texts(value):
        with suppress(Invalid):
            yield label("claim", text)


def _texts(value: object) -> list[str]:
    """Returns the texts of a claim: one text, or a list of them."""
    values = value if isinstance(value, list) else [value]
    return [text for text in values if isinstance(text, str)]
