"""The columns of each export, by the names of the API. A file has exactly these, in this order."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """The kind of a column's values. Each value may be missing."""

    TEXT = "text"
    NUMBER = "number"
    PRECISE = "number with up to 15 decimal places"
    NUMBER_OR_NONE = "number, or the word none"
    WHOLE = "whole number"
    FLAG = "flag"
    TIME = "time"


Columns = Mapping[str, Kind]

_DETAILS: Final[Columns] = {
    "location": Kind.TEXT,
    "sku": Kind.TEXT,
    "name": Kind.TEXT,
    "unit": Kind.TEXT,
    "scale": Kind.WHOLE,
    "safetyStock": Kind.NUMBER,
    "floor": Kind.NUMBER_OR_NONE,
    "active": Kind.FLAG,
}
CODE_COLUMNS: Final[Columns] = {"code": Kind.TEXT, "per": Kind.NUMBER}
ITEM_COLUMNS: Final[Columns] = {
    **_DETAILS,
    "provisional": Kind.FLAG,
    **CODE_COLUMNS,
    "itemId": Kind.TEXT,
}
STOCK_COLUMNS: Final[Columns] = {
    **_DETAILS,
    "onHand": Kind.NUMBER,
    "provisional": Kind.FLAG,
    "version": Kind.WHOLE,
    "updatedAt": Kind.TIME,
    "itemId": Kind.TEXT,
}
MOVEMENT_COLUMNS: Final[Columns] = {
    "position": Kind.WHOLE,
    "recordedAt": Kind.TIME,
    "movedAt": Kind.TIME,
    "type": Kind.TEXT,
    "location": Kind.TEXT,
    "sku": Kind.TEXT,
    "quantity": Kind.NUMBER,
    "delta": Kind.NUMBER,
    "onHand": Kind.NUMBER,
    "coveredAt": Kind.TIME,
    "reason": Kind.TEXT,
    "note": Kind.TEXT,
    "reference": Kind.TEXT,
    "actor": Kind.TEXT,
    "keyId": Kind.TEXT,
    "device": Kind.TEXT,
    "occurredAt": Kind.TIME,
    "deviceTime": Kind.TEXT,
    "refusedAt": Kind.TIME,
    "override": Kind.FLAG,
    "voids": Kind.TEXT,
    "voidedBy": Kind.TEXT,
    "corrects": Kind.TEXT,
    "returns": Kind.TEXT,
    "group": Kind.TEXT,
    "scanned": Kind.TEXT,
    "unitCost": Kind.PRECISE,
    "currency": Kind.TEXT,
    "enteredQuantity": Kind.PRECISE,
    "enteredUnit": Kind.TEXT,
    "enteredPer": Kind.PRECISE,
    "metadata": Kind.TEXT,
    "version": Kind.WHOLE,
    "itemId": Kind.TEXT,
    "localId": Kind.TEXT,
}
REJECTION_COLUMNS: Final[Columns] = {
    "rejectionId": Kind.TEXT,
    "firstRejectedAt": Kind.TIME,
    "rejectedAt": Kind.TIME,
    "status": Kind.TEXT,
    "code": Kind.TEXT,
    "message": Kind.TEXT,
    "location": Kind.TEXT,
    "itemId": Kind.TEXT,
    "localId": Kind.TEXT,
    "element": Kind.TEXT,
    "movedAt": Kind.TIME,
    "actor": Kind.TEXT,
    "keyId": Kind.TEXT,
    "device": Kind.TEXT,
    "closedAt": Kind.TIME,
    "closedBy": Kind.TEXT,
    "closingReason": Kind.TEXT,
}
AUDIT_COLUMNS: Final[Columns] = {
    "recordedAt": Kind.TIME,
    "action": Kind.TEXT,
    "actor": Kind.TEXT,
    "keyId": Kind.TEXT,
    "address": Kind.TEXT,
    "requestId": Kind.TEXT,
    "detail": Kind.TEXT,
    "entryId": Kind.TEXT,
}
