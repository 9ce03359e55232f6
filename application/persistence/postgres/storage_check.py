"""Checks that PostgreSQL makes of its own files and settings."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import psycopg
from psycopg import Connection

from application.persistence.postgres.datastore import execute
from application.persistence.verification_reader import StorageCheck

_CHECKSUM_FAILURES: Final = """
SELECT coalesce(checksum_failures, 0) FROM pg_stat_database WHERE datname = current_database()
"""

_AMCHECK: Final = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'amcheck')"

_TABLES: Final = """
SELECT oid::regclass::text FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' ORDER BY 1
"""

_INDEXES: Final = """
SELECT pg_class.oid::regclass::text FROM pg_class JOIN pg_am ON pg_am.oid = relam
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'i' AND amname = 'btree'
ORDER BY 1
"""

_CHECK_TABLE: Final = "SELECT blkno, offnum, msg FROM verify_heapam(%s::regclass)"

_CHECK_INDEX: Final = """
SELECT bt_index_check(%s::regclass, heapallindexed => true, checkunique => true)
"""

_MUST_BE_ON: Final = ("fsync", "full_page_writes", "synchronous_commit")


def check_storage(connection: Connection[Any]) -> StorageCheck:
    """Checks tables and indexes by the extension amcheck, if it is installed. Raises
    psycopg.Error."""
    problems = []
    ((failures,),) = execute(connection, _CHECKSUM_FAILURES)
    if failures:
        problems.append(f"{failures} pages had wrong checksums since the statistics began")
    ((is_installed,),) = execute(connection, _AMCHECK)
    if not is_installed:
        return StorageCheck(problems, "the extension amcheck is not installed")
    try:
        return StorageCheck([*problems, *_damage(connection)])
    except psycopg.errors.InsufficientPrivilege:
        return StorageCheck(problems, "the role may not use the extension amcheck")


def unsafe_settings(connection: Connection[Any]) -> Sequence[str]:
    """Returns settings with which a crash may lose commits. Raises psycopg.Error."""
    values = {name: execute(connection, f"SHOW {name}").fetchall()[0][0] for name in _MUST_BE_ON}
    return [f"{name} is off" for name, value in values.items() if value == "off"]


def _damage(connection: Connection[Any]) -> Iterator[str]:
    for (table,) in execute(connection, _TABLES).fetchall():
        for block, line, message in execute(connection, _CHECK_TABLE, [table]):
            yield f"table {table}, block {block}, line {line}: {message}"
    for (index,) in execute(connection, _INDEXES).fetchall():
        try:
            execute(connection, _CHECK_INDEX, [index])
        except (psycopg.errors.InternalError, psycopg.errors.DataError) as error:
            yield f"index {index}: {' '.join(str(error).split())}"
