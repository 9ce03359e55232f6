"""Exports: every list, whole, in bounded memory, as it was at a time."""

import json
import tracemalloc
from collections.abc import Iterable
from datetime import timedelta
from importlib import import_module
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest

from application.access.audit import Action, AuditTrail, Origin
from application.access.errors import Forbidden
from application.access.roles import Role
from application.files import exports as exporting
from application.files.exports import Export, ExportService, ListName
from application.files.formats import Format, csv_chunks, ndjson_chunks, write
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.reads import ReadService
from application.recording.sync import SyncService
from domain.actor import Actor
from domain.item_details import ItemDetails
from tests.support.access import caller
from tests.support.builders import CLERK, Clock, element, register, void_of

HOUR = timedelta(hours=1)


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
        assert [[*row] for row in rows(exports.whole(name, CLERK))] == [[*export.columns]] * len(
            rows(exports.whole(name, CLERK))
        )
        for page in export.pages:
            assert all(set(row) <= set(export.columns) for row in page), name
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
    month = exports.whole(ListName.MOVEMENTS, CLERK, since=before, as_of=before + HOUR)
    assert column(rows(month), "quantity") == [24]


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
