"""Schema check in a running process: notices that a newer version has changed the tables."""

import time
from collections.abc import Sequence
from typing import Final

from application.persistence.errors import SchemaChanged
from application.tables.properties import PROPERTIES, SCHEMA_VERSION

CHECK_SECONDS: Final = 5.0
"""Minimum number of seconds between two checks."""

READ_SCHEMA_VERSION: Final = f"SELECT value FROM {PROPERTIES.name} WHERE name = '{SCHEMA_VERSION}'"  # noqa: S608


class SchemaGuard:
    """Compares the database's schema number with the expected one, every few seconds."""

    def __init__(self) -> None:
        self._expected: int | None = None
        self._checked_at = 0.0

    def expect(self, version: int) -> None:
        """Sets the expected number. Before the first call, no check is due."""
        self._expected = version
        self._checked_at = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether the next check is due."""
        return self._expected is not None and time.monotonic() - self._checked_at > CHECK_SECONDS

    def check(self, rows: Sequence[Sequence[object]]) -> None:
        """Checks the rows that READ_SCHEMA_VERSION returned.

        Raises SchemaChanged: they do not have the expected number.
        """
        found = str(rows[0][0]) if rows else "without a number"
        if found != str(self._expected):
            raise SchemaChanged(
                f"the ledger now has schema {found}, and this server knows "
                f"{self._expected}: start the version that changed it"
            )
        self._checked_at = time.monotonic()
