"""Sessions: the sign-ins of browsers.

A browser holds the session's secret in a cookie that no script can read. The ledger stores only its
digest. A session with an API key is the key's shadow: role, locations and expiry are those of the
key at each request. A session with a token of the identity provider keeps what the token granted.
"""

import json
import secrets
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, NamedTuple

from application.access.audit import Action, AuditTrail, Origin
from application.access.errors import SignInTooOld, Unauthenticated
from application.access.principal import Principal
from application.access.roles import Role
from application.persistence.errors import StoreUnavailable
from application.persistence.recorder import LedgerRecorder
from application.server_clock import Clock, utc_now
from application.tables.access import SESSIONS, Session
from application.tables.table import Insert, Update
from domain.actor import Actor

PREFIX: Final = "sls_"
"""The beginning of every session's secret."""

LIFETIME: Final = timedelta(hours=24)
TOKEN_LIFETIME: Final = timedelta(hours=8)
"""Of a session with a token, which can't be revoked."""
IDLE: Final = timedelta(hours=8)
"""A session that is not used for so long has ended."""
RECENT: Final = timedelta(minutes=15)
"""How long after its sign-in a session may manage keys."""
MAX_SESSIONS: Final = 100
"""Maximum number of open sessions of one caller. A new one ends the oldest."""

_SEEN_EVERY: Final = timedelta(minutes=5)
_SECRET_BYTES: Final = 32


class Opened(NamedTuple):
    """A new session. `secret` is shown once, never stored."""

    secret: str
    ends_at: datetime


class SessionService:
    """Opens, finds and ends sessions. Every method may raise StoreUnavailable."""

    def __init__(
        self,
        recorder: LedgerRecorder,
        audit: AuditTrail,
        clock: Clock = utc_now,
        background: Executor | None = None,
    ) -> None:
        """`background` notes the uses of sessions, so that no read waits for a write."""
        self._recorder = recorder
        self._audit = audit
        self._clock = clock
        self._background = background

    def open(self, principal: Principal, until: datetime | None, origin: Origin) -> Opened:
        """Opens a session for an authenticated caller. It ends at `until` at the latest: the expiry
        of the credential, None for none."""
        now = self._clock()
        actor = principal.actor
        has_key = actor.key_id is not None
        longest = now + (LIFETIME if has_key else TOKEN_LIFETIME)
        secret = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        session = Session(
            digest=_digest(secret),
            key_id=actor.key_id,
            actor=actor.name,
            role=None if has_key else principal.role.value,
            location_list=None if has_key else json.dumps(sorted(principal.locations)),
            created_at=now,
            seen_at=now,
            ends_at=longest if until is None else min(until, longest),
        )
        with self._recorder.unit_of_work() as unit_of_work:
            unit_of_work.delete_before(SESSIONS, "ends_at", now)
            theirs = [one for one in unit_of_work.rows(SESSIONS) if _is_of(one, actor)]
            newest_first = sorted(theirs, key=lambda one: one.created_at, reverse=True)
            if too_many := [one.digest for one in newest_first[MAX_SESSIONS - 1 :]]:
                unit_of_work.delete(SESSIONS, too_many)
            unit_of_work.write(SESSIONS, [Insert([session])])
            self._audit.append(unit_of_work, Action.SESSION_OPENED, origin, "signed in")
        return Opened(secret, session.ends_at)

    def find(self, secret: str) -> Session:
        """Returns an open session, and notes its use. Raises Unauthenticated: it has ended."""
        now = self._clock()
        session = self._recorder.select_session(_digest(secret))
        if session is None:
            raise Unauthenticated("signed_out", "this session has ended: sign in again")
        if now >= min(session.ends_at, session.seen_at + IDLE):
            raise Unauthenticated("expired", "this session has expired: sign in again")
        if now - session.seen_at >= _SEEN_EVERY:
            if self._background is None:
                self._note_use(session, now)
            else:
                self._background.submit(self._note_use, session, now)
        return session

    def _note_use(self, session: Session, now: datetime) -> None:
        """Best effort: a session that is not noted ends earlier."""
        with suppress(StoreUnavailable), self._recorder.unit_of_work() as unit_of_work:
            unit_of_work.write(SESSIONS, [Update(("seen_at",), [(now, session.digest)])])

    def close(self, secret: str, origin: Origin) -> None:
        """Ends a session. Idempotent."""
        self._close(lambda session: session.digest == _digest(secret), origin, "signed out")

    def close_all(self, actor: Actor, origin: Origin) -> None:
        """Ends all sessions of the caller, in every browser."""
        self._close(lambda session: _is_of(session, actor), origin, "signed out everywhere")

    def _close(self, is_meant: Callable[[Session], bool], origin: Origin, detail: str) -> None:
        with self._recorder.unit_of_work() as unit_of_work:
            ended = [one.digest for one in unit_of_work.rows(SESSIONS) if is_meant(one)]
            if ended:
                unit_of_work.delete(SESSIONS, ended)
                self._audit.append(unit_of_work, Action.SESSION_CLOSED, origin, detail)


def principal_of(session: Session, of_key: Principal | None) -> Principal:
    """Returns the caller of a session. `of_key` is the principal of its key, if it has one."""
    if of_key is None:
        role, locations = Role(session.role or ""), frozenset(session.locations)
        of_key = Principal(Actor(session.actor), role, locations)
    return replace(of_key, signed_in_at=session.created_at)


def require_recent_sign_in(principal: Principal, now: datetime) -> None:
    """Raises SignInTooOld: the caller's session began too long ago to manage keys."""
    if principal.signed_in_at is not None and now - principal.signed_in_at > RECENT:
        raise SignInTooOld(RECENT // timedelta(minutes=1))


def _is_of(session: Session, actor: Actor) -> bool:
    if actor.key_id is not None:
        return session.key_id == actor.key_id
    return session.key_id is None and session.actor == actor.name


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
