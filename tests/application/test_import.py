"""Import of item files: row by row, once, in bounded memory; what was exported comes back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.access.audit import AuditTrail
from application.access.errors import Forbidden
from application.access.principal import Principal
from application.access.roles import Role
from application.files import import_items
from application.files.exports import ExportService, ListName
from application.files.formats import Format, write
from application.files.import_columns import COLUMNS
from application.files.import_items import ImportService
from application.files.import_options import ImportOptions
from application.files.import_report import ImportReport
from application.files.item_rows import opening_id
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.parsing.batch import Batch, parse_batch
from application.parsing.items import CodeRequest, Registration
from application.persistence import environment
from application.persistence.filters import MovementFilter, RejectedFilter
from application.projections.movements import Movement
from application.reads import ReadService
from application.recording.sync import SyncService
from application.recording.sync_result import SyncResult
from application.tabular.csv_file import CsvOptions
from application.tabular.errors import UnreadableFile
from application.tabular.header import HeaderNames
from domain.errors import Invalid
from domain.labels import label
from domain.quantities import Quantity
from domain.stock_item import item_id
from tests.support.access import caller
from tests.support.builders import CLERK, element, register
from tests.support.imports import levels, run, totals
from tests.support.ledger_checks import all_events, assert_read_models_equal_replay

TEA = item_id("main", "TEA")
MANAGER = caller(Role.MANAGER, "main")


@pytest.fixture
def imports(sync: SyncService, items: ItemService) -> ImportService:
    return ImportService(sync, items)


def journal(ledger: Ledger) -> Sequence[Movement]:
    return ledger.recorder.select_movements(MovementFilter(), before=None, limit=1_000)


CATALOGUE = """\
sku;Name;Unit;Scale;Safety stock;Floor;Barcode;per;code2;per2;Stock
TEA;Green tea;box;;5;;4006381333931;;4006381333948;12;24
CHEESE;Mountain cheese;kg;3;0,5;none;;;;;1,250
CUP;;;;;-3;C-1;;;;-2
BAG;Bag;;;;;;;;;
"""


def test_items_codes_and_opening_stock(imports: ImportService, ledger: Ledger) -> None:
    report = run(imports, CATALOGUE, MANAGER)
    assert totals(report) == (4, 0, 3, 0)
    assert (report.delimiter, report.decimal, report.encoding) == (";", ",", "utf-8")
    found = levels(ledger)
    assert [(one.name, one.unit, one.on_hand, one.safety_stock) for one in found.values()] == [
        ("Bag", "pc", 0, 0),
        ("Mountain cheese", "kg", 1250, 500),
        ("CUP", "pc", -2, 0),
        ("Green tea", "box", 24, 5),
    ]
    assert found["CHEESE"].scale == 3
    assert not any(one.provisional for one in found.values())
    codes = ledger.recorder.select_codes([TEA, item_id("main", "CUP")])
    assert [(one.code, one.per) for one in codes] == [
        ("4006381333931", "1"),
        ("4006381333948", "12"),
        ("C-1", "1"),
    ]
    by_sku = {one.sku: one for one in journal(ledger)}
    tea = by_sku["TEA"]
    assert (tea.type, tea.reason, tea.local_id) == ("COUNT", "opening", uuid5(TEA, "opening"))
    assert tea.local_id == opening_id(TEA)
    assert (by_sku["CUP"].type, by_sku["CUP"].extra.override) == ("ADJUST", True)
    assert_read_models_equal_replay(ledger)


def test_same_file_twice_records_once(imports: ImportService, ledger: Ledger) -> None:
    run(imports, CATALOGUE)
    events = len(all_events(ledger))
    assert totals(run(imports, CATALOGUE)) == (0, 4, 0, 0)
    assert len(all_events(ledger)) == events


def test_each_problem_has_its_line_and_hinders_no_other_row(
    imports: ImportService, ledger: Ledger, items: ItemService
) -> None:
    register(items, "OLD")
    items.assign_code(register(items, "OTHER"), "TAKEN", 1, CLERK)
    report = run(
        imports,
        "sku,location,name,stock,code,scale,active\n"
        "A,main,Good,1,,,\n"
        "B,main,Bad,many,,,\n"
        '"C",main,"Two\nlines",,,,\n'
        "D,annex,Elsewhere,1,,,\n"
        "E,main,Half,1.5,,,\n"
        "OLD,main,Other name,,,,\n"
        "F,main,Taken,2,TAKEN,,\n"
        ",main,Nameless,,,,\n"
        "G,main,Sci,1,4.00638E+12,,\n"
        "H,main,Wide,1,,,,,,x\n"
        "I,main,Good too,3,,,perhaps\n",
        MANAGER,
    )
    problems = [(one.line, one.rejection.code) for one in report.problems]
    assert problems == [
        (3, "INVALID"),
        (4, "INVALID"),
        (6, "FORBIDDEN"),
        (7, "INVALID"),
        (8, "ITEM_DIFFERS"),
        (9, "CODE_TAKEN"),
        (10, "INVALID"),
        (11, "INVALID"),
        (12, "INVALID"),
        (13, "INVALID"),
    ]
    half = report.problems[3].rejection
    assert half == Invalid("onHand", "must be a whole number: see the column scale")
    assert {"A", "F", "OLD", "OTHER"} == levels(ledger).keys()
    assert levels(ledger)["F"].on_hand == 2
    rows = ledger.recorder.select_rejected(RejectedFilter(), before=None, limit=9)
    assert not rows  # The report tells of them.


def test_other_opening_stock_is_told(imports: ImportService, ledger: Ledger) -> None:
    run(imports, "sku,stock\nTEA,24\n")
    report = run(imports, "sku,stock\nTEA,30\n")
    (problem,) = report.problems
    assert (problem.line, problem.rejection.code) == (2, "ALREADY_OPENED")
    assert problem.rejection.details == {"quantity": 24}
    assert levels(ledger)["TEA"].on_hand == 24


def test_sales_from_before_the_import_are_in_the_count(
    imports: ImportService, sync: SyncService, ledger: Ledger
) -> None:
    sync.sync([element("OUTBOUND", TEA, 2)], CLERK)
    run(imports, "sku,stock\nTEA,24\n")
    assert levels(ledger)["TEA"].on_hand == 24
    assert [one.type for one in journal(ledger)] == ["OUTBOUND", "COUNT"]


def test_opening_stock_at_another_time(
    imports: ImportService, sync: SyncService, ledger: Ledger
) -> None:
    """What was sold after the count of yesterday evening is not in it."""
    evening = datetime(2026, 1, 7, 20, tzinfo=UTC)
    sale = element("OUTBOUND", TEA, 2, occurredAt="2026-01-07T21:00:00Z")
    sync.sync([sale], CLERK)
    run(imports, "sku,stock\nTEA,24\n", counted_at=evening)
    assert levels(ledger)["TEA"].on_hand == 22
    assert totals(run(imports, "sku,stock\nTEA,24\n", counted_at=evening)) == (0, 1, 0, 0)


def test_import_describes_and_confirms_what_a_device_registered(
    imports: ImportService, sync: SyncService, ledger: Ledger
) -> None:
    device = caller(Role.DEVICE, "main")
    sync.submit(parse_batch([], items=[{"location": "main", "sku": "TEA"}]), device).result()
    assert totals(run(imports, "sku,name\nTEA,Green tea\n")) == (0, 1, 0, 0)
    assert (levels(ledger)["TEA"].name, levels(ledger)["TEA"].provisional) == ("Green tea", False)


def test_replace_takes_the_details_of_the_file(imports: ImportService, ledger: Ledger) -> None:
    run(imports, "sku,name,unit\nTEA,Tea,box\n")
    assert totals(run(imports, "sku,name\nTEA,Green tea\n")) == (0, 0, 0, 1)
    assert totals(run(imports, "sku,name\nTEA,Green tea\n", replace=True)) == (0, 1, 0, 0)
    assert (levels(ledger)["TEA"].name, levels(ledger)["TEA"].unit) == ("Green tea", "box")


@pytest.mark.parametrize("rows_per_commit", [1, 2, 500])
def test_dry_run_says_what_the_import_does_and_records_nothing(
    imports: ImportService,
    ledger: Ledger,
    items: ItemService,
    monkeypatch: pytest.MonkeyPatch,
    rows_per_commit: int,
) -> None:
    monkeypatch.setattr(import_items, "ROWS_PER_COMMIT", rows_per_commit)
    register(items, "OLD")
    text = (
        "sku,name,stock,code,active\n"
        "A,Tea,5,X,\nA,Tea,,Y,\nA,Thee,,,\nB,Cup,1,X,no\nOLD,,3,,\nA,,6,,\nC,,-1,,no\nC,,,,no\n"
    )
    tried = run(imports, text, dry_run=True)
    assert ledger.recorder.head() == 1
    done = run(imports, text)
    assert (totals(tried), tried.discontinued) == (totals(done), done.discontinued)
    assert tried.problems == done.problems
    assert [(one.line, one.rejection.code) for one in done.problems] == [
        (4, "ITEM_DIFFERS"),
        (5, "CODE_TAKEN"),
        (7, "INVALID"),
    ]
    assert done.discontinued == 2
    assert not levels(ledger)["B"].active


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("rows_per_commit", [1, 500])
def test_stock_of_an_item_is_in_one_row(
    imports: ImportService,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    dry_run: bool,
    rows_per_commit: int,
) -> None:
    """Two bins with 5 each would end as 5: the second row looks like a second run."""
    monkeypatch.setattr(import_items, "ROWS_PER_COMMIT", rows_per_commit)
    report = run(imports, "sku,stock,code\nTEA,5,A\nTEA,5,B\nTEA,,C\n", dry_run=dry_run)
    assert [(one.line, str(one.rejection)) for one in report.problems] == [
        (3, "onHand: line 2 has the stock of this item already: add them up"),
    ]
    assert totals(report) == (1, 1, 1, 1)
    if not dry_run:
        assert levels(ledger)["TEA"].on_hand == 5
        assert [one.code for one in ledger.recorder.select_codes([TEA])] == ["A", "C"]


def test_what_depends_on_earlier_rows_is_tried_out_as_it_is_imported(
    imports: ImportService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D does not get X, because A has it only after its own first row."""
    monkeypatch.setattr(import_items, "ROWS_PER_COMMIT", 1)
    text = "sku,name,code\nA,Tea,\nA,,X\nB,,X\nB,,Y\nD,,X\nE,,Y\nA,Thee,\n"
    tried = run(imports, text, dry_run=True)
    done = run(imports, text)
    assert (totals(tried), tried.problems) == (totals(done), done.problems)
    assert [one.line for one in done.problems] == [4, 6, 7, 8]


def test_item_with_opening_stock_from_an_earlier_commit_keeps_its_scale(
    imports: ImportService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_items, "ROWS_PER_COMMIT", 1)
    text = "sku,stock,scale\nA,5,\nA,,1\n"
    tried = run(imports, text, replace=True, dry_run=True)
    done = run(imports, text, replace=True)
    assert (totals(tried), tried.problems) == (totals(done), done.problems)
    assert [one.line for one in done.problems] == [3]


def test_codes_of_an_item_are_counted_over_all_commits(
    imports: ImportService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_items, "ROWS_PER_COMMIT", 7)
    text = "sku,code\n" + "".join(f"A,C-{n}\n" for n in range(104))
    tried, done = run(imports, text, dry_run=True), run(imports, text)
    assert totals(tried) == totals(done) == (1, 99, 0, 4)
    assert tried.problems == done.problems


row_texts = st.tuples(
    st.sampled_from(["A", "B", "C", "D"]),
    st.sampled_from(["", "", "Tea", "Cup"]),
    st.sampled_from(["", "", "1", "2"]),
    st.sampled_from(["", "", "5", "-1", "1.5"]),
    st.sampled_from(["", "X", "Y", "Z"]),
    st.sampled_from(["", "", "", "no"]),
).map(",".join)


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(row_texts, max_size=12),
    sizes=st.tuples(*[st.sampled_from([1, 2, 3, 500])] * 2),
    replace=st.booleans(),
)
def test_neither_dry_run_nor_the_size_of_commits_make_a_difference(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[str],
    sizes: tuple[int, int],
    replace: bool,
) -> None:
    folder = tmp_path_factory.mktemp("ledgers")
    text = "sku,name,scale,stock,code,active\n" + "\n".join(lines)
    found: list[Any] = []
    before = import_items.ROWS_PER_COMMIT
    try:
        for size in sizes:
            import_items.ROWS_PER_COMMIT = size  # type: ignore[misc]
            with new_ledger(folder, f"{len(found)}.db") as (ledger, imports, _):
                sync = SyncService(ledger)
                first = [{"location": "main", "sku": "A", "codes": ["Z"]}]
                sync.submit(parse_batch([], items=first), caller(Role.DEVICE, "main")).result()
                sync.submit(
                    parse_batch([], items=[{"location": "main", "sku": "B"}]), CLERK
                ).result()
                tried = run(imports, text, replace=replace, dry_run=True)
                done = run(imports, text, replace=replace)
                assert outcome(tried) == outcome(done)
                codes = ledger.recorder.select_codes([level.item_id for level in
                                                      levels(ledger).values()])  # fmt: skip
                owned = sorted((str(one.item_id), one.code) for one in codes)
                found.append((outcome(done), comparable(ledger), owned))
    finally:
        import_items.ROWS_PER_COMMIT = before  # type: ignore[misc]
    assert found[0] == found[1]


def outcome(report: ImportReport) -> tuple[Any, ...]:
    told = [(one.line, one.rejection.code, one.rejection.message) for one in report.problems]
    return *totals(report), report.discontinued, told


def test_many_rows_of_one_item_are_tried_out_one_commit_at_a_time(
    imports: ImportService, sync: SyncService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dry run does not try the rows before them out again."""
    sizes: list[int] = []
    preview = sync.preview

    def counted(batch: Batch, principal: Principal) -> SyncResult:
        sizes.append(len(batch.items))
        return preview(batch, principal)

    monkeypatch.setattr(sync, "preview", counted)
    assert totals(run(imports, "sku,unit\n" + "A,m\n" * 5_000, dry_run=True)) == (1, 4_999, 0, 0)
    assert max(sizes) == import_items.ROWS_PER_COMMIT + 1


def test_details_after_the_stock_cannot_replace_those_before(
    imports: ImportService, ledger: Ledger
) -> None:
    text = "sku,name,stock,code\nTEA,Tea,5,A\nTEA,Tea,,B\nTEA,Thee,,C\n"
    report = run(imports, text, replace=True)
    (problem,) = report.problems
    assert (problem.line, problem.rejection.code) == (4, "INVALID")
    assert "line 2" in problem.rejection.message
    assert levels(ledger)["TEA"].name == "Tea"


@pytest.mark.parametrize(
    ("rows", "refused"),
    [
        ("TEA,Tea,box,5,,\nTEA,Tea,,,,\nTEA,,box,,,\n", []),
        ("TEA,Tea,,,,\nTEA,,,5,,\nTEA,Tea,,,,\n", []),
        ("TEA,,,5,-1,\nTEA,,,,-2,\n", [3]),
        ("TEA,,,5,,\nTEA,Tea,,,,\n", [3]),
        ("TEA,Tea,,5,,\nTEA,Thee,,,,\nTEA,Tea,,,,\n", [3]),
        ("TEA,Tea,,,,no\nTEA,Thee,,,,\n", [3]),
        ("TEA,Tea,,,,yes\nTEA,Thee,,,,\n", []),
    ],
)
def test_only_other_details_are_refused_after_the_stock(
    imports: ImportService, rows: str, refused: list[int]
) -> None:
    report = run(imports, f"sku,name,unit,stock,floor,active\n{rows}", replace=True)
    assert [one.line for one in report.problems] == refused


def test_every_problem_of_a_row_is_told(
    imports: ImportService, ledger: Ledger, items: ItemService
) -> None:
    items.assign_code(register(items, "OTHER"), "X", 1, CLERK)
    items.assign_code(register(items, "MORE"), "Y", 1, CLERK)
    register(items, "TEA")
    report = run(imports, "sku,name,stock,code,code2\nTEA,Thee,5,X,Y\n")
    assert [(one.line, one.rejection.code) for one in report.problems] == [
        (2, "ITEM_DIFFERS"),
        (2, "CODE_TAKEN"),
        (2, "CODE_TAKEN"),
    ]
    assert levels(ledger)["TEA"].on_hand == 0  # Its row is not about this item, perhaps.
    assert totals(report) == (0, 0, 0, 3)


def test_what_differs_is_named_with_both_values(imports: ImportService, items: ItemService) -> None:
    register(items, "TEA", scale=1)
    report = run(imports, "sku,name,unit,scale,min stock,floor\nTEA,Thee,piece,2,2.5,none\n")
    (problem,) = report.problems
    assert problem.rejection.message == (
        'the item is registered with other details: name is "Name of TEA", not "Thee"; '
        "safetyStock is 5, not 2.5; scale is 1, not 2; floor is 0, not none. Correct the row, or "
        "replace them: --replace, or replace=true over HTTP"
    )
    assert problem.rejection.details["name"] == "Name of TEA"


def test_opening_stock_in_the_future_names_its_option(imports: ImportService) -> None:
    report = run(imports, "sku,stock\nTEA,5\n", counted_at=datetime(2126, 1, 1, tzinfo=UTC))
    (problem,) = report.problems
    assert problem.rejection.message.startswith("countedAt: lies in the future")
    assert totals(report) == (0, 0, 0, 1)


@pytest.mark.parametrize("dry_run", [False, True])
def test_row_whose_stock_does_not_fit_registers_nothing(
    imports: ImportService, ledger: Ledger, items: ItemService, dry_run: bool
) -> None:
    """Registered with scale 0, the item would differ from the corrected row."""
    register(items, "CHEESE", scale=3)
    report = run(imports, "sku;stock\nTEA;12,5\nCHEESE;1,25\n", dry_run=dry_run)
    assert [(one.line, one.rejection.message) for one in report.problems] == [
        (2, "onHand: must be a whole number: see the column scale")
    ]
    assert totals(report) == (0, 1, 1, 1)
    assert levels(ledger).keys() == {"CHEESE"}


def test_commit_has_few_codes(
    imports: ImportService, sync: SyncService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Devices wait for a commit."""
    sizes = []
    submit = sync.submit

    def counted(batch: Batch, *args: Any, **options: Any) -> Any:
        sizes.append(sum(one.number_of_codes for one in batch.items))
        return submit(batch, *args, **options)

    monkeypatch.setattr(sync, "submit", counted)
    names = ",".join(f"code{n}" for n in range(1, 100))
    rows = "".join(f"I{n}," + ",".join(f"C-{n}-{m}" for m in range(99)) + "\n" for n in range(30))
    assert totals(run(imports, f"sku,{names}\n{rows}")) == (30, 0, 0, 0)
    assert sum(sizes) == 30 * 99
    assert max(sizes) < 1_100


def test_active_item_that_is_discontinued_is_told(
    imports: ImportService, items: ItemService, ledger: Ledger
) -> None:
    items.discontinue(register(items, "OLD"), CLERK)
    report = run(imports, "sku,active\nOLD,yes\nNEW,yes\n")
    assert [(one.line, one.rejection.code) for one in report.problems] == [(2, "ITEM_DISCONTINUED")]
    assert not levels(ledger)["OLD"].active
    assert levels(ledger)["NEW"].active


def test_only_managers_import(imports: ImportService, ledger: Ledger) -> None:
    for role in (Role.DEVICE, Role.CLERK, Role.AUDITOR):
        with pytest.raises(Forbidden):
            run(imports, "sku\nA\n", caller(role, "main"))
    assert ledger.recorder.head() == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("name;stock\nTea;1\n", "sku"),
        ("sku;stock\nTEA;1,250\n", "decimal sign"),
        ("sku,name\nTEA,\"Tea\n", "line 2"),
        ("sku,name\nTEA,Gr\xfcner Tee\n".encode("latin-1"), "line 2"),
    ],
)  # fmt: skip
def test_file_that_cannot_be_read_says_why(
    imports: ImportService, ledger: Ledger, text: str | bytes, told: str
) -> None:
    with pytest.raises(UnreadableFile, match=told):
        run(imports, text)
    assert ledger.recorder.head() == 0


def test_what_a_file_does_not_show_can_be_named(imports: ImportService, ledger: Ledger) -> None:
    options = CsvOptions(encoding="windows-1252", decimal=",", delimiter=";")
    renamed = {"name": "Bezeichnung", "onHand": "Bestand", "sku": "Artikelnr."}
    text = "Artikelnr.;Bezeichnung;Bestand\nTEE;Grüner Tee;1,250\n".encode("windows-1252")
    report = run(imports, b"scale;" + text.replace(b"\nTEE", b"\n3;TEE"), csv=options,
                 renamed=renamed)  # fmt: skip
    assert report.problems == []
    assert (levels(ledger)["TEE"].name, levels(ledger)["TEE"].on_hand) == ("Grüner Tee", 1250)


def test_headers_name_one_column_each() -> None:
    spellings = [spelling for name, more in COLUMNS.known.items() for spelling in (name, *more)]
    names = HeaderNames(COLUMNS, {})
    assert len({names.name_of(one) for one in COLUMNS.known}) == len(COLUMNS.known)
    assert len(set(spellings)) == len(spellings)
    assert names.name_of("EAN 2") == "code2"


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Zs", "Zl", "Zp", "Cn")),
    min_size=1,
    max_size=12,
) | st.sampled_from(
    ["0012", "12345678905", "4006381333931.0", "4 006381 333931", "1E+05", "4.00638E+12", "=1+1",
     "'0012", "'s", "-5", '="7"', "+", "@x", "1,5", "1.250", 'a"b', "a,b;c\td", "true", "none"]
)  # fmt: skip


def is_label(text: str) -> bool:
    try:
        return label("name", text) == text
    except Invalid:
        return False


labels = texts.filter(is_label)


@st.composite
def registrations(draw: st.DrawFn) -> tuple[Registration, Quantity]:
    scale = draw(st.sampled_from([0, 0, 1, 3, 6]))
    steps = st.integers(-(10**9), 10**9)
    if scale == 0:  # A quantity may look like a barcode.
        steps |= st.sampled_from([400638133393, 4006381333931, 96385074])

    def quantity(number: int) -> Quantity:
        return Decimal(number).scaleb(-scale) if scale else number

    codes = draw(st.lists(labels, max_size=3, unique=True))
    per = draw(st.sampled_from([1, 12, 250]))
    return (
        Registration(
            "main",
            draw(labels),
            draw(labels),
            draw(labels),
            quantity(abs(draw(steps))),
            scale,
            draw(st.none() | st.just(quantity(-abs(draw(steps))))),
            tuple(CodeRequest(code, per) for code in codes),
        ),
        quantity(draw(steps)),
    )


@contextmanager
def new_ledger(folder: Path, name: str) -> Iterator[tuple[Ledger, ImportService, ExportService]]:
    (folder / name).unlink(missing_ok=True)
    with Ledger(environment(f"sqlite:///{folder / name}", lock_timeout=30)) as ledger:
        sync, items = SyncService(ledger), ItemService(ledger)
        exports = ExportService(ReadService(ledger.recorder), items, AuditTrail(ledger.recorder))
        yield ledger, ImportService(sync, items), exports


def exported(exports: ExportService, name: ListName) -> bytes:
    file = BytesIO()
    for _ in write(exports.whole(name, CLERK), Format.CSV, file):
        pass
    return file.getvalue()


@settings(max_examples=30, deadline=None)
@given(catalogue=st.lists(registrations(), max_size=6, unique_by=lambda one: one[0].sku))
def test_what_was_exported_can_be_imported_into_an_empty_ledger(
    tmp_path_factory: pytest.TempPathFactory, catalogue: list[tuple[Registration, Quantity]]
) -> None:
    folder = tmp_path_factory.mktemp("ledgers")
    with new_ledger(folder, "a.db") as (ledger, _, exports):
        items, sync = ItemService(ledger), SyncService(ledger)
        for registration, on_hand in catalogue:
            free = registration._replace(codes=())
            item, _ = items.register(free, CLERK)
            for code in registration.codes:
                try:
                    items.assign_code(item.id, code.code, code.per, CLERK)
                except Exception:  # noqa: BLE001 -- another item has it
                    continue
            if on_hand:
                sync.sync(
                    [element("ADJUST", item.id, str(on_hand), override=True, reason="x")], CLERK
                )
        before = {one: exported(exports, one) for one in (ListName.ITEMS, ListName.STOCK)}
        stock = comparable(ledger)
    with new_ledger(folder, "b.db") as (ledger, imports, exports):
        for name in (ListName.ITEMS, ListName.STOCK):
            report = imports.run(BytesIO(before[name]), ImportOptions(), CLERK)
            assert (report.problems, report.ignored) == ([], ())
        assert comparable(ledger) == stock
        assert exported(exports, ListName.ITEMS) == before[ListName.ITEMS]


def comparable(ledger: Ledger) -> list[tuple[Any, ...]]:
    return [
        (one.location, one.sku, one.name, one.unit, one.safety_stock, one.on_hand, one.scale,
         one.floor, one.active)
        for one in levels(ledger).values()
    ]  # fmt: skip
