"""What a database says of itself: the number of its schema, and what else goes with the ledger."""

from typing import Any, Final, NamedTuple

from application.tables.table import Table


class Property(NamedTuple):
    """One such value."""

    name: str
    value: str


PROPERTIES: Final = Table("ledger_properties", Property, key="name")

SCHEMA_VERSION: Final = "schema_version"
BOOKMARK_KEY: Final = "bookmark_key"
"""In hexadecimal. Goes along with a copy, so that bookmarks stay good."""


def read_model_property(table: Table[Any]) -> str:
    """The name under which a read model's fingerprint is kept."""
    return f"read_model:{table.name}"
