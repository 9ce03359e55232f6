"""Data migrations of rejected transactions.

Each step describes the columns that it needs as they were at that time. It uses no later column.
"""

import json
from typing import Final, NamedTuple
from uuid import UUID

from application.parsing.transactions import read_element
from application.persistence.unit_of_work import UnitOfWork
from application.tables.rejection_ids import rejection_id
from application.tables.table import Table, Update
from domain.errors import Invalid
from domain.labels import kept_form


class _Row(NamedTuple):
    rejection_id: UUID
    element: str
    location: str | None
    malformed: bool


_ROWS: Final = Table("rejected_transactions", _Row, key="rejection_id")


def identify_by_content(unit_of_work: UnitOfWork) -> None:
    """Migrates to schema 3: ids derived from more of the content, locations in the one Unicode form
    of labels."""
    rows = unit_of_work.rows(_ROWS)
    locations = [
        (kept_form(row.location), row.rejection_id)
        for row in rows
        if row.location is not None and kept_form(row.location) != row.location
    ]
    if locations:
        unit_of_work.write(_ROWS, [Update(("location",), locations)])
    renamed = [(new, row.rejection_id) for row in rows if (new := _new_id(row)) is not None]
    if renamed:
        unit_of_work.write(_ROWS, [Update(("rejection_id",), renamed)])


def _new_id(row: _Row) -> UUID | None:
    """The id by schema 3; None if the id does not derive from a transaction's content."""
    if row.malformed:
        return None
    try:
        transaction = read_element(json.loads(row.element)).transaction
    except Invalid:  # Stored when the nil and the max UUID were still accepted.
        return None
    return rejection_id(transaction.local_id, transaction.content)
