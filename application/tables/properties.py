"""Ledger properties: the schema number, and other values that belong to one database."""

from typing import Any, Final, NamedTuple

from application.tables.table import Table


class Property(NamedTuple):
    """One property."""

    name: str
    value: str


PROPERTIES: Final = Table("ledger_properties", Property, key="name")

SCHEMA_VERSION: Final = "schema_version"
BOOKMARK_KEY: Final = "bookmark_key"
"""Name of the bookmark key, in hexadecimal. A copy keeps it, so bookmarks stay valid."""


def read_model_property(table: Table[Any]) -> str:
    """The property name of a read model's fingerprint."""
    return f"read_model:{table.name}"
