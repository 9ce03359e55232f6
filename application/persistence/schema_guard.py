"""Noticing, in a process that runs, that a newer version has changed the tables."""

import time
from collections.abc import Sequence
from typing import Final

from application.persistence.errors import SchemaChanged
from application.tables.properties import PROPERTIES, SCHEMA_VERSION

CHECK_SECONDS: Final = 5.0
"""Between two looks."""

READ_SCHEMA_VERSION: Final = f"SELECT value FROM {PROPERTIES.name} WHERE name = '{SCHEMA_VERSION}'"  # noqa: S608


class SchemaGuard:
    """Compares the database's schema number with the expected one, now and then."""

    def __init__(self) -> None:
        self._expected: int | None = None
        self._looked_at = 0.0

    def expect(self, version: int) -> None:
        """From now on. Until then, any number is right."""
        self._expected = version
        self._looked_at = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether it is time to look."""
        return self._expected is not None and time.monotonic() - self._looked_at > CHECK_SECONDS

    def check(self, rows: Sequence[Sequence[object]]) -> None:
        """Takes what READ_SCHEMA_VERSION gave. Raises SchemaChanged where that is not the expected
        number."""
        found = str(rows[0][0]) if rows else "of no number"
        if found != str(self._expected):
            raise SchemaChanged(
                f"the ledger has schema {found} by now, and this server knows "
                f"{self._expected}: start the version that changed it"
            )
        self._looked_at = time.monotonic()
