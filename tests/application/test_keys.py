"""API keys: create, find, revoke, and what is stored."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from application.access.audit import Action, AuditTrail
from application.access.authentication import Authenticator
from application.access.errors import KeyNotActive, Unauthenticated, UnknownKey
from application.access.key_format import PATTERN, mint, read_id
from application.access.key_management import Grant, KeyService
from application.access.roles import Role
from application.ledger.ledger import Ledger
from application.maintenance.copy import copy
from application.persistence import environment
from application.persistence.filters import AuditFilter
from domain.errors import Invalid
from tests.support.access import ADMIN
from tests.support.builders import Clock

SCANNER = Grant(name="scanner-7", role=Role.DEVICE, locations=("main", "annex"))


@pytest.fixture
def audit(ledger: Ledger, clock: Clock) -> AuditTrail:
    return AuditTrail(ledger.recorder, clock)


@pytest.fixture
def keys(ledger: Ledger, audit: AuditTrail, clock: Clock) -> KeyService:
    return KeyService(ledger.recorder, audit, clock)


@pytest.fixture
def authenticator(ledger: Ledger, clock: Clock) -> Authenticator:
    return Authenticator(ledger.recorder, remember=60, clock=clock)


def refused(authenticator: Authenticator, credential: str) -> str:
    with pytest.raises(Unauthenticated) as error:
        authenticator.authenticate(credential)
    return error.value.reason


def actions(audit: AuditTrail) -> list[str]:
    return [entry.action for entry in audit.entries(AuditFilter(), before=None, limit=100)]


def test_key_tells_its_id_and_is_recognised_by_scanners() -> None:
    minted = mint()
    assert read_id(minted.key) == minted.key_id
    assert re.fullmatch(r"slk_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}", minted.key)
    assert PATTERN.search(f"KEY='{minted.key}'")


@pytest.mark.parametrize("place", range(-39, 0))
def test_key_with_one_wrong_letter_is_none(place: int) -> None:
    key = mint().key
    letters = list(key)
    letters[place] = "a" if letters[place] != "a" else "b"
    assert read_id("".join(letters)) is None


def test_key_opens_what_it_was_made_for(keys: KeyService, authenticator: Authenticator) -> None:
    issued = keys.create(SCANNER, ADMIN)
    principal = authenticator.authenticate(issued.secret)
    assert principal.actor == ("scanner-7", issued.key.key_id)
    assert principal.role is Role.DEVICE
    assert principal.locations == {"main", "annex"}
    assert principal.device == "scanner-7"
    assert authenticator.remembered(issued.secret) == principal


def test_the_key_itself_is_kept_nowhere(ledger: Ledger, keys: KeyService) -> None:
    secret = keys.create(SCANNER, ADMIN).secret
    kept = f"{keys.all()}{ledger.recorder.select_audit(AuditFilter(), before=None, limit=9)}"
    assert secret not in kept
    assert secret.rpartition("_")[2] not in kept


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda key: "", "malformed"),
        (lambda key: key[:-1], "malformed"),
        (lambda key: key + "x", "malformed"),
        (lambda key: mint().key, "unknown"),
        (lambda key: "slk_é", "malformed"),
    ],
)
def test_what_is_no_key_is_refused(
    change: Callable[[str], str], reason: str, keys: KeyService, authenticator: Authenticator
) -> None:
    assert refused(authenticator, change(keys.create(SCANNER, ADMIN).secret)) == reason


def test_right_id_with_another_secret_is_unknown(
    ledger: Ledger, keys: KeyService, authenticator: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id = keys.create(SCANNER, ADMIN).key.key_id
    forged = mint()
    monkeypatch.setattr("application.access.authentication.read_id", lambda _: key_id)
    assert refused(authenticator, forged.key) == "unknown"


def test_revoked_key_is_refused(
    keys: KeyService, authenticator: Authenticator, audit: AuditTrail
) -> None:
    issued = keys.create(SCANNER, ADMIN)
    first = keys.revoke(issued.key.key_id, ADMIN)
    assert keys.revoke(issued.key.key_id, ADMIN) == first
    assert refused(authenticator, issued.secret) == "revoked"
    assert actions(audit) == [Action.KEY_REVOKED, Action.KEY_CREATED]


def test_key_ends_in_time_even_where_it_is_remembered(
    keys: KeyService, authenticator: Authenticator, clock: Clock
) -> None:
    grant = Grant(name="temp", role=Role.ADMIN, lifetime=timedelta(minutes=5))
    secret = keys.create(grant, ADMIN).secret
    authenticator.authenticate(secret)
    clock.now += timedelta(minutes=4)
    assert authenticator.remembered(secret) is not None
    clock.now += timedelta(minutes=1)
    assert authenticator.remembered(secret) is None
    assert refused(authenticator, secret) == "expired"


def test_rotated_key_is_good_for_the_grace_period(
    keys: KeyService, authenticator: Authenticator, clock: Clock, audit: AuditTrail
) -> None:
    old = keys.create(SCANNER, ADMIN)
    new = keys.rotate(old.key.key_id, timedelta(hours=1), ADMIN)
    before, after = (authenticator.authenticate(issued.secret) for issued in (old, new))
    assert (before.role, before.locations) == (after.role, after.locations)
    clock.now += timedelta(hours=1)
    assert refused(authenticator, old.secret) == "expired"
    assert authenticator.authenticate(new.secret) == after
    assert actions(audit)[0] == Action.KEY_ROTATED
    with pytest.raises(KeyNotActive):
        keys.rotate(old.key.key_id, timedelta(hours=1), ADMIN)


def test_rotation_does_not_prolong_the_old_key(keys: KeyService) -> None:
    old = keys.create(Grant(name="t", role=Role.ADMIN, lifetime=timedelta(days=1)), ADMIN)
    new = keys.rotate(old.key.key_id, timedelta(days=9), ADMIN)
    states = {key.key_id: key for key in keys.all()}
    assert states[old.key.key_id].expires_at == old.key.expires_at
    assert new.key.expires_at is not None
    assert new.key.expires_at - new.key.created_at == timedelta(days=1)


def test_unknown_key_can_not_be_changed(keys: KeyService) -> None:
    with pytest.raises(UnknownKey):
        keys.revoke("nobody", ADMIN)
    with pytest.raises(UnknownKey):
        keys.rotate("nobody", timedelta(), ADMIN)


@pytest.mark.parametrize(
    "grant",
    [
        {"name": "", "role": Role.ADMIN},
        {"name": "x", "role": Role.DEVICE},
        {"name": "x", "role": Role.ADMIN, "locations": ("main",)},
        {"name": "x", "role": Role.CLERK, "locations": ("",)},
        {"name": "x", "role": Role.CLERK, "locations": tuple(str(n) for n in range(101))},
        {"name": "x", "role": Role.ADMIN, "lifetime": timedelta(0)},
        {"name": "x", "role": Role.ADMIN, "lifetime": timedelta(days=10_000)},
    ],
)
def test_grant_that_makes_no_sense_is_refused(grant: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        Grant(**grant)


def test_first_key_is_made_once_whoever_asks(database_url: str) -> None:
    def ask(_: int) -> bool:
        with Ledger(environment(database_url, lock_timeout=30)) as ledger:
            keys = KeyService(ledger.recorder, AuditTrail(ledger.recorder))
            return keys.create_first() is not None

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(ask, range(4))) == [False, False, False, True]


def test_audit_trail_is_paged_and_filtered(audit: AuditTrail) -> None:
    for n in range(5):
        audit.record(Action.WRITE_REFUSED, ADMIN, f"n{n}")
    audit.record(Action.KEY_CREATED, ADMIN._replace(actor=None), "made")
    first = audit.entries(AuditFilter(), before=None, limit=2)
    second = audit.entries(AuditFilter(), before=first[-1].entry_id, limit=9)
    assert [entry.detail for entry in (*first, *second)] == ["made", "n4", "n3", "n2", "n1", "n0"]
    only = AuditFilter(
        action=Action.WRITE_REFUSED, actor="the boss", recorded_to=second[0].recorded_at
    )
    assert [e.detail for e in audit.entries(only, before=None, limit=9)] == ["n2", "n1", "n0"]


def test_trail_holds_one_printable_line_whatever_was_sent(audit: AuditTrail) -> None:
    sent = "/items\n\x1b[31mFAKE\0\ud800\u2028é"
    audit.record(Action.WRITE_REFUSED, ADMIN._replace(address=sent), sent * 1_000)
    (entry,) = audit.entries(AuditFilter(), before=None, limit=9)
    assert entry.detail.startswith(r"/items\n\x1b[31mFAKE\x00\ud800\u2028é/items")
    assert entry.detail.isprintable()
    assert len(entry.detail) <= 1_000
    assert entry.address is not None
    assert entry.address.isprintable()


def test_keys_and_trail_move_with_the_ledger(
    ledger: Ledger, keys: KeyService, audit: AuditTrail, tmp_path: Path, clock: Clock
) -> None:
    issued = keys.create(SCANNER, ADMIN)
    with Ledger(environment(f"sqlite:///{tmp_path / 'moved.db'}", lock_timeout=5)) as moved:
        copy(ledger, moved, lambda *_: None)
        there = Authenticator(moved.recorder, remember=1, clock=clock)
        assert there.authenticate(issued.secret).actor.name == "scanner-7"
        elsewhere = AuditTrail(moved.recorder, clock)
        KeyService(moved.recorder, elsewhere, clock).revoke(issued.key.key_id, ADMIN)
        copy(moved, ledger, lambda *_: None)
        assert refused(there, issued.secret) == "revoked"
        assert keys.all() == moved.recorder.select_keys()
        assert actions(audit) == actions(elsewhere) == [Action.KEY_REVOKED, Action.KEY_CREATED]
