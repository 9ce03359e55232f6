"""Schema versions: older ledgers open without loss, newer ones are refused in one line.

`schemas/` has one small ledger per schema number, written by the code of that version.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import apsw
import msgspec
import psycopg
import pytest

from application.access.authentication import Authenticator
from application.access.errors import Unauthenticated
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.maintenance.upgrade import rebuild_outdated
from application.persistence.errors import SchemaChanged, SchemaMismatch
from application.persistence.filters import RejectedFilter
from application.persistence.postgres import schema as postgres_schema
from application.persistence.postgres.tables import postgres_table
from application.persistence.postgres.unit_of_work import PostgresUnitOfWork
from application.persistence.schema import KEPT_TABLES, VERSION, outdated
from application.persistence.schema_guard import CHECK_SECONDS
from application.persistence.sqlite import schema as sqlite_schema
from application.persistence.sqlite.tables import sqlite_table
from application.persistence.sqlite.unit_of_work import SQLiteUnitOfWork
from application.projections import PROJECTIONS
from application.recording.differing_items import registration_of
from application.recording.sync import SyncService
from application.tables.properties import PROPERTIES, Property
from application.tables.table import Table, Upsert
from application.tables.tree import TREE_TABLES
from application.verification.tree_check import Claim
from domain.stock_item import item_id
from harness import postgres
from proof.checkpoint import Checkpoint
from tests.support.builders import element
from tests.support.ledger_checks import (
    assert_read_models_equal_replay,
    execute,
    found_in,
)
from tests.support.make_ledger import ADMIN, FOLDER, load_ledger
from tests.support.schemas import opened, set_version, upgrade
from tests.support.sealing import seal, signing_key

VERSIONS = range(1, VERSION + 1)

Load = Callable[[int], str]


@pytest.fixture
def load(database_url: str) -> Load:
    """A function that loads the ledger of a schema number into the database. Returns the URL."""

    def load(version: int) -> str:
        load_ledger(version, database_url)
        return database_url

    return load


def kind_of(database_url: str) -> str:
    return "sqlite" if database_url.startswith("sqlite") else "postgres"


def shape(database_url: str) -> set[tuple[Any, ...]]:
    """Columns of all tables and indexes, from the catalogue of the database."""
    if kind_of(database_url) == "sqlite":
        with (
            opened(database_url) as ledger,
            ledger.recorder.datastore.transaction(  # type: ignore[attr-defined]
                commit=False
            ) as cursor,
        ):
            columns = cursor.execute(
                'SELECT t.name, c.name, c.type, c."notnull", c.pk '
                "FROM sqlite_schema AS t, pragma_table_info(t.name) AS c"
            ).fetchall()
            indexes = cursor.execute(
                'SELECT t.name, i."unique", '
                "(SELECT group_concat(name) FROM pragma_index_info(i.name)) "
                "FROM sqlite_schema AS t, pragma_index_list(t.name) AS i"
            ).fetchall()
            return {*columns, *indexes}
    with psycopg.connect(database_url) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable, collation_name "
            "FROM information_schema.columns WHERE table_schema = 'public'"
        ).fetchall()
        indexes = connection.execute(
            "SELECT tablename, substring(indexdef FROM ' USING .*'), indexdef LIKE '%UNIQUE%' "
            "FROM pg_indexes WHERE schemaname = 'public'"
        ).fetchall()
        return {*columns, *indexes}


@pytest.fixture
def new_shape(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Any]:
    """The shape of a new ledger on the same kind of database."""
    if kind_of(database_url) == "sqlite":
        url = f"sqlite:///{tmp_path / 'new.db'}"
        opened(url).close()
        yield shape(url)
        return
    server: postgres.Server = request.getfixturevalue("postgres_server")
    with server.database() as url:
        opened(url).close()
        yield shape(url)


@pytest.mark.parametrize("version", VERSIONS)
def test_ledger_of_an_earlier_version_opens_with_all_that_it_knows(
    load: Load, new_shape: set[tuple[Any, ...]], version: int
) -> None:
    url = load(version)
    known = json.loads((FOLDER / f"v{version}.json").read_text())[kind_of(url)]
    upgrade(url)
    assert shape(url) == new_shape
    with opened(url) as ledger:
        assert not outdated(ledger.recorder)
        assert_read_models_equal_replay(ledger)
        again = SyncService(ledger).sync(known["elements"], ADMIN)
        assert json.loads(msgspec.json.encode(again.synced)) == [
            synced | {"status": "duplicate"} for synced in known["synced"]
        ]
        assert {str(one.local_id): one.rejection.code for one in again.failed} == known["failed"]
        keys = Authenticator(ledger.recorder, remember=1)
        assert keys.authenticate(known["key"]).locations == {"main"}
        with pytest.raises(Unauthenticated, match="revoked"):
            keys.authenticate(known["revokedKey"])
        cup = UUID(known["elements"][4]["itemId"])
        more = {**known["elements"][4], "quantity": 100, "localId": str(UUID(int=99, version=4))}
        SyncService(ledger).sync([element("INBOUND", cup, 400)], ADMIN)
        closed = SyncService(ledger).sync([known["elements"][4], more], ADMIN)
        assert [one.status for one in closed.synced] == ["duplicate", "recorded"]
        rows = ledger.recorder.select_rejected(RejectedFilter(), before=None, limit=100)
        statuses = {str(row.local_id)[-1]: row.status for row in rows}
        assert statuses["5"] == "resolved"
        assert statuses["6"] == "open"


def test_codes_and_provisional_items_of_an_earlier_version(load: Load) -> None:
    url = load(6)
    upgrade(url)
    cheese, cup = item_id("main", "CHEESE"), item_id("main", "CUP")
    with opened(url) as ledger:
        level = ledger.recorder.select_item(cheese)
        assert level is not None
        assert (level.provisional, level.scale) == (True, 3)
        assert [one.code for one in ledger.recorder.select_codes([cheese])] == ["4006381333931"]
        assert ledger.recorder.select_codes([cup]) == []
        wanted = RejectedFilter(code="ITEM_DIFFERS")
        (row,) = ledger.recorder.select_rejected(wanted, before=None, limit=9)
        assert registration_of(row).name == "Other"
        items = ItemService(ledger)
        items.confirm(cheese, ADMIN)
        assert items.assign_code(cup, "CUP-OLD", 6, ADMIN)[0].originator_version == 3


@pytest.mark.parametrize("version", VERSIONS)
def test_events_of_an_earlier_version_are_sealed(load: Load, tmp_path: Path, version: int) -> None:
    url = load(version)
    upgrade(url)
    with opened(url) as ledger:
        kept = ledger.recorder.select_last_checkpoint()
        assert (kept is None) == (version < 8)
        SyncService(ledger).sync([element("INBOUND", item_id("main", "CUP"), 400)], ADMIN)
        newest = seal(ledger, signing_key(tmp_path))
        assert newest.position == ledger.recorder.head()
        claims = [] if kept is None else [Claim("kept", Checkpoint.unverified(kept.note))]
        assert found_in(ledger, checkpoints=claims) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_rejection_without_the_rights_of_its_sender_waits_for_a_person(
    load: Load, version: int
) -> None:
    url = load(version)
    known = json.loads((FOLDER / f"v{version}.json").read_text())[kind_of(url)]
    upgrade(url)
    sale = known["elements"][4]
    with opened(url) as ledger:
        sync = SyncService(ledger)
        sync.sync([element("INBOUND", UUID(sale["itemId"]), 400)], ADMIN)
        (row,) = ledger.recorder.select_rejected(
            RejectedFilter(names=(UUID(sale["localId"]),)), before=None, limit=2
        )
        assert row.status == ("open" if version < 5 else "resolved")
        (synced,) = sync.sync([sale], ADMIN).synced
        assert synced.status == ("recorded" if version < 5 else "duplicate")


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_older_ledger_is_not_changed_by_the_way(load: Load, version: int) -> None:
    url = load(version)
    for _ in range(2):
        with pytest.raises(
            SchemaMismatch, match=rf"^[^\n]*schema {version}[^\n]*stockledger upgrade`$"
        ):
            opened(url)


def test_newer_ledger_is_refused(database_url: str) -> None:
    with opened(database_url) as ledger:
        set_version(ledger, VERSION + 1)
    with pytest.raises(SchemaMismatch, match=rf"^[^\n]*schema {VERSION + 1}[^\n]*$"):
        opened(database_url, may_upgrade=True)


OLDER = {
    "a column less": "ALTER TABLE rejected_transactions DROP COLUMN device",
    "a column more": "ALTER TABLE api_keys ADD COLUMN salt TEXT",
    "a table less": "DROP TABLE audit_log",
}


@pytest.mark.parametrize("difference", OLDER)
def test_ledger_from_before_the_first_schema_is_refused(load: Load, difference: str) -> None:
    url = load(1)
    if kind_of(url) == "sqlite":
        with closing(apsw.Connection(url.removeprefix("sqlite:///"))) as connection:
            connection.execute(OLDER[difference])
    else:
        with psycopg.connect(url) as other:
            other.execute(OLDER[difference].encode())
    with pytest.raises(SchemaMismatch, match=r"^[^\n]*older than schema 1[^\n]*$"):
        opened(url, may_upgrade=True)


def test_running_server_notices_a_newer_schema(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert CHECK_SECONDS < 10
    sync = SyncService(ledger)
    set_version(ledger, VERSION + 1)
    monkeypatch.setattr("application.persistence.schema_guard.CHECK_SECONDS", -1)
    with pytest.raises(SchemaChanged, match=f"schema {VERSION + 1}"):
        sync.sync([element("INBOUND", UUID(int=1), 1)], ADMIN)
    with pytest.raises(SchemaChanged):
        ledger.recorder.select_item(UUID(int=1))


def test_processes_may_upgrade_at_once(load: Load) -> None:
    url = load(1)
    program = "import sys; from tests.support.schemas import upgrade; upgrade(sys.argv[1])"

    def run(_: int) -> int:
        return subprocess.run([sys.executable, "-c", program, url], check=False).returncode

    with ThreadPoolExecutor(3) as pool:
        codes = list(pool.map(run, range(3)))
    assert 0 in codes  # The others may fail: a rebuild was running.
    upgrade(url)
    with opened(url) as ledger:
        assert_read_models_equal_replay(ledger)


@pytest.mark.parametrize("after", range(12))
def test_upgrade_that_is_killed_goes_on(
    load: Load, new_shape: set[tuple[Any, ...]], after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`after`: the number of the call at which the fault happens."""
    url = load(1)
    with monkeypatch.context() as patch:
        _interrupt(patch, url, after)
        with pytest.raises(KeyboardInterrupt):
            upgrade(url)
    upgrade(url)
    assert shape(url) == new_shape
    with opened(url) as ledger:
        assert not outdated(ledger.recorder)
        assert_read_models_equal_replay(ledger)


def _interrupt(patch: pytest.MonkeyPatch, url: str, after: int) -> None:
    """Makes call number `after` of the unit of work raise KeyboardInterrupt."""
    left = after
    kind = SQLiteUnitOfWork if kind_of(url) == "sqlite" else PostgresUnitOfWork

    def interrupted(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            return original(*arguments, **options)

        return call

    for name in ("run", "write", "create_table", "drop_table", "replace_table"):
        patch.setattr(kind, name, interrupted(getattr(kind, name)))


def test_role_that_may_not_change_tables_is_told_what_to_do(
    postgres_server: postgres.Server,
) -> None:
    with postgres_server.database() as url:
        load_ledger(1, url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP ROLE IF EXISTS clerk")
            connection.execute("CREATE ROLE clerk LOGIN")
            connection.execute("GRANT USAGE ON SCHEMA public TO clerk")
            connection.execute("GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO clerk")
        try:
            with pytest.raises(SchemaMismatch, match=r"^[^\n]*role[^\n]*stockledger upgrade`"):
                opened(url.replace("user=postgres", "user=clerk"), may_upgrade=True)
        finally:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("DROP OWNED BY clerk")
                connection.execute("DROP ROLE clerk")


def test_read_model_of_another_description_is_rebuilt(ledger: Ledger, database_url: str) -> None:
    (movements,) = (one for one in PROJECTIONS if one.table.name == "movements")
    tea = UUID(int=1)
    SyncService(ledger).sync([element("INBOUND", tea, 1)], ADMIN)
    execute(ledger, "ALTER TABLE movements DROP COLUMN note")
    with ledger.recorder.unit_of_work() as unit_of_work:
        unit_of_work.write(PROPERTIES, [Upsert([Property("read_model:movements", "another")])])
    assert outdated(ledger.recorder) == [movements]
    assert rebuild_outdated(ledger, lambda name, position, end: None) == ["movements"]
    assert not outdated(ledger.recorder)
    assert_read_models_equal_replay(ledger)


def test_changed_table_takes_the_next_schema_number() -> None:
    """If this fails, a table has changed. Then:

    1. Increment VERSION.
    2. Add a migration step to each adapter, unless the table is a read model.
    3. Add a fixture with tests/support/make_ledger.py.
    4. Put the new digest here.
    """
    tables: list[Table[Any]] = [
        PROPERTIES,
        *KEPT_TABLES,
        *TREE_TABLES,
        *(projection.table for projection in PROJECTIONS),
    ]
    revisions = [str(projection.revision) for projection in PROJECTIONS]
    descriptions = [
        make(table).describe() for table in tables for make in (sqlite_table, postgres_table)
    ]
    digest = sha256("\n".join([*revisions, *descriptions]).encode()).hexdigest()[:16]
    assert (VERSION, digest) == (9, "d31becf00f10295f")


def test_every_schema_number_has_its_fixture() -> None:
    endings = ("sqlite", "postgres.sql", "device.sqlite", "json")
    missing = [
        f"v{n}.{end}" for n in VERSIONS for end in endings if not (FOLDER / f"v{n}.{end}").exists()
    ]
    assert not missing


def test_damaged_properties_are_unavailable(ledger: Ledger, database_url: str) -> None:
    execute(ledger, "DELETE FROM ledger_properties")
    with pytest.raises(SchemaMismatch, match="damaged"):
        opened(database_url)


def test_every_number_has_its_step_and_its_ledger() -> None:
    steps = range(2, VERSION + 1)
    assert list(sqlite_schema.STEPS) == list(postgres_schema.STEPS) == list(steps)
    for version in VERSIONS:
        for ending in ("sqlite", "postgres.sql", "device.sqlite", "json"):
            assert (FOLDER / f"v{version}.{ending}").exists()
