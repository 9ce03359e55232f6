"""Duplicates of a large batch are found before its commit. The answer is the same."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
import pytest

from application.access.principal import Principal
from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.parsing.batch import parse_batch
from application.recording.known_duplicates import deduplicate
from application.recording.sync import SyncService
from application.recording.sync_result import Synced, SyncResult
from tests.support.access import caller
from tests.support.builders import CLERK, DAY, element, register, void_of
from tests.support.coroutines import run

DEVICE = caller(Role.DEVICE, "main")


@pytest.fixture
def tea(items: ItemService) -> UUID:
    return register(items)


@pytest.fixture(autouse=True)
def _all_batches_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("application.recording.sync.LARGE_BATCH", 1)


def record(sync: SyncService, batch: list[Any], who: Principal = CLERK) -> SyncResult:
    return run(sync.record(parse_batch(batch), who))


def shown(result: SyncResult) -> tuple[Any, ...]:
    """What does not depend on the number of attempts: PostgreSQL gives each new positions."""
    synced = [_with(one, position=0) if one.status == "recorded" else one for one in result.synced]
    failed = [(one.index, one.rejection) for one in result.failed]
    return synced, failed, result.warnings


def _with(synced: Synced, **changes: Any) -> Synced:
    return msgspec.structs.replace(synced, **changes)


def test_repeated_batch_waits_for_no_commit(sync: SyncService, ledger: Ledger, tea: UUID) -> None:
    batch = [element("INBOUND", tea, 5), element("OUTBOUND", tea, 3), element("COUNT", tea, 2)]
    first = record(sync, batch)
    assert deduplicate(ledger, parse_batch(batch), CLERK).batch.transactions == {}
    again = record(sync, batch)
    assert [one.status for one in again.synced] == ["duplicate"] * 3
    assert again.synced == [_with(one, status="duplicate") for one in first.synced]
    assert again.position == first.position


def test_answer_is_that_of_the_commit(
    sync: SyncService, items: ItemService, ledger: Ledger, tea: UUID
) -> None:
    """Of everything that may stand beside duplicates, in one batch."""
    elsewhere = register(items, "CUP", location="elsewhere")
    known, reused, refused = (element("INBOUND", tea, n) for n in (5, 6, 7))
    there = element("INBOUND", elsewhere, 1)
    group = [element("INBOUND", tea, 1, group=str(UUID(int=9))) for _ in range(2)]
    loss = element("OUTBOUND", tea, 99, override=True, reason="promised")
    refused |= {"type": "OUTBOUND", "quantity": 999}
    sync.sync([known, reused, there, *group, loss, void_of(known), refused], CLERK)
    batch = [
        known,
        reused | {"quantity": 8},
        there,
        "no element",
        *group,
        known,
        loss,
        void_of(known),
        refused,
        element("INBOUND", tea, 4),
    ]
    own_clock = SyncService(ledger, lambda: DAY)
    left = parse_batch(batch)
    for who in (CLERK, DEVICE):
        whole = own_clock.preview(left, who)
        deduplicated = deduplicate(ledger, left, who)
        part = own_clock.preview(deduplicated.batch, who)
        assert shown(deduplicated.merged(part)) == shown(whole)
    assert len(deduplicate(ledger, left, CLERK).duplicates) == 3


def test_batch_without_duplicates_is_left_whole(
    sync: SyncService, ledger: Ledger, tea: UUID
) -> None:
    batch = parse_batch([element("INBOUND", tea, 5)])
    assert deduplicate(ledger, batch, CLERK) == (batch, [])


def test_rejected_transaction_is_left_to_the_commit(
    sync: SyncService, ledger: Ledger, tea: UUID
) -> None:
    """The commit may have to close a rejection under the same `localId`."""
    delivery = element("INBOUND", tea, 5)
    sync.sync([delivery], CLERK)
    stranger = caller(Role.DEVICE, "elsewhere", key_id="k2")
    sync.sync([{"localId": delivery["localId"], "type": "INBOUND"}], stranger)
    assert deduplicate(ledger, parse_batch([delivery]), CLERK).duplicates == []


def test_reader_of_another_location_learns_nothing(
    sync: SyncService, ledger: Ledger, tea: UUID
) -> None:
    delivery = element("INBOUND", tea, 5)
    sync.sync([delivery], CLERK)
    stranger = replace(DEVICE, locations=frozenset({"elsewhere"}))
    assert deduplicate(ledger, parse_batch([delivery]), stranger).duplicates == []
    assert record(sync, [delivery], stranger).synced == []
