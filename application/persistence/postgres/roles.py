"""Rights of the application role: it may add events, and can't change them.

The owner role makes and upgrades the tables, rebuilds read models and repairs. The servers run as
the application role, so that neither a mistake in them nor who takes them over can change an event.
"""

from collections.abc import Iterator
from typing import Any, Final

from psycopg import Connection, sql

from application.persistence.postgres.positions import SEQUENCE
from application.projections import PROJECTIONS
from application.tables.access import API_KEYS, AUDIT_LOG, SESSIONS
from application.tables.properties import PROPERTIES
from application.tables.rejected import REJECTED
from application.tables.table import Table
from application.tables.tree import TREE_TABLES

_APPENDED: Final = ("stored_events", AUDIT_LOG.name, *(table.name for table in TREE_TABLES))
"""Tables whose rows are facts."""

_CHANGED: Final[tuple[Table[Any], ...]] = (PROPERTIES, API_KEYS, SESSIONS, REJECTED)


def grant_rights(connection: Connection[Any], role: str) -> None:
    """Gives the role what the servers need, and takes the rest. Raises psycopg.Error."""
    for statement in _statements(sql.Identifier(role)):
        connection.execute(statement)


def _statements(role: sql.Identifier) -> Iterator[sql.Composed]:
    """The statements that grant."""
    yield sql.SQL(
        "DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO {role}', current_schema()); END $$"
    ).format(role=role)
    # A rebuild makes a new table in the place of the old one.
    yield sql.SQL(
        "DO $$ BEGIN EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT, INSERT, "
        "UPDATE, DELETE ON TABLES TO {role}', current_schema()); END $$"
    ).format(role=role)
    yield sql.SQL("GRANT USAGE, SELECT ON SEQUENCE {sequence} TO {role}").format(
        sequence=sql.Identifier(SEQUENCE), role=role
    )
    for name in _APPENDED:
        yield _grant(name, "SELECT, INSERT", role)
    for table in (*_CHANGED, *(projection.table for projection in PROJECTIONS)):
        yield _grant(table.name, "SELECT, INSERT, UPDATE, DELETE", role)
    yield _grant("readable_events", "SELECT", role)


def _grant(table: str, rights: str, role: sql.Identifier) -> sql.Composed:
    return sql.SQL("REVOKE ALL ON {table} FROM {role}; GRANT {rights} ON {table} TO {role}").format(
        table=sql.Identifier(table), role=role, rights=sql.SQL(rights)
    )
