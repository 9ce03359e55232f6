"""Sessions: the sign-ins of browsers."""

from datetime import timedelta

import pytest

from application.access.audit import Action, AuditTrail, Origin
from application.access.authentication import Authenticator
from application.access.errors import SignInTooOld, Unauthenticated
from application.access.key_management import Grant, Issued, KeyService
from application.access.principal import Principal
from application.access.roles import Role
from application.access.sessions import (
    IDLE,
    LIFETIME,
    MAX_SESSIONS,
    RECENT,
    TOKEN_LIFETIME,
    SessionService,
    require_recent_sign_in,
)
from application.ledger.ledger import Ledger
from application.persistence.filters import AuditFilter
from application.tables.access import SESSIONS, Session
from domain.actor import Actor
from tests.support.access import ADMIN
from tests.support.builders import Clock

MANAGER = Grant(name="mina", role=Role.MANAGER, locations=("main",))
PERSON = Principal(Actor("kim@example.org"), Role.AUDITOR)


@pytest.fixture
def audit(ledger: Ledger, clock: Clock) -> AuditTrail:
    return AuditTrail(ledger.recorder, clock)


@pytest.fixture
def keys(ledger: Ledger, audit: AuditTrail, clock: Clock) -> KeyService:
    return KeyService(ledger.recorder, audit, clock)


@pytest.fixture
def sessions(ledger: Ledger, audit: AuditTrail, clock: Clock) -> SessionService:
    return SessionService(ledger.recorder, audit, clock)


@pytest.fixture
def authenticator(ledger: Ledger, sessions: SessionService, clock: Clock) -> Authenticator:
    return Authenticator(ledger.recorder, None, sessions, remember=0, clock=clock)


@pytest.fixture
def key(keys: KeyService) -> Issued:
    return keys.create(MANAGER, ADMIN)


@pytest.fixture
def secret(authenticator: Authenticator, sessions: SessionService, key: Issued) -> str:
    return sessions.open(authenticator.authenticate(key.secret), None, ADMIN).secret


def stored(ledger: Ledger) -> list[Session]:
    with ledger.recorder.unit_of_work() as unit_of_work:
        return list(unit_of_work.rows(SESSIONS))


def ended(authenticator: Authenticator, secret: str) -> str:
    with pytest.raises(Unauthenticated) as error:
        authenticator.authenticate(secret)
    return error.value.reason


def test_session_has_the_rights_of_its_key(
    authenticator: Authenticator, key: Issued, secret: str
) -> None:
    by_key, by_session = map(authenticator.authenticate, (key.secret, secret))
    assert by_session.actor == by_key.actor
    assert (by_session.role, by_session.locations) == (Role.MANAGER, frozenset({"main"}))
    assert by_key.signed_in_at is None
    assert by_session.signed_in_at is not None


def test_secret_is_not_stored(ledger: Ledger, secret: str) -> None:
    (session,) = stored(ledger)
    assert secret not in repr(session)


def test_session_ends_with_its_key(
    authenticator: Authenticator, keys: KeyService, key: Issued, secret: str
) -> None:
    keys.revoke(key.key.key_id, ADMIN)
    assert ended(authenticator, secret) == "revoked"


def test_session_of_a_rotated_key_ends_with_the_grace_period(
    authenticator: Authenticator, keys: KeyService, key: Issued, secret: str, clock: Clock
) -> None:
    """A stolen key is rotated to end what the thief can do."""
    keys.rotate(key.key.key_id, timedelta(hours=1), ADMIN)
    assert authenticator.authenticate(secret).actor.key_id == key.key.key_id
    clock.now += timedelta(hours=1)
    assert ended(authenticator, secret) == "expired"


def test_session_ends_after_a_day_though_it_is_used(
    authenticator: Authenticator, secret: str, clock: Clock
) -> None:
    start = clock()
    while clock() - start < LIFETIME - IDLE:
        clock.now += IDLE / 2
        authenticator.authenticate(secret)
    clock.now += IDLE / 2
    authenticator.authenticate(secret)
    clock.now += IDLE / 2
    assert ended(authenticator, secret) == "expired"


def test_session_without_use_ends_earlier(
    authenticator: Authenticator, secret: str, clock: Clock
) -> None:
    clock.now += IDLE
    assert ended(authenticator, secret) == "expired"


def test_session_of_a_token_keeps_what_it_granted(
    authenticator: Authenticator, sessions: SessionService, clock: Clock
) -> None:
    expiry = clock.now + timedelta(hours=1)
    opened = sessions.open(PERSON, expiry, Origin(PERSON.actor))
    found = authenticator.checked(opened.secret)
    assert (found.principal.actor, found.principal.role) == (PERSON.actor, Role.AUDITOR)
    assert found.until == opened.ends_at == expiry
    longer = sessions.open(PERSON, clock.now + 2 * TOKEN_LIFETIME, Origin(None))
    assert longer.ends_at <= clock.now + TOKEN_LIFETIME


def test_sign_out_ends_one_session_or_all_of_the_caller(
    authenticator: Authenticator, sessions: SessionService, key: Issued, secret: str
) -> None:
    caller = authenticator.authenticate(key.secret)
    second, third = (sessions.open(caller, None, ADMIN).secret for _ in range(2))
    other = sessions.open(PERSON, None, ADMIN).secret
    sessions.close(secret, ADMIN)
    assert ended(authenticator, secret) == "signed_out"
    assert authenticator.authenticate(second).role is Role.MANAGER
    sessions.close_all(caller.actor, ADMIN)
    assert {ended(authenticator, one) for one in (second, third)} == {"signed_out"}
    assert authenticator.authenticate(other).role is Role.AUDITOR


def test_caller_has_a_limited_number_of_sessions(
    authenticator: Authenticator,
    sessions: SessionService,
    key: Issued,
    secret: str,
    clock: Clock,
    ledger: Ledger,
) -> None:
    caller = authenticator.authenticate(key.secret)
    for _ in range(MAX_SESSIONS):
        clock.now += timedelta(seconds=1)
        newest = sessions.open(caller, None, ADMIN).secret
    assert len(stored(ledger)) == MAX_SESSIONS
    assert ended(authenticator, secret) == "signed_out"
    assert authenticator.authenticate(newest).role is Role.MANAGER


def test_expired_sessions_are_deleted(
    sessions: SessionService, secret: str, clock: Clock, ledger: Ledger
) -> None:
    clock.now += LIFETIME
    sessions.open(PERSON, None, ADMIN)
    assert [session.actor for session in stored(ledger)] == ["kim@example.org"]


def test_only_a_new_sign_in_manages_keys(
    authenticator: Authenticator, key: Issued, secret: str, clock: Clock
) -> None:
    by_key, by_session = map(authenticator.authenticate, (key.secret, secret))
    require_recent_sign_in(by_session, clock())
    clock.now += RECENT
    require_recent_sign_in(by_key, clock())
    with pytest.raises(SignInTooOld):
        require_recent_sign_in(by_session, clock())


def test_audit_trail_tells_of_sessions(
    sessions: SessionService, secret: str, audit: AuditTrail
) -> None:
    sessions.close(secret, ADMIN)
    sessions.close(secret, ADMIN)
    newest_first = [one.action for one in audit.entries(AuditFilter(), before=None, limit=10)]
    assert newest_first[:2] == [Action.SESSION_CLOSED, Action.SESSION_OPENED]
    assert newest_first.count(Action.SESSION_CLOSED) == 1
