"""A small ledger with something of everything, and pieces of SQL to tamper with it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from application.access.audit import AuditTrail, Origin
from application.access.key_management import Grant, KeyService
from application.access.principal import Principal
from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.recording.sync import SyncService
from domain.actor import Actor
from domain.transaction import void_id
from tests.support.builders import CLERK, Clock, at, element, register
from tests.support.ledger_checks import column_of_positions

FILLING = 260
"""Movements that fill the first tile."""


def fill(ledger: Ledger) -> tuple[dict[str, Any], dict[str, int]]:
    """Records something of everything. Returns ids and positions by name."""
    clock = Clock()
    items, sync = ItemService(ledger, clock), SyncService(ledger, clock)
    keys = KeyService(ledger.recorder, AuditTrail(ledger.recorder, clock), clock)
    issued = keys.create(Grant(name="mina", role=Role.ADMIN), Origin(CLERK.actor))
    mina = Principal(Actor("mina", issued.key.key_id), Role.ADMIN)
    positions: dict[str, int] = {}

    def record(name: str, *sent: dict[str, Any]) -> dict[str, Any]:
        result = sync.sync([*sent], mina)
        assert not result.failed, result.failed
        positions[name] = result.synced[-1].position
        return sent[-1]

    tea, cup, box = (register(items, sku) for sku in ("TEA-250", "CUP-01", "BOX-01"))
    delivery = record("delivery", element("INBOUND", tea, 100, **at(8)))
    record("sale", element("OUTBOUND", tea, 5, **at(8.5)))
    record("count", element("COUNT", tea, 90, **at(9)))
    record("covered", element("INBOUND", tea, 7, **at(8.7)))
    record("adjusted", element("ADJUST", tea, -2))
    mistaken = record("mistaken", element("INBOUND", cup, 3))
    void = {
        "localId": str(void_id(UUID(mistaken["localId"]))),
        "type": "VOID",
        "itemId": str(cup),
        "voids": mistaken["localId"],
    }
    record("void", void)
    items.assign_code(tea, "4006381333931", 1, CLERK)
    positions["code"] = ledger.recorder.head()
    items.discontinue(box, CLERK)
    positions["discontinued"] = ledger.recorder.head()
    record("filling", *(element("INBOUND", cup, n) for n in range(1, FILLING)))
    ids = {"tea": tea, "cup": cup, "box": box, "key": issued.key.key_id, "delivery": delivery}
    return ids, positions


def go_on(ledger: Ledger, ids: Mapping[str, Any], positions: dict[str, int], name: str) -> None:
    """Records a delivery, a sale and a stock-take more, under names that begin with that one."""
    sync = SyncService(ledger)
    mina = Principal(Actor("mina", ids["key"]), Role.ADMIN)
    steps = {"in": ("INBOUND", 10), "out": ("OUTBOUND", 4), "count": ("COUNT", 9)}
    for step, (kind, quantity) in steps.items():
        (synced,) = sync.sync([element(kind, ids["tea"], quantity)], mina).synced
        positions[f"{name}_{step}"] = synced.position


def edited(ledger: Ledger, old: str, new: str) -> str:
    """The state with a text replaced, in SQL."""
    if column_of_positions(ledger) == "rowid":
        return f"CAST(replace(CAST(state AS TEXT), '{old}', '{new}') AS BLOB)"
    return f"convert_to(replace(convert_from(state, 'UTF8'), '{old}', '{new}'), 'UTF8')"


def blob(ledger: Ledger, data: bytes) -> str:
    """Bytes in SQL."""
    if column_of_positions(ledger) == "rowid":
        return f"x'{data.hex()}'"
    return rf"'\x{data.hex()}'::bytea"


def identifier(ledger: Ledger, value: UUID | None = None) -> str:
    """A UUID in SQL; a new one if none is given."""
    found = value or uuid4()
    return f"x'{found.hex}'" if column_of_positions(ledger) == "rowid" else f"'{found}'::uuid"
