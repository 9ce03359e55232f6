"""Authentication: finds the principal of a request's credential."""

import hmac
from datetime import datetime
from hashlib import sha256
from threading import Lock
from typing import Final, NamedTuple

from cachetools import TTLCache

from application.access.errors import Unauthenticated
from application.access.key_format import PREFIX, digest, read_id
from application.access.principal import Principal, principal_of
from application.access.sessions import PREFIX as SESSION_PREFIX
from application.access.sessions import SessionService
from application.access.sessions import principal_of as principal_of_session
from application.access.tokens import TokenVerifier
from application.persistence.recorder import LedgerRecorder
from application.server_clock import Clock, utc_now
from application.tables.access import ApiKey, Session

MAX_CACHED_CREDENTIALS: Final = 10_000
"""Maximum number of credentials in a process's cache."""


class Authenticated(NamedTuple):
    """The caller, and the expiry of the credential; None if it never expires."""

    principal: Principal
    until: datetime | None


class Authenticator:
    """Checks API keys, sessions, and tokens if an identity provider is set up.

    A valid credential is cached for `remember` seconds. A key that was revoked, by this process or
    another one, is refused after that time at the latest.
    """

    def __init__(
        self,
        recorder: LedgerRecorder,
        tokens: TokenVerifier | None = None,
        sessions: SessionService | None = None,
        *,
        remember: float,
        clock: Clock = utc_now,
    ) -> None:
        self._recorder = recorder
        self._tokens = tokens
        self._sessions = sessions
        self._clock = clock
        self._lock = Lock()
        self._known: TTLCache[bytes, Authenticated] = TTLCache(MAX_CACHED_CREDENTIALS, remember)

    def remembered(self, credential: str) -> Principal | None:
        """Returns the cached principal; None if the credential must be looked up. Does no I/O."""
        with self._lock:
            found = self._known.get(_fingerprint(credential))
        if found is None or (found.until is not None and found.until <= self._clock()):
            return None
        return found.principal

    def authenticate(self, credential: str) -> Principal:
        """Returns the principal of this credential.

        Raises:
            Unauthenticated: it is malformed, unknown, revoked or expired.
            Forbidden: it is valid, but gives no role here.
            IdentityProviderUnavailable: the provider's keys can't be fetched.
            StoreUnavailable: the database can't be reached.
        """
        return self.checked(credential).principal

    def checked(self, credential: str) -> Authenticated:
        """As `authenticate`, with the expiry of the credential."""
        if credential.startswith(PREFIX):
            found = self._by_key(credential)
        elif credential.startswith(SESSION_PREFIX) and self._sessions is not None:
            found = self._by_session(self._sessions.find(credential))
        elif self._tokens is not None:
            found = Authenticated(*self._tokens.verify(credential))
        else:
            raise Unauthenticated("malformed", "this is not an API key")
        with self._lock:
            self._known[_fingerprint(credential)] = found
        return found

    def forget(self, credential: str) -> None:
        """Removes a credential from the cache."""
        with self._lock:
            self._known.pop(_fingerprint(credential), None)

    def _by_key(self, credential: str) -> Authenticated:
        key_id = read_id(credential)
        if key_id is None:
            raise Unauthenticated("malformed", "this is not an API key: is it complete?")
        key = self._recorder.select_key(key_id)
        # Always compares, so that the response time does not reveal which ids exist.
        expected = key.digest if key is not None else digest("")
        if not hmac.compare_digest(digest(credential), expected) or key is None:
            raise Unauthenticated("unknown", "there is no such API key")
        self._require_active(key)
        return Authenticated(principal_of(key), key.expires_at)

    def _by_session(self, session: Session) -> Authenticated:
        if session.key_id is None:
            return Authenticated(principal_of_session(session, None), session.ends_at)
        key = self._recorder.select_key(session.key_id)
        if key is None:
            raise Unauthenticated("unknown", "there is no such API key")
        self._require_active(key)
        until = min(session.ends_at, key.expires_at or session.ends_at)
        return Authenticated(principal_of_session(session, principal_of(key)), until)

    def _require_active(self, key: ApiKey) -> None:
        if key.revoked_at is not None:
            raise Unauthenticated("revoked", "this API key was revoked")
        if not key.is_active(self._clock()):
            raise Unauthenticated("expired", "this API key has expired")


def _fingerprint(credential: str) -> bytes:
    return sha256(credential.encode()).digest()
