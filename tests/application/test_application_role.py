"""The application role of PostgreSQL: it may do all that servers do, and can't change an event."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from application.access.audit import AuditTrail, Origin
from application.access.key_management import Grant, KeyService
from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.maintenance.rebuild import rebuild
from application.persistence import environment
from application.persistence.errors import NotAllowed, UnsupportedDatabase
from application.projections import PROJECTIONS
from application.recording.rejected_store import RejectedTransactionStore
from application.recording.sync import SyncService
from application.review import ReviewService
from application.server_clock import utc_now
from harness import postgres
from tests.support.builders import CLERK, element, register
from tests.support.ledger_checks import assert_read_models_equal_replay, on_hand
from tests.support.sealing import checkpoint_of, signing_key


@pytest.fixture
def owner(postgres_server: postgres.Server) -> Iterator[str]:
    with postgres_server.database() as url:
        yield url


@pytest.fixture
def application(owner: str) -> Iterator[str]:
    """The URL of the application role, whose rights the owner has granted."""
    role = f"app-{uuid4().hex[:8]}"  # A name that must be quoted.
    with Ledger(environment(owner, lock_timeout=30)) as ledger:
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute(f'CREATE ROLE "{role}" LOGIN')
        ledger.recorder.grant_rights(role)
        ledger.recorder.grant_rights(role)
    settings = conninfo_to_dict(owner) | {"user": role}
    settings.pop("password", None)
    yield "postgresql://?" + "&".join(f"{name}={value}" for name, value in settings.items())
    postgres.cut_connections(owner)
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f'DROP OWNED BY "{role}"')
        connection.execute(f'DROP ROLE "{role}"')


def test_servers_need_no_more(owner: str, application: str, tmp_path: Path) -> None:
    with Ledger(environment(application, lock_timeout=30)) as ledger:
        items, sync = ItemService(ledger), SyncService(ledger)
        tea = register(items)
        result = sync.sync([element("INBOUND", tea, 5), element("OUTBOUND", tea, 9)], CLERK)
        assert [len(result.synced), len(result.failed)] == [1, 1]
        items.assign_code(tea, "4006381333931", 1, CLERK)
        sync.sync([element("INBOUND", tea, 500)], CLERK)
        assert on_hand(ledger, tea) == 496  # What was refused was judged again.
        audit = AuditTrail(ledger.recorder)
        keys = KeyService(ledger.recorder, audit)
        issued = keys.create(Grant(name="mina", role=Role.ADMIN), Origin(CLERK.actor))
        keys.revoke(issued.key.key_id, Origin(CLERK.actor))
        store = RejectedTransactionStore(timedelta(days=90), 9)
        review = ReviewService(ledger.recorder, sync, store, audit, utc_now)
        (refused,) = sync.sync([element("OUTBOUND", tea, 9_999)], CLERK).failed
        assert refused.local_id is not None
        review.dismiss(refused.local_id, "it was counted", CLERK, Origin(CLERK.actor))
        assert checkpoint_of(ledger, signing_key(tmp_path)).size == ledger.recorder.head()
        assert_read_models_equal_replay(ledger)


@pytest.mark.parametrize("table", ["stored_events", "tree_tiles", "checkpoints", "audit_log"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}"]
)
def test_facts_can_t_be_changed(application: str, table: str, statement: str) -> None:
    column = {"stored_events": "topic", "tree_tiles": "root", "checkpoints": "note"}.get(
        table, "action"
    )
    with (
        psycopg.connect(application) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.format(table, column, column))


def test_read_models_are_rebuilt_by_the_owner(owner: str, application: str) -> None:
    with Ledger(environment(application, lock_timeout=30)) as ledger:
        tea = register(ItemService(ledger))
        for projection in PROJECTIONS[:1]:
            with pytest.raises(NotAllowed):
                rebuild(ledger, projection, lambda *_: None)
        with Ledger(environment(owner, lock_timeout=30)) as owned:
            for projection in PROJECTIONS:
                rebuild(owned, projection, lambda *_: None)
        SyncService(ledger).sync([element("INBOUND", tea, 5)], CLERK)
        assert_read_models_equal_replay(ledger)


def test_sqlite_has_no_roles(tmp_path: Path) -> None:
    with (
        Ledger(environment(f"sqlite:///{tmp_path / 'l.db'}", lock_timeout=30)) as ledger,
        pytest.raises(UnsupportedDatabase, match="triggers guard"),
    ):
        ledger.recorder.grant_rights("app")
