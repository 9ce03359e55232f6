"""Compares a movement in the log with the transaction as a device recorded it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from proof.entry import Entry

_EVENT_OF_TYPE: Final = {
    "INBOUND": "InboundRecorded",
    "OUTBOUND": "OutboundRecorded",
    "ADJUST": "Adjusted",
    "COUNT": "Adjusted",
    "VOID": "Voided",
}

_FIELD_OF_QUANTITY: Final = {
    "INBOUND": "quantity",
    "OUTBOUND": "quantity",
    "ADJUST": "delta",
    "COUNT": "counted",
}

_LINKS: Final = ("voids", "corrects", "group")

_OF_VOID: Final = ("type", "localId", "voids")
"""All that a VOID says: another sender may have recorded the same one."""


def differing_fields(entry: Entry, element: Mapping[str, Any]) -> list[str]:
    """Returns the names of the fields in which the log differs from what a device recorded.

    Args:
        entry: of the log.
        element: the transaction, as an element of a batch.

    Raises:
        ProofError: the event in the entry can't be read.
    """
    event = entry.fields
    checks: dict[str, Callable[[], bool]] = {
        "type": lambda: _is_of_type(entry, event, element),
        "itemId": lambda: entry.stream_id == UUID(element["itemId"]),
        "localId": lambda: UUID(event["local_id"]) == UUID(element["localId"]),
        "quantity": lambda: _has_quantity(event, element),
        "occurredAt": lambda: _has_time(event, element),
        "reference": lambda: event.get("reference") == element.get("reference"),
        **{name: lambda name=name: _has_id(event, element, name) for name in _LINKS},  # type: ignore[misc]
        # The ledger ignores it elsewhere.
        "returns": lambda: element["type"] != "INBOUND" or _has_id(event, element, "returns"),
    }
    compared = _OF_VOID if element.get("type") == "VOID" else checks
    return [name for name in compared if not _holds(checks[name])]


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return False


def _is_of_type(entry: Entry, event: Mapping[str, Any], element: Mapping[str, Any]) -> bool:
    is_count = event.get("counted") is not None
    wanted = _EVENT_OF_TYPE[element["type"]]
    return entry.topic == wanted and is_count == (element["type"] == "COUNT")


def _has_quantity(event: Mapping[str, Any], element: Mapping[str, Any]) -> bool:
    name = _FIELD_OF_QUANTITY.get(element["type"])
    if name is None:  # A VOID has none of its own.
        return True
    steps = event[name]
    if not isinstance(steps, int | str):  # A list is a number to Decimal, too, of any size.
        return False
    recorded = Decimal(steps).scaleb(-event.get("scale", 0))
    return recorded == Decimal(str(element["quantity"]))


def _has_time(event: Mapping[str, Any], element: Mapping[str, Any]) -> bool:
    sent = element.get("occurredAt")
    kept = event.get("device_time")
    recorded = event.get("occurred_at") if kept is None else kept or None
    if sent is None or recorded is None or sent == recorded:
        return bool(sent == recorded)
    return datetime.fromisoformat(recorded) == datetime.fromisoformat(sent)


def _has_id(event: Mapping[str, Any], element: Mapping[str, Any], name: str) -> bool:
    recorded, sent = event.get(name), element.get(name)
    if recorded is None or sent is None:
        return bool(recorded == sent)
    return UUID(recorded) == UUID(sent)
