"""Schemas of the ledger's answers, limited to the fields that the client reads.

Some networks answer every request themselves, with status 200 and their own JSON. The client treats
an answer that does not match as no answer of the ledger.
"""

from datetime import datetime
from typing import Any, Final, NamedTuple

Shape = Any
"""A schema: a type, a predicate, `[shape]` for a list, or a dict of field names and shapes."""


class Nullable(NamedTuple):
    """A value that is null or has this shape."""

    shape: Shape


class Optional(NamedTuple):
    """A field that may be missing, or null."""

    shape: Shape


def matches(value: object, shape: Shape) -> bool:
    """Whether the value has this shape. Unknown fields are ignored: the API may add fields."""
    match shape:
        case Nullable(inner) | Optional(inner):
            return value is None or matches(value, inner)
        case dict():
            return isinstance(value, dict) and all(
                matches(value[name], inner) if name in value else isinstance(inner, Optional)
                for name, inner in shape.items()
            )
        case [inner]:
            return isinstance(value, list) and all(matches(one, inner) for one in value)
        case type():
            return isinstance(value, shape) and (shape is bool or not isinstance(value, bool))
    return bool(shape(value))


def _instant(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_PLACE: Final = {"itemId": str, "location": str, "sku": str, "onHand": _number, "version": int}
_DETAILS: Final = {
    "name": str,
    "unit": str,
    "safetyStock": _number,
    "scale": Optional(int),
    "floor": Optional(_number),
    "provisional": Optional(bool),
}

_CODE: Final = {"code": str, "per": _number, "version": int}

CHANGES: Final = {
    "items": [
        {
            **_PLACE,
            "kind": str,
            "transaction": Nullable({"localId": str}),
            "details": Nullable(_DETAILS),
        }
    ],
    "codes": Optional([{**_CODE, "kind": str, "location": str, "itemId": str}]),
    "nextAfter": str,
    "hasMore": bool,
}

ITEMS: Final = {
    "items": [{**_PLACE, **_DETAILS, "active": bool, "codes": Optional([_CODE])}],
    "nextCursor": Nullable(str),
    "nextAfter": str,
}

LOG: Final = {"origin": str, "verifierKeys": [str]}

DECLARATIONS: Final = {"items": [{"note": str}]}

RECEIPT: Final = {"status": str}

STATUSES: Final = {"statuses": [{"localId": str, "status": str}]}

BATCH: Final = {
    "synced": [{"localId": str, "itemId": str, "onHand": _number, "version": int}],
    "failed": [
        {
            "localId": Nullable(str),
            "code": str,
            "message": str,
            "details": dict,
            "retryable": bool,
        }
    ],
    "items": Optional(
        [
            {
                "index": int,
                "status": str,
                "code": Optional(str),
                "message": Optional(str),
                "details": Optional(dict),
                "retryable": Optional(bool),
            }
        ]
    ),
    "serverTime": _instant,
    "changes": Optional(CHANGES),
    "changesProblem": Optional({"code": str}),
}
