"""Codes: unique at a location, whoever assigns them, in whatever order."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from application.access.principal import Principal
from application.access.roles import Role
from application.following.changes import BEGINNING, ChangeFeed
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.parsing.batch import parse_batch
from application.parsing.items import CodeRequest, ParsedItem, Registration
from application.persistence.filters import ItemFilter
from application.projections.code_changes import CodeChange
from application.recording.sync import SyncService
from application.recording.sync_result import SyncResult
from domain.barcode import MAX_CODES_PER_ITEM
from domain.errors import (
    CodeTaken,
    CodeWasRetired,
    Invalid,
    ItemDiffers,
    LedgerDamaged,
    UnknownCode,
    UnknownItem,
)
from domain.item_details import ItemDetails
from domain.quantities import Quantity
from domain.stock_item import item_id
from tests.support.access import caller
from tests.support.builders import CLERK, element, register
from tests.support.ledger_checks import all_events, assert_read_models_equal_replay, execute

EAN, IN_14_DIGITS = "4006381333931", "04006381333931"
DEVICE = caller(Role.DEVICE, "main")
MANAGER = caller(Role.MANAGER, "main", key_id="k2")


def send(sync: SyncService, *items: dict[str, Any], who: Principal = DEVICE) -> SyncResult:
    return sync.submit(parse_batch([], items=list(items)), who).result()


def item(sku: str, *codes: Any, location: str = "main") -> dict[str, Any]:
    return {"location": location, "sku": sku, "codes": list(codes)}


def assigned(ledger: Ledger, item_id: UUID) -> dict[str, str]:
    return {one.code: one.per for one in ledger.recorder.select_codes([item_id])}


def found_by(ledger: Ledger, code: str, *locations: str) -> list[str]:
    wanted = ItemFilter(code=code, locations=frozenset(locations) if locations else None)
    return [one.sku for one in ledger.recorder.select_items(wanted, after=None, limit=9)]


@pytest.fixture
def tea(items: ItemService) -> UUID:
    return register(items, "TEA")


@pytest.fixture
def cup(items: ItemService) -> UUID:
    return register(items, "CUP")


def test_devices_assign_codes_to_new_and_known_items(
    sync: SyncService, ledger: Ledger, tea: UUID
) -> None:
    carton = {"code": "CARTON", "per": 12}
    result = send(sync, item("NEW", EAN), item("TEA", carton, "T-1"), item("TEA", carton))
    assert [one.status for one in result.items] == ["registered", "known", "known"]
    assert assigned(ledger, item_id("main", "NEW")) == {EAN: "1"}
    assert assigned(ledger, tea) == {"CARTON": "12", "T-1": "1"}
    assert found_by(ledger, IN_14_DIGITS) == found_by(ledger, EAN) == ["NEW"]
    assert found_by(ledger, "CARTON", "annex") == []
    assert len(all_events(ledger)) == 5
    assert_read_models_equal_replay(ledger)


def test_code_of_another_sku_differs_and_stays(
    sync: SyncService, ledger: Ledger, tea: UUID, cup: UUID
) -> None:
    send(sync, item("TEA", EAN))
    (one,) = send(sync, item("CUP", IN_14_DIGITS, "C-1", "C-2"), who=MANAGER).items
    assert one.status == "differs"
    assert one.rejection == CodeTaken(EAN, tea, "TEA")
    assert assigned(ledger, tea) == {EAN: "1"}
    assert assigned(ledger, cup) == {"C-1": "1", "C-2": "1"}


def test_one_code_is_another_code_elsewhere(items: ItemService, ledger: Ledger) -> None:
    here, there = register(items, "TEA"), register(items, "TEE", "annex")
    items.assign_code(here, EAN, 1, CLERK)
    items.assign_code(there, EAN, 1, CLERK)
    assert found_by(ledger, EAN) == ["TEE", "TEA"]
    assert found_by(ledger, EAN, "main") == ["TEA"]


def test_what_a_code_counts_stands_for_a_device_and_a_manager_changes_it(
    sync: SyncService, ledger: Ledger, tea: UUID
) -> None:
    send(sync, item("TEA", {"code": EAN, "per": 6}))
    again = item("TEA", {"code": EAN, "per": 12})
    (differs,) = send(sync, again).items
    assert differs.rejection == ItemDiffers(tea, code=EAN, per=6)
    assert [one.status for one in send(sync, again, who=MANAGER).items] == ["known"]
    assert assigned(ledger, tea) == {EAN: "12"}


def test_retired_code_is_reassigned(
    items: ItemService, sync: SyncService, ledger: Ledger, tea: UUID, cup: UUID
) -> None:
    items.assign_code(tea, EAN, 1, MANAGER)
    with pytest.raises(UnknownCode):
        items.retire_code(cup, EAN, MANAGER)
    for code in (IN_14_DIGITS, EAN):
        assert items.retire_code(tea, code, MANAGER).originator_version == 2
    assert (assigned(ledger, tea), found_by(ledger, EAN)) == ({}, [])
    send(sync, item("CUP", EAN))
    assert assigned(ledger, cup) == {EAN: "1"}
    assert_read_models_equal_replay(ledger)


def test_codes_need_their_item(items: ItemService, tea: UUID) -> None:
    with pytest.raises(UnknownItem):
        items.assign_code(UUID(int=7), EAN, 1, CLERK)
    with pytest.raises(UnknownItem):
        items.assign_code(tea, EAN, 1, caller(Role.MANAGER, "annex"))
    with pytest.raises(UnknownItem):
        items.retire_code(tea, EAN, caller(Role.MANAGER, "annex"))
    with pytest.raises(UnknownCode):
        items.retire_code(tea, EAN, MANAGER)


@pytest.mark.parametrize(
    ("code", "per"), [("", 1), ("a\x1db", 1), ("A", 0), ("A", -1), ("A", 10**9)]
)
def test_bad_code_assigns_nothing(
    items: ItemService, ledger: Ledger, tea: UUID, code: str, per: Quantity
) -> None:
    with pytest.raises(Invalid):
        items.assign_code(tea, code, per, CLERK)
    assert ledger.recorder.head() == 1


@pytest.mark.parametrize(
    "codes", ["A", [7, None], [{"per": 1}], [{"code": "A", "per": "x"}], ["A"] * 101]
)
def test_item_with_unreadable_codes_fails(sync: SyncService, codes: object) -> None:
    (one,) = send(sync, {"location": "main", "sku": "A", "codes": codes}).items
    assert one.rejection is not None
    assert (one.status, one.rejection.code) == ("failed", "INVALID")


def test_item_has_a_limited_number_of_codes(sync: SyncService, ledger: Ledger, tea: UUID) -> None:
    send(sync, item("TEA", *(f"C{n}" for n in range(MAX_CODES_PER_ITEM - 1))))
    (one,) = send(sync, item("TEA", "C1", "LAST", "TOO", "MANY")).items
    assert isinstance(one.rejection, Invalid)
    assert one.status == "failed"
    assert len(assigned(ledger, tea)) == MAX_CODES_PER_ITEM - 1
    assert [one.status for one in send(sync, item("TEA", "C1", "LAST")).items] == ["known"]
    assert len(assigned(ledger, tea)) == MAX_CODES_PER_ITEM


def test_manager_assigns_no_more_codes_than_an_item_may_have(
    sync: SyncService, items: ItemService, ledger: Ledger, tea: UUID
) -> None:
    send(sync, item("TEA", *(f"C{n}" for n in range(MAX_CODES_PER_ITEM))))
    with pytest.raises(Invalid, match="at most 100 codes"):
        items.assign_code(tea, "ONE-MORE", 1, MANAGER)
    assert len(assigned(ledger, tea)) == MAX_CODES_PER_ITEM
    items.assign_code(tea, "C1", 12, MANAGER)
    items.retire_code(tea, "C2", MANAGER)
    items.assign_code(tea, "ONE-MORE", 1, MANAGER)
    assert len(assigned(ledger, tea)) == MAX_CODES_PER_ITEM


def test_taken_code_is_told_beside_other_details(
    sync: SyncService, ledger: Ledger, tea: UUID, cup: UUID
) -> None:
    send(sync, item("TEA", EAN))
    (one,) = send(sync, item("CUP", EAN, "C-1") | {"name": "Mug"}).items
    assert one.rejection is not None
    assert (one.status, one.rejection.code) == ("differs", "ITEM_DIFFERS")
    taken = CodeTaken(EAN, tea, "TEA")
    assert [(told.code, told.field, told.message) for told in one.warnings] == [
        ("CODE_TAKEN", "codes", taken.message)
    ]
    assert assigned(ledger, cup) == {"C-1": "1"}


def test_code_that_cannot_be_read_harms_nothing_else(
    sync: SyncService, ledger: Ledger, tea: UUID, items: ItemService
) -> None:
    damaged = items.assign_code(tea, EAN, 1, CLERK)[0].originator_id
    key = f"x'{damaged.hex}'" if "SQLite" in type(ledger.recorder).__name__ else f"'{damaged}'"
    broken = "x'7b'" if "SQLite" in type(ledger.recorder).__name__ else r"'\x7b'"
    execute(ledger, f"UPDATE stored_events SET state = {broken} WHERE originator_id = {key}")
    moved = element("INBOUND", tea, 1)
    batch = parse_batch([moved], items=[item("TEA", EAN, "T-2"), item("TEA", "T-3")])
    result = sync.submit(batch, DEVICE).result()
    assert [one.status for one in result.items] == ["failed", "known"]
    assert result.items[0].rejection == LedgerDamaged(damaged)
    assert [one.status for one in result.synced] == ["recorded"]
    assert ledger.recorder.select_codes([tea])[-1].code == "T-3"


def test_changes_of_codes_are_followed(
    items: ItemService, sync: SyncService, ledger: Ledger, tea: UUID
) -> None:
    feed = ChangeFeed(ledger.recorder, ledger.bookmark_key)
    items.assign_code(tea, EAN, 12, MANAGER)
    sync.sync([element("INBOUND", tea, 5)], CLERK)
    items.retire_code(tea, EAN, MANAGER)
    pages = [feed.page(BEGINNING, frozenset({"main"}), 3)]
    pages.append(feed.follow(feed.known(str(pages[0].next_after)), None, 3))
    found = [one for page in pages for one in page.changes]
    assert [one.position for one in found] == [1, 2, 3, 4]
    codes = [one for one in found if isinstance(one, CodeChange)]
    assert [(one.kind, one.code, one.item_id, one.version) for one in codes] == [
        ("CodeAssigned", EAN, tea, 1),
        ("CodeRetired", EAN, tea, 2),
    ]
    head = feed.head()
    assert feed.known(str(head)) == head
    assert not feed.page(BEGINNING, frozenset({"annex"}), 9).changes


def test_devices_that_assign_one_code_at_once_meet(sync: SyncService, ledger: Ledger) -> None:
    """Each has its own item; the code ends at one of them, and the others are told."""
    with ThreadPoolExecutor(8) as pool:
        wanted = [item(f"SKU-{n}", EAN, {"code": "CARTON", "per": 2}) for n in range(8)]
        results = list(pool.map(lambda one: send(sync, one), wanted))
    statuses = sorted(result.items[0].status for result in results)
    assert statuses == ["differs"] * 7 + ["registered"]
    assert len(found_by(ledger, EAN)) == len(found_by(ledger, "CARTON")) == 1
    assert_read_models_equal_replay(ledger)


def test_servers_that_assign_one_code_at_once_meet(ledger: Ledger) -> None:
    """Each server has its own queue: the database alone keeps them apart."""
    servers = [SyncService(ledger) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for n in range(6):
            wanted = [item(f"S-{n}-{server}", f"CODE-{n}") for server in range(4)]
            results = [result.items[0] for result in pool.map(send, servers, wanted)]
            assert sorted(one.status for one in results) == ["differs"] * 3 + ["registered"]
            (owner,) = found_by(ledger, f"CODE-{n}")
            assert [one.status for one in results if one.item and one.item.sku == owner] == [
                "registered"
            ]
            told = [one.rejection for one in results if one.rejection is not None]
            assert told == [CodeTaken(f"CODE-{n}", item_id("main", owner), owner)] * 3
    assert len(all_events(ledger)) == 6 * (4 + 1)
    assert_read_models_equal_replay(ledger)


def test_what_a_manager_retired_does_not_come_back_with_a_lost_answer(
    items: ItemService, sync: SyncService, ledger: Ledger, tea: UUID
) -> None:
    sent = item("TEA", EAN)
    send(sync, sent)
    items.retire_code(tea, EAN, MANAGER)
    (again,) = send(sync, sent).items
    assert again.rejection == CodeWasRetired(EAN, "TEA")
    assert assigned(ledger, tea) == {}
    items.assign_code(tea, EAN, 1, MANAGER)
    assert [one.status for one in send(sync, sent).items] == ["known"]


def test_what_a_manager_retired_does_not_come_back_after_another_item_had_it(
    items: ItemService, sync: SyncService, ledger: Ledger, tea: UUID
) -> None:
    cup = register(items, "CUP")
    sent = item("TEA", EAN)
    send(sync, sent)
    items.retire_code(tea, EAN, MANAGER)
    items.assign_code(cup, EAN, 1, MANAGER)
    items.retire_code(cup, EAN, MANAGER)
    (again,) = send(sync, sent).items
    assert again.rejection == CodeWasRetired(EAN, "TEA")
    assert assigned(ledger, tea) == {}


@pytest.mark.parametrize(
    "codes",
    [
        [EAN, {"code": "BOX", "per": 0}],
        [EAN, {"code": "BOX", "per": "0.5"}],
        [EAN, "a\x00b"],
        [EAN, "\ud800"],
        [f"C{n}" for n in range(101)],
    ],
)
def test_bad_code_fails_the_whole_item(
    sync: SyncService, items: ItemService, ledger: Ledger, tea: UUID, codes: list[Any]
) -> None:
    for sku in ("NEW", "TEA"):
        (one,) = send(sync, item(sku, *codes)).items
        assert (one.status, ledger.recorder.head()) == ("failed", 1)


def test_refused_request_has_no_effect(
    items: ItemService, ledger: Ledger, tea: UUID, cup: UUID
) -> None:
    items.assign_code(tea, EAN, 1, MANAGER)
    codes = (CodeRequest("FREE"), CodeRequest(EAN))
    for sku in ("NEW", "CUP"):
        wanted = Registration("main", sku, None, None, None, codes=codes)
        with pytest.raises(CodeTaken):
            items.register(wanted, MANAGER)
    assert ledger.recorder.head() == 3
    assert found_by(ledger, "FREE") == []


def test_manager_describes_a_provisional_item_though_a_code_is_taken(
    sync: SyncService, ledger: Ledger
) -> None:
    send(sync, item("CUP", EAN), item("TEA"))
    (one,) = send(sync, item("TEA", EAN, "96385074") | {"name": "Tea"}, who=MANAGER).items
    assert one.rejection is not None
    assert (one.status, one.rejection.code) == ("differs", "CODE_TAKEN")
    level = ledger.recorder.select_item(item_id("main", "TEA"))
    assert level is not None
    assert (level.name, level.provisional) == ("Tea", False)
    assert assigned(ledger, level.item_id) == {"96385074": "1"}


def test_id_of_a_code_is_no_item(
    items: ItemService, sync: SyncService, ledger: Ledger, tea: UUID
) -> None:
    """So nobody learns which codes another location has."""
    stream = items.assign_code(tea, EAN, 1, MANAGER)[0].originator_id
    elsewhere = caller(Role.DEVICE, "annex")
    result = sync.sync([element("INBOUND", stream, 1)], elsewhere)
    assert [one.rejection.code for one in result.failed] == ["UNKNOWN_ITEM"]
    for change in (items.discontinue, items.reactivate, items.confirm):
        with pytest.raises(UnknownItem):
            change(stream, CLERK)


def test_scale_of_an_item_with_codes_is_not_lowered(items: ItemService) -> None:
    cheese = register(items, "CHEESE", scale=3)
    items.assign_code(cheese, EAN, Decimal("0.125"), CLERK)
    with pytest.raises(Invalid, match="codes"):
        items.change_details(cheese, lambda _: ItemDetails(name="C", unit="kg"), CLERK)


def test_scale_of_a_provisional_item_with_codes_is_not_lowered(
    sync: SyncService, ledger: Ledger
) -> None:
    """Its code would count a part of a step."""
    cheese = item("CHEESE", {"code": EAN, "per": "0.125"}) | {"scale": 3}
    send(sync, cheese)
    for request in (item("CHEESE") | {"scale": 0}, item("CHEESE", "other") | {"scale": 2}):
        (one,) = send(sync, request, who=MANAGER).items
        assert one.rejection is not None
        assert (one.status, one.rejection.details["field"]) == ("failed", "scale")
    assert assigned(ledger, item_id("main", "CHEESE")) == {EAN: "0.125"}


def test_scale_of_an_item_without_codes_is_lowered(items: ItemService) -> None:
    cheese = register(items, "CHEESE", scale=3)
    items.assign_code(cheese, EAN, 1, CLERK)
    items.retire_code(cheese, EAN, CLERK)
    wanted = ItemDetails(name="C", unit="kg", scale=0)
    assert items.change_details(cheese, lambda _: wanted, CLERK).scale == 0


def test_manager_gives_a_provisional_item_the_scale_that_its_code_needs(
    sync: SyncService, ledger: Ledger
) -> None:
    send(sync, item("CHEESE"))
    wanted = item("CHEESE", {"code": EAN, "per": "0.125"}) | {"scale": 3}
    (refused,) = send(sync, wanted).items
    assert (refused.status, assigned(ledger, item_id("main", "CHEESE"))) == ("failed", {})
    (one,) = send(sync, wanted, who=MANAGER).items
    assert (one.status, one.item and one.item.scale) == ("known", 3)
    assert assigned(ledger, item_id("main", "CHEESE")) == {EAN: "0.125"}


def test_scale_is_not_lowered_after_codes_of_the_same_commit(sync: SyncService) -> None:
    cheese = Registration(
        "main", "CHEESE", None, None, None, 3, codes=(CodeRequest(EAN, Decimal("0.125")),)
    )
    rows = [
        ParsedItem(one, (), replaces=True) for one in (cheese, cheese._replace(scale=0, codes=()))
    ]
    batch = parse_batch([])._replace(items=rows)
    assert [one.status for one in sync.preview(batch, MANAGER).items] == ["registered", "failed"]
    result = sync.submit(batch, MANAGER).result()
    assert [one.status for one in result.items] == ["registered", "failed"]


def test_many_codes_are_no_problem_for_the_database(sync: SyncService, ledger: Ledger) -> None:
    """A lock for each of them would use up those of PostgreSQL."""
    many = [item(f"SKU-{n:03}", *(f"{n}-{m}" for m in range(100))) for n in range(160)]
    result = send(sync, *many, who=MANAGER)
    assert {one.status for one in result.items} == {"registered"}
    assert ledger.recorder.head() == 160 * 101
