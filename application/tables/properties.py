"""Ledger properties: the schema number, and other values that belong to one database."""

from typing import Any, Final, NamedTuple
from uuid import uuid4

from application.tables.table import Table


class Property(NamedTuple):
    """One property."""

    name: str
    value: str


PROPERTIES: Final = Table("ledger_properties", Property, key="name")

SCHEMA_VERSION: Final = "schema_version"
BOOKMARK_KEY: Final = "bookmark_key"
"""Name of the bookmark key, in hexadecimal. A copy keeps it, so bookmarks stay valid."""

ORIGIN: Final = "origin"
"""Name of the ledger's name as a log, without the epoch. A copy keeps it."""
EPOCH: Final = "epoch"
"""Name of the number of the log's epoch: 1, and one more after each restore."""
VERIFIER_KEY: Final = "verifier_key"
"""Name of the first key that signed checkpoints of the log. Later ones are declared."""
RESTORING: Final = "restoring"
"""Name of the id of the checkpoint that a restore, which is not complete, brings back."""
LAST_VERIFICATION: Final = "last_verification"
"""Name of the last result of `stockledger verify`, as a JSON object."""

COPIED_PROPERTIES: Final = (BOOKMARK_KEY, ORIGIN, EPOCH, VERIFIER_KEY)
"""Names of the properties that make a copy the same ledger."""

UNNAMED: Final = "stockledger.invalid/"
"""The beginning of a ledger's origin until it gets a name."""


def default_origin() -> str:
    """Returns a new origin, which no other ledger has."""
    return f"{UNNAMED}{uuid4()}"


def read_model_property(table: Table[Any]) -> str:
    """The property name of a read model's fingerprint."""
    return f"read_model:{table.name}"
