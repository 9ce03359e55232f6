"""Exports: every list, whole, in bounded memory, as it was at a time."""

import json
import tracemalloc
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest

from application.access.audit import Action, AuditTrail, Origin
from application.access.errors import Forbidden
from application.access.roles import Role
from application.files import exports as exporting
from application.files import formats
from application.files.exports import Export, ExportService, ListName
from application.files.formats import Format, csv_chunks, ndjson_chunks, write
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.parsing.batch import parse_batch
from application.reads import ReadService
from application.recording.sync import SyncService
from domain.actor import Actor
from domain.errors import Invalid
from domain.item_details import ItemDetails
from domain.stock_item import item_id
from tests.support.access import caller
from tests.support.builders import CLERK, Clock, element, register, void_of

HOUR = timedelta(hours=1)
LEAST = timedelta(microseconds=1)


@pytest.fixture
def items(ledger: Ledger, clock: Clock) -> ItemService:
    return ItemService(ledger, clock)


@pytest.fixture
def sync(ledger: Ledger, clock: Clock) -> SyncService:
    return SyncService(ledger, clock)


@pytest.fixture
def exports(ledger: Ledger, items: ItemService, clock: Clock) -> ExportService:
    audit = AuditTrail(ledger.recorder, clock)
    return ExportService(ReadService(ledger.recorder), items, audit)


def rows(export: Export) -> list[dict[str, Any]]:
    return [json.loads(line) for chunk in ndjson_chunks(export) for line in chunk.splitlines()]


def column(found: Iterable[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in found]


def text(export: Export) -> str:
    return b"".join(csv_chunks(export)).decode()


@pytest.fixture
def tea(items: ItemService) -> UUID:
    return register(items, "TEA")


def test_pages_are_one_list(
    exports: ExportService,
    items: ItemService,
    sync: SyncService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exporting, "ROWS_PER_PAGE", 3)
    new = [register(items, f"SKU-{n}", location=("main", "annex")[n % 2]) for n in range(10)]
    sync.sync([element("INBOUND", one, n + 1) for n, one in enumerate(new)], CLERK)
    sync.sync([element("OUTBOUND", one, 99) for one in new], CLERK)
    found = {name: rows(exports.whole(name, CLERK)) for name in ListName}
    assert {name: len(of) for name, of in found.items()} == {
        "items": 10, "stock": 10, "movements": 10, "rejections": 10, "audit": 0,
    }  # fmt: skip
    places = [(row["location"], row["sku"]) for row in found[ListName.STOCK]]
    assert places == sorted(places)
    positions = column(found[ListName.MOVEMENTS], "position")
    assert positions == sorted(positions, reverse=True)
    here = exports.whole(ListName.STOCK, CLERK, location="annex")
    assert column(rows(here), "location") == ["annex"] * 5
    mine = exports.whole(ListName.MOVEMENTS, caller(Role.CLERK, "annex"))
    assert column(rows(mine), "location") == ["annex"] * 5


def test_each_row_has_the_columns_of_its_list(
    exports: ExportService, sync: SyncService, items: ItemService, tea: UUID, ledger: Ledger
) -> None:
    delivery = element(
        "INBOUND", tea, 24, reference="po:1", scanned="4006381333931", metadata={"till": "3"},
        unitCost={"amount": "1.50", "currency": "EUR"},
        entered={"quantity": 2, "unit": "carton", "per": 12},
    )  # fmt: skip
    items.assign_code(tea, "T-1", 1, CLERK)
    items.assign_code(tea, "T-2", 12, CLERK)
    sync.sync([delivery, void_of(delivery), element("OUTBOUND", tea, 99)], CLERK)
    AuditTrail(ledger.recorder).record(Action.KEY_CREATED, Origin(Actor("boss")), "k")
    for name in ListName:
        export = exports.whole(name, CLERK)
        first, *others = [row for page in export.pages for row in page]
        assert set(first) == set(export.columns), name
        assert all(set(row) <= set(export.columns) for row in others), name
        assert [*rows(exports.whole(name, CLERK))[0]] == [*export.columns]
    void, moved = rows(exports.whole(ListName.MOVEMENTS, CLERK))
    assert (void["type"], void["voids"]) == ("VOID", delivery["localId"])
    assert moved["voidedBy"] == void["localId"]
    assert (moved["unitCost"], moved["currency"], moved["enteredPer"]) == (1.5, "EUR", 12)
    assert json.loads(moved["metadata"]) == {"till": "3"}
    first, second = rows(exports.whole(ListName.ITEMS, CLERK))
    assert (first["code"], first["per"], first["name"]) == ("T-1", 1, "Name of TEA")
    assert (second["code"], second["per"], second["name"]) == ("T-2", 12, None)
    (refused,) = rows(exports.whole(ListName.REJECTIONS, CLERK))
    assert (refused["code"], json.loads(refused["element"])["quantity"]) == (
        "INSUFFICIENT_STOCK", 99,
    )  # fmt: skip


def test_stock_as_it_was(
    exports: ExportService, items: ItemService, sync: SyncService, tea: UUID, clock: Clock
) -> None:
    clock.now += HOUR
    sync.sync([element("INBOUND", tea, 24)], CLERK)
    before = clock.now
    clock.now += HOUR
    register(items, "NEW")
    items.change_details(tea, lambda _: ItemDetails(name="Tee", unit="Dose", floor=None), CLERK)
    sync.sync([element("OUTBOUND", tea, 4)], CLERK)
    (then,) = rows(exports.whole(ListName.STOCK, CLERK, as_of=before))
    assert (then["name"], then["onHand"], then["version"], then["floor"]) == (
        "Name of TEA", 24, 2, 0,
    )  # fmt: skip
    new, now = rows(exports.whole(ListName.STOCK, CLERK))
    assert (new["sku"], now["name"], now["onHand"], now["floor"]) == ("NEW", "Tee", 20, "none")
    assert rows(exports.whole(ListName.STOCK, CLERK, as_of=before - 2 * HOUR)) == []
    month = exports.whole(ListName.MOVEMENTS, CLERK, since=before, as_of=clock.now - LEAST)
    assert column(rows(month), "quantity") == [24]


def test_details_as_they_were(exports: ExportService, items: ItemService, clock: Clock) -> None:
    cheese = register(items, "CHEESE", scale=1)
    details = ItemDetails(name="C", unit="kg", safety_stock=Decimal("2.55"), scale=2)
    changes: list[Callable[[], object]] = [
        lambda: items.change_details(cheese, lambda _: details, CLERK),
        lambda: items.discontinue(cheese, CLERK),
        lambda: items.reactivate(cheese, CLERK),
    ]
    times = [clock.now]
    for change in changes:
        clock.now += HOUR
        change()
        times.append(clock.now)
    found = [rows(exports.whole(ListName.STOCK, CLERK, as_of=time))[0] for time in times]
    names = ("version", "name", "unit", "safetyStock", "scale", "active", "updatedAt")
    assert [tuple(row[name] for name in names) for row in found] == [
        (1, "Name of CHEESE", "piece", 5, 1, True, "2026-01-08T09:00:01.000Z"),
        (2, "C", "kg", 2.55, 2, True, "2026-01-08T10:00:02.000Z"),
        (3, "C", "kg", 2.55, 2, False, "2026-01-08T11:00:03.000Z"),
        (4, "C", "kg", 2.55, 2, True, "2026-01-08T12:00:04.000Z"),
    ]


def test_what_was_recorded_at_the_very_time_is_in_every_list(
    exports: ExportService, sync: SyncService, tea: UUID, clock: Clock, ledger: Ledger
) -> None:
    clock.now += HOUR
    sync.sync([element("INBOUND", tea, 24), element("OUTBOUND", tea, 99)], CLERK)
    AuditTrail(ledger.recorder, clock).record(Action.KEY_CREATED, Origin(Actor("boss")), "k")
    (stock,) = rows(exports.whole(ListName.STOCK, CLERK))
    time = datetime.fromisoformat(stock["updatedAt"])
    for as_of, on_hand in ((time, 24), (time - LEAST, 0)):
        (stock,) = rows(exports.whole(ListName.STOCK, CLERK, as_of=as_of))
        assert stock["onHand"] == on_hand
    for name, column_name in (
        (ListName.MOVEMENTS, "recordedAt"),
        (ListName.REJECTIONS, "firstRejectedAt"),
        (ListName.AUDIT, "recordedAt"),
    ):
        (row,) = rows(exports.whole(name, CLERK))
        time = datetime.fromisoformat(row[column_name])
        assert rows(exports.whole(name, CLERK, as_of=time)) == [row]
        assert rows(exports.whole(name, CLERK, as_of=time - LEAST)) == []
    for_ever = datetime.max.replace(tzinfo=UTC)
    assert len(rows(exports.whole(ListName.MOVEMENTS, CLERK, as_of=for_ever))) == 1


def test_item_was_provisional_until_it_was_confirmed(
    exports: ExportService, sync: SyncService, items: ItemService, clock: Clock
) -> None:
    device = caller(Role.DEVICE, "main")
    sync.submit(parse_batch([], items=[{"location": "main", "sku": "NEW"}]), device).result()
    before = clock.now
    clock.now += HOUR
    items.confirm(item_id("main", "NEW"), CLERK)
    for time, was_provisional in ((before, True), (clock.now, False)):
        (found,) = rows(exports.whole(ListName.STOCK, CLERK, as_of=time))
        assert found["provisional"] is was_provisional


def test_items_as_they_were_have_no_columns_for_codes(
    exports: ExportService, items: ItemService, tea: UUID, clock: Clock
) -> None:
    items.assign_code(tea, "T-1", 12, CLERK)
    (then,) = rows(exports.whole(ListName.ITEMS, CLERK, as_of=clock.now))
    (now,) = rows(exports.whole(ListName.ITEMS, CLERK))
    assert "code" not in then
    assert now == {**then, "code": "T-1", "per": 12}


def test_limits_that_a_list_does_not_have_are_refused(exports: ExportService, clock: Clock) -> None:
    for name in (ListName.ITEMS, ListName.STOCK):
        with pytest.raises(Invalid, match=f"since: is not for {name}"):
            exports.whole(name, CLERK, since=clock.now)
    with pytest.raises(Invalid, match="location: the audit trail"):
        exports.whole(ListName.AUDIT, CLERK, location="main")


def test_location_may_be_spelt_as_a_mac_spells_it(
    exports: ExportService, items: ItemService
) -> None:
    register(items, "TEA", location="M\u00fcnchen")
    found = exports.whole(ListName.STOCK, CLERK, location="Mu\u0308nchen")
    assert column(rows(found), "sku") == ["TEA"]


def test_formulas_are_guarded(
    exports: ExportService, items: ItemService, sync: SyncService
) -> None:
    tea = register(items, "=cmd|' /C calc'!A0")
    sync.sync([element("INBOUND", tea, 1, note="@SUM(A1)"), element("ADJUST", tea, -1)], CLERK)
    assert ",'=cmd|' /C calc'!A0," in text(exports.whole(ListName.STOCK, CLERK))
    journal = text(exports.whole(ListName.MOVEMENTS, CLERK))
    assert ",'@SUM(A1)," in journal
    assert ",-1,-1,0," in journal  # A number below zero is no formula.
    assert journal.startswith("\ufeffposition,")


def test_parquet_keeps_types(
    exports: ExportService, items: ItemService, sync: SyncService, clock: Clock
) -> None:
    cheese = register(items, "CHEESE", scale=3, floor=None)
    sync.sync([element("INBOUND", cheese, "1.125")], CLERK)
    parquet: Any = import_module("pyarrow.parquet")
    found = {}
    for name in ListName:
        file = BytesIO()
        assert [*write(exports.whole(name, CLERK), Format.PARQUET, file)] == [
            len(rows(exports.whole(name, CLERK)))
        ]
        found[name] = parquet.read_table(file).to_pylist()
    (stock,) = found[ListName.STOCK]
    assert (str(stock["onHand"]), stock["floor"], stock["active"]) == ("1.125000", "none", True)
    (movement,) = found[ListName.MOVEMENTS]
    assert movement["recordedAt"] == clock.now
    assert found[ListName.AUDIT] == []


def test_parquet_keeps_what_was_sent_to_the_last_place(
    exports: ExportService, sync: SyncService, tea: UUID
) -> None:
    least = "0.000000000000001"
    delivery = element(
        "INBOUND", tea, 1, unitCost={"amount": "0.333333333333333", "currency": "EUR"},
        entered={"quantity": least, "unit": "t", "per": "123456789012345"},
    )  # fmt: skip
    answer = sync.sync([delivery], CLERK)
    assert [one.rejection for one in answer.failed] == []
    file = BytesIO()
    list(write(exports.whole(ListName.MOVEMENTS, CLERK), Format.PARQUET, file))
    parquet: Any = import_module("pyarrow.parquet")
    (found,) = parquet.read_table(file).to_pylist()
    assert found["unitCost"] == Decimal("0.333333333333333")
    assert found["enteredQuantity"] == Decimal(least)
    assert found["enteredPer"] == 123456789012345


def test_parquet_has_few_row_groups(
    exports: ExportService,
    sync: SyncService,
    tea: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exporting, "ROWS_PER_PAGE", 2)
    monkeypatch.setattr(formats, "ROWS_PER_GROUP", 6)
    sync.sync([element("INBOUND", tea, 1) for _ in range(15)], CLERK)
    file = BytesIO()
    list(write(exports.whole(ListName.MOVEMENTS, CLERK), Format.PARQUET, file))
    parquet: Any = import_module("pyarrow.parquet")
    found = parquet.ParquetFile(file)
    sizes = [found.metadata.row_group(n).num_rows for n in range(found.num_row_groups)]
    assert sizes == [6, 6, 3]


def test_audit_needs_its_permission(exports: ExportService) -> None:
    with pytest.raises(Forbidden):
        exports.whole(ListName.AUDIT, caller(Role.MANAGER, "main"))
    with pytest.raises(Forbidden):
        rows(exports.whole(ListName.STOCK, caller(Role.MANAGER, "main"), location="annex"))


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("format", [Format.CSV, Format.NDJSON])
def test_long_journal_takes_no_more_memory_than_a_short_one(
    exports: ExportService, sync: SyncService, tea: UUID, format: Format
) -> None:
    peaks = []
    for _ in range(2):
        for _ in range(10):
            sync.sync([element("INBOUND", tea, 1) for _ in range(2_000)], CLERK)
        tracemalloc.start()
        with open("/dev/null", "wb") as nowhere:  # noqa: PTH123 -- a device
            *_, written = write(exports.whole(ListName.MOVEMENTS, CLERK), format, nowhere)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert written == 40_000
    assert peaks[1] < 1.3 * peaks[0]
