"""The threat table of docs/proof.md: what somebody with the database does, and what is found."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from application.ledger.ledger import Ledger
from application.maintenance.rebuild import rebuild
from application.persistence import environment
from application.projections import PROJECTIONS
from application.projections.stock_levels import StockLevels
from application.sealing.tree import GrowingTree
from application.sealing.unchanged import EventsChanged, require_unchanged
from application.tables.tree import checkpoint_id, tile_id
from application.verification.findings import Kind
from application.verification.tree_check import Claim
from harness import postgres
from proof.checkpoint import Checkpoint
from tests.conftest import BACKENDS
from tests.support.ledger_checks import column_of_positions, execute, found_in
from tests.support.sealing import KEY, seal, signing_key
from tests.support.tampering import blob, edited, fill, go_on, identifier

K = Kind


class Sample(NamedTuple):
    """A sealed ledger, which is copied for each test."""

    place: str
    """Path or URL."""
    ids: dict[str, Any]
    positions: dict[str, int]
    first: Checkpoint
    """A checkpoint that somebody has kept."""


class Victim(NamedTuple):
    """A copy to tamper with."""

    ledger: Ledger
    sample: Sample

    def run(self, statement: str) -> None:
        """Runs a statement: `{p}` is the column of positions, `{name}` a position or an id."""
        names = {
            name: identifier(self.ledger, one) if isinstance(one, UUID) else one
            for name, one in self.sample.ids.items()
        }
        filled = statement.format(
            p=column_of_positions(self.ledger), **{**names, **self.sample.positions}
        )
        execute(self.ledger, filled)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replaces a text in the state of an event."""
        place = self.sample.positions[name]
        before = self.state(place)
        assert old in before, before
        self.run(f"UPDATE stored_events SET state = {edited(self.ledger, old, new)} "
                 .replace("{", "{{").replace("}", "}}") + f"WHERE {{p}} = {place}")  # fmt: skip

    def state(self, position: int) -> str:
        (row,) = self.ledger.recorder.select_rows_after(position - 1, 1, upto=position)
        return row.state.decode()

    def kinds(self, **options: Any) -> set[Kind]:
        return {one.kind for one in found_in(self.ledger, **options)}


@pytest.fixture(scope="module", params=BACKENDS)
def sample(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sample]:
    folder = tmp_path_factory.mktemp("sample")
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{folder / 'ledger.db'}"
            place = str(folder / "ledger.db")
        else:
            server: postgres.Server = request.getfixturevalue("postgres_server")
            place = url = stack.enter_context(server.database())
        key = signing_key(folder)
        with Ledger(environment(url, lock_timeout=30)) as ledger:
            ids, positions = fill(ledger)
            first = Checkpoint.unverified(seal(ledger, key).note)
            go_on(ledger, ids, positions, "edge")
            seal(ledger, key)
            go_on(ledger, ids, positions, "new")
        yield Sample(place, ids, positions, first)


@pytest.fixture
def victim(sample: Sample, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Victim]:
    with copied(sample, request, tmp_path) as url, Ledger(environment(url, lock_timeout=30)) as one:
        yield Victim(one, sample)


@contextmanager
def copied(sample: Sample, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    if sample.place.startswith("/"):
        shutil.copy(sample.place, folder / "victim.db")
        yield f"sqlite:///{folder / 'victim.db'}"
        return
    server: postgres.Server = request.getfixturevalue("postgres_server")
    with server.copy_of(sample.place) as url:
        yield url


def test_untouched_ledger_is_proven(victim: Victim) -> None:
    assert victim.kinds(checkpoints=[Claim("kept", victim.sample.first)]) == set()


EDITS: dict[str, tuple[str, str, str, set[Kind]]] = {
    # Of sealed events: in a full tile, and on the right edge.
    "quantity": ("delivery", '"quantity":100', '"quantity":900', {K.EVENT_CHANGED}),
    "on hand": ("sale", '"on_hand":95', '"on_hand":96', {K.EVENT_CHANGED, K.RULE_BROKEN}),
    "note": ("adjusted", '"actor":"mina"', '"actor":"nemo"', {K.EVENT_CHANGED}),
    "quantity on the edge": (
        "edge_in", '"quantity":10', '"quantity":11', {K.CHECKPOINT_CONTRADICTED}),
    "actor on the edge": (
        "edge_out", '"actor":"mina"', '"actor":"nemo"', {K.CHECKPOINT_CONTRADICTED}),
    # Of events that no checkpoint covers yet: where a rule is broken.
    "sum": ("new_in", '"quantity":10', '"quantity":11', {K.RULE_BROKEN, K.ROW_DIFFERS}),
    "sign": ("new_out", '"quantity":4', '"quantity":-4', {K.RULE_BROKEN}),
    "overdraft": ("new_out", '"quantity":4', '"quantity":400', {K.RULE_BROKEN}),
    "stock-take": ("new_count", '"on_hand":9', '"on_hand":8', {K.RULE_BROKEN}),
    "counted": ("new_count", '"counted":9', '"counted":8', {K.RULE_BROKEN, K.ROW_DIFFERS}),
    "location": ("new_in", '"location":"main"', '"location":"annex"', {K.RULE_BROKEN}),
    "sku": ("new_in", '"sku":"TEA-250"', '"sku":"TEA-500"', {K.RULE_BROKEN}),
    "time": ("new_count", '"timestamp":"20', '"timestamp":"19', {K.RULE_BROKEN}),
    "no JSON": ("new_in", '{{"', '{{{{"', {K.UNREADABLE_EVENT}),
    "no number": ("new_in", '"quantity":10', '"quantity":"a"', {K.UNREADABLE_EVENT}),
    "localId": ("new_in", '"local_id":"', '"local_id":"0', {K.UNREADABLE_EVENT}),
    "author": ("new_in", '"key_id":"', '"key_id":"x', {K.ROW_DIFFERS}),
    "covered": ("covered", '"on_hand":90', '"on_hand":97', {K.EVENT_CHANGED, K.RULE_BROKEN}),
    "voided": ("void", '"delta":-3', '"delta":-2', {K.EVENT_CHANGED, K.RULE_BROKEN}),
    "code": ("code", '"per":"1"', '"per":"2"', {K.EVENT_CHANGED, K.ROW_DIFFERS}),
}  # fmt: skip


@pytest.mark.parametrize("what", EDITS)
def test_changed_event_is_found(victim: Victim, what: str) -> None:
    name, old, new, expected = EDITS[what]
    victim.edit(name, old.replace("{{", "{"), new.replace("{{", "{"))
    assert expected <= victim.kinds()


STATEMENTS: dict[str, tuple[str, set[Kind]]] = {
    # Sealed events.
    "topic": (
        "UPDATE stored_events SET topic = 'OutboundRecorded' WHERE {p} = {delivery}",
        {K.EVENT_CHANGED, K.RULE_BROKEN, K.ROW_DIFFERS},
    ),
    "unknown topic": (
        "UPDATE stored_events SET topic = 'Stolen' WHERE {p} = {delivery}",
        {K.EVENT_CHANGED, K.UNREADABLE_EVENT},
    ),
    "version": (
        "UPDATE stored_events SET originator_version = 900 WHERE {p} = {sale}",
        {K.EVENT_CHANGED, K.RULE_BROKEN},
    ),
    "item": (
        "UPDATE stored_events SET originator_id = {box} WHERE {p} = {sale}",
        {K.EVENT_CHANGED, K.RULE_BROKEN},
    ),
    "position": (
        "UPDATE stored_events SET {p} = 9000 WHERE {p} = {sale}",
        {K.EVENTS_SHIFTED, K.RULE_BROKEN},
    ),
    "deleted": (
        "DELETE FROM stored_events WHERE {p} = {adjusted}",
        {K.EVENTS_SHIFTED, K.RULE_BROKEN, K.ROW_SURPLUS},
    ),
    "deleted first": (
        "DELETE FROM stored_events WHERE {p} = 1",
        {K.EVENTS_SHIFTED, K.RULE_BROKEN},
    ),
    "deleted with its row": (
        "DELETE FROM stored_events WHERE {p} = {edge_in}",
        {K.CHECKPOINT_CONTRADICTED, K.RULE_BROKEN},
    ),
    "cut tail": ("DELETE FROM stored_events WHERE {p} >= {edge_in}", {K.EVENTS_LOST}),
    "cut tile": ("DELETE FROM stored_events WHERE {p} > 100", {K.EVENTS_LOST}),
    "all deleted": ("DELETE FROM stored_events", {K.EVENTS_LOST, K.ROW_SURPLUS}),
    # Unique keys.
    "localId taken away": (
        "UPDATE stored_events SET local_id = NULL WHERE {p} = {sale}",
        {K.LOCAL_ID_DIFFERS, K.INDEX_DIFFERS},
    ),
    "another localId": (
        "UPDATE stored_events SET local_id = {box} WHERE {p} = {new_in}",
        {K.LOCAL_ID_DIFFERS, K.INDEX_DIFFERS},
    ),
    "localId of a registration": (
        "UPDATE stored_events SET local_id = {box} WHERE {p} = 1",
        {K.LOCAL_ID_DIFFERS},
    ),
    # Read models.
    "stock shown": ("UPDATE stock_levels SET on_hand = 77 WHERE item_id = {tea}", {K.ROW_DIFFERS}),
    "name shown": ("UPDATE stock_levels SET name = 'x' WHERE item_id = {box}", {K.ROW_DIFFERS}),
    "item hidden": ("DELETE FROM stock_levels WHERE item_id = {cup}", {K.ROW_MISSING}),
    "item of the future": (
        "UPDATE stock_levels SET position = 900000, on_hand = 5 WHERE item_id = {tea}",
        {K.ROW_SURPLUS},
    ),
    "movement shown": ("UPDATE movements SET delta = 1 WHERE position = {sale}", {K.ROW_DIFFERS}),
    "movement hidden": ("DELETE FROM movements WHERE position = {new_out}", {K.ROW_MISSING}),
    "movement moved": (
        "UPDATE movements SET position = 5000 WHERE position = {sale}",
        {K.ROW_MISSING, K.ROW_SURPLUS},
    ),
    "movement before all": (
        "UPDATE movements SET position = -5 WHERE position = {sale}",
        {K.ROW_MISSING, K.ROW_SURPLUS},
    ),
    "life cycle hidden": (
        "DELETE FROM item_changes WHERE position = {discontinued}", {K.ROW_MISSING}),
    "life cycle shown": ("UPDATE item_changes SET actor = 'nemo'", {K.ROW_DIFFERS}),
    "code redirected": ("UPDATE codes SET item_id = {cup}", {K.ROW_DIFFERS}),
    "code hidden": ("DELETE FROM codes", {K.ROW_MISSING}),
    "change of a code": ("UPDATE code_changes SET per = '12'", {K.ROW_DIFFERS}),
    # The tree.
    "tile removed": ("DELETE FROM tree_tiles", {K.TILE_DAMAGED}),
    "tile's end": ("UPDATE tree_tiles SET last_position = 3", {K.TILE_DAMAGED}),
    "checkpoint's note": (
        "UPDATE checkpoints SET note = replace(note, 'stock', 'shock')", {K.CHECKPOINT_NOT_SIGNED}),
    "checkpoint's size": (
        "UPDATE checkpoints SET size = size + 1", {K.CHECKPOINT_NOT_SIGNED}),
}  # fmt: skip


@pytest.mark.parametrize("what", STATEMENTS)
def test_tampering_is_found(victim: Victim, what: str) -> None:
    statement, expected = STATEMENTS[what]
    victim.run(statement)
    assert expected <= victim.kinds()


DAMAGED_VALUES = {
    "moment without a zone": ('"timestamp":"{+}', '"timestamp":"2026-01-01T00:00:00","x":"'),
    "moment at the end of time": (
        '"timestamp":"{+}', '"timestamp":"9999-12-31T23:59:59-12:00","x":"'),
    "huge scale": ('"on_hand":19', '"scale":4000000000000000000,"on_hand":19'),
    "huge quantity": ('"on_hand":19', '"on_hand":99999999999999999999999999'),
    "deep nesting": ('"sku":"', '"y":' + "[" * 5_000 + "]" * 5_000 + ',"sku":"'),
    "no text": ('"timestamp"', '"timest'),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGED_VALUES)
def test_damaged_value_is_a_finding(victim: Victim, what: str) -> None:
    old, new = DAMAGED_VALUES[what]
    victim.edit("new_in", old.replace("{+}", ""), new)
    assert K.UNREADABLE_EVENT in victim.kinds()


DAMAGED_TABLES: dict[str, tuple[str, set[Kind]]] = {
    "role of a key": ("UPDATE api_keys SET role = 'EMPEROR'", set()),
    "time of a key": ("UPDATE api_keys SET created_at = 'yesterday'", {K.UNREADABLE_ROWS}),
    "note of a checkpoint": ("UPDATE checkpoints SET note = 'x'", {K.CHECKPOINT_NOT_SIGNED}),
    "id of a checkpoint": (
        "UPDATE checkpoints SET checkpoint_id = x'ff' WHERE size > 271",
        {K.CHECKPOINT_NOT_SIGNED},
    ),
    "epoch of a checkpoint": ("UPDATE checkpoints SET epoch = 7", {K.CHECKPOINT_NOT_SIGNED}),
    "time of a checkpoint": (
        "UPDATE checkpoints SET signed_at = 'yesterday'", {K.UNREADABLE_ROWS}),
    "time of a declaration": (
        "INSERT INTO declarations VALUES (1, 'key', 'x', 'yesterday')", {K.UNREADABLE_ROWS}),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGED_TABLES)
def test_damaged_table_stops_no_verification(victim: Victim, what: str) -> None:
    if column_of_positions(victim.ledger) != "rowid":
        pytest.skip("PostgreSQL keeps the types of columns")
    statement, expected = DAMAGED_TABLES[what]
    victim.run(statement)
    assert victim.kinds() >= expected


def test_changed_hash_in_a_tile_is_no_changed_event(victim: Victim) -> None:
    tile = victim.ledger.recorder.select_tile(tile_id(0, 0))
    assert tile is not None
    changed = bytes([tile.hashes[0] ^ 1]) + tile.hashes[1:]
    victim.run(f"UPDATE tree_tiles SET hashes = {blob(victim.ledger, changed)}")
    assert victim.kinds() == {K.TILE_DAMAGED}
    victim.run(f"UPDATE tree_tiles SET root = {blob(victim.ledger, bytes(32))}")
    assert K.TILE_DAMAGED in victim.kinds()


def test_swapped_events_are_found(victim: Victim) -> None:
    victim.run("UPDATE stored_events SET {p} = -{sale} WHERE {p} = {delivery}")
    victim.run("UPDATE stored_events SET {p} = {delivery} WHERE {p} = {sale}")
    victim.run("UPDATE stored_events SET {p} = {sale} WHERE {p} = -{sale}")
    assert {K.EVENT_CHANGED, K.RULE_BROKEN} <= victim.kinds()


def test_item_that_was_invented_in_the_stock_list_is_found(victim: Victim) -> None:
    columns = [name for name in StockLevels.table.columns if name not in {"item_id", "sku"}]
    victim.run(
        f"INSERT INTO stock_levels (item_id, sku, {', '.join(columns)}) "
        f"SELECT {identifier(victim.ledger)}, 'GOLD', {', '.join(columns)} FROM stock_levels "
        "WHERE item_id = {tea}"
    )
    assert victim.kinds() == {K.ROW_SURPLUS}


def test_event_that_was_inserted_before_all_is_found(victim: Victim) -> None:
    victim.run(
        "INSERT INTO stored_events SELECT -3, {box}, 55, topic, state, NULL FROM stored_events "
        "WHERE {p} = 1"
    )
    assert {K.EVENTS_SHIFTED, K.RULE_BROKEN} <= victim.kinds()


def test_duplicate_under_a_dropped_index_is_found(victim: Victim) -> None:
    if column_of_positions(victim.ledger) == "rowid":
        pytest.skip("SQLite does not drop the index of a constraint")
    victim.run("ALTER TABLE stored_events DROP CONSTRAINT stored_events_local_id_key")
    victim.run(
        "INSERT INTO stored_events SELECT 9000, {box}, 3, topic, state, local_id "
        "FROM stored_events WHERE {p} = {sale}"
    )
    assert K.INDEX_DIFFERS in victim.kinds()


def forge_tree(victim: Victim) -> None:
    """Makes the tiles anew from changed events, and removes the checkpoints: all that SQL can."""
    victim.run("DELETE FROM tree_tiles")
    victim.run("DELETE FROM checkpoints")
    GrowingTree(victim.ledger.recorder).grow()


def change_plausibly(victim: Victim) -> None:
    """Changes an event and its row so that no rule is broken."""
    victim.edit("adjusted", '"actor":"mina"', '"actor":"nemo"')
    victim.run("UPDATE movements SET actor = 'nemo' WHERE position = {adjusted}")


def test_forged_tree_contradicts_a_checkpoint_that_somebody_kept(victim: Victim) -> None:
    change_plausibly(victim)
    forge_tree(victim)
    assert victim.kinds() == set()  # Nobody has kept anything.
    kept = [Claim("kept", victim.sample.first)]
    assert victim.kinds(checkpoints=kept) == {K.CHECKPOINT_CONTRADICTED}


def test_thief_of_the_key_contradicts_a_checkpoint_that_somebody_kept(
    victim: Victim, tmp_path: Path
) -> None:
    change_plausibly(victim)
    forge_tree(victim)
    seal(victim.ledger, signing_key(tmp_path, KEY))
    assert victim.kinds() == set()
    kept = [Claim("kept", victim.sample.first)]
    assert victim.kinds(checkpoints=kept) == {K.CHECKPOINT_CONTRADICTED}


def test_checkpoint_that_no_known_key_signed_is_found(victim: Victim) -> None:
    forged = Checkpoint("other.example", 9_000, bytes(32)).text + "\n— other.example AAAAAAAA\n"
    victim.run(
        f"INSERT INTO checkpoints SELECT '{checkpoint_id(1, 9_000)}', 1, 9000, position, "
        f"'{forged}', signed_at FROM checkpoints LIMIT 1"
    )
    assert K.CHECKPOINT_NOT_SIGNED in victim.kinds()


NOT_FOUND: dict[str, Callable[[Victim], None]] = {
    "plausible change of an event that no checkpoint covers": lambda victim: (
        victim.edit("new_in", '"actor":"mina"', '"actor":"nemo"'),
        victim.run("UPDATE movements SET actor = 'nemo' WHERE position = {new_in}"),
    )[-1],
    "audit trail": lambda victim: victim.run("DELETE FROM audit_log"),
    "API keys": lambda victim: victim.run("UPDATE api_keys SET role = 'auditor'"),
    "rejections": lambda victim: victim.run("DELETE FROM rejected_transactions"),
}


@pytest.mark.parametrize("what", NOT_FOUND)
def test_what_is_not_found_is_documented(victim: Victim, what: str) -> None:
    NOT_FOUND[what](victim)
    assert victim.kinds() == set()


def test_read_models_are_not_made_of_changed_events(victim: Victim) -> None:
    victim.edit("delivery", '"quantity":100', '"quantity":900')
    with pytest.raises(EventsChanged, match=f"position {victim.sample.positions['delivery']} is"):
        require_unchanged(victim.ledger.recorder, lambda *_: None)


@pytest.mark.parametrize("name", ["edge_in", "edge_count"])
def test_read_models_are_not_made_of_changed_events_on_the_edge(victim: Victim, name: str) -> None:
    victim.edit(name, '"actor":"mina"', '"actor":"nemo"')
    with pytest.raises(EventsChanged, match="is not the one that was sealed"):
        require_unchanged(victim.ledger.recorder, lambda *_: None)


def test_read_models_are_not_made_of_what_is_left(victim: Victim) -> None:
    victim.run("DELETE FROM stored_events WHERE {p} > 200")
    with pytest.raises(EventsChanged, match="newest checkpoint covers"):
        require_unchanged(victim.ledger.recorder, lambda *_: None)


def test_rebuild_mends_what_was_changed_in_read_models_alone(victim: Victim) -> None:
    for what in ("stock shown", "movement hidden", "movement moved", "code redirected"):
        victim.run(STATEMENTS[what][0])
    require_unchanged(victim.ledger.recorder, lambda *_: None)
    for projection in PROJECTIONS:
        rebuild(victim.ledger, projection, lambda *_: None)
    assert victim.kinds() == set()
