"""Rejections: one class for each reason, each with a stable code.

    Rejection
      Invalid                the request breaks the contract, independent of the stock
      Unsupported            it needs something that only a newer version of this server knows
      UnknownItem            no such item is registered
      UnknownVersion         the item has no such version, or did not exist at that time
      ItemDiscontinued       the item takes no more movements
      ItemDiffers            the item is registered already, with other details
      InsufficientStock      more was asked for than is on hand
      StockLimitExceeded     more would be on hand than JSON readers can hold exactly
      LocalIdReused          the `local_id` is recorded with other content
      Conflict               other writers were faster; the same request may succeed later
      LedgerDamaged          a stored event that it depends on can't be read

The code is for programs and never changes; the message is for people and may.
"""

from datetime import datetime
from typing import ClassVar, Self
from uuid import UUID

Detail = str | int | None


class Rejection(Exception):
    """A reason why something was not recorded. Two are equal if code, message and details are."""

    code: ClassVar[str]
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, **details: Detail) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Rejection) and self.code == other.code and vars(self) == vars(other)
        )

    def __hash__(self) -> int:
        return hash((self.code, self.message))


class Invalid(Rejection):
    """The request breaks the contract in the named field, spelt as clients spell it."""

    code = "INVALID"

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}", field=field, problem=problem)


class Unsupported(Rejection):
    """The transaction is of a type, or needs something, that this version does not know."""

    code = "UNSUPPORTED"

    def __init__(self, **unknown: str) -> None:
        """`unknown`: one keyword, the field, with the unknown name in it."""
        ((field, name),) = unknown.items()
        super().__init__(
            f"{field}: this version of the server does not know {name}; the transaction is kept, "
            "and can be retried after an upgrade",
            field=field,
            unknown=name,
        )


class UnknownItem(Rejection):
    """No such item is registered, or it is not at one of the caller's locations."""

    code = "UNKNOWN_ITEM"

    def __init__(self, item_id: UUID) -> None:
        super().__init__(
            f"item {item_id} is not registered, or not at a location of yours",
            item_id=str(item_id),
        )


class UnknownVersion(Rejection):
    """The item has no such version, or was not registered yet at the given time."""

    code = "UNKNOWN_VERSION"

    def __init__(self, item_id: UUID, wanted: int | datetime) -> None:
        at = f"at {wanted.isoformat()}" if isinstance(wanted, datetime) else f"in version {wanted}"
        super().__init__(f"item {item_id} did not exist {at}", item_id=str(item_id))


class ItemDiscontinued(Rejection):
    """The item takes no movements and no changes until it is reactivated."""

    code = "ITEM_DISCONTINUED"

    def __init__(self, item_id: UUID) -> None:
        super().__init__(f"item {item_id} is discontinued", item_id=str(item_id))


class ItemDiffers(Rejection):
    """The SKU is registered at the location already, with other details."""

    code = "ITEM_DIFFERS"

    def __init__(self, item_id: UUID, *, name: str, unit: str, safety_stock: int) -> None:
        super().__init__(
            f"item {item_id} is registered already, with other details",
            item_id=str(item_id),
            name=name,
            unit=unit,
            safety_stock=safety_stock,
        )


class InsufficientStock(Rejection):
    """More was asked for than is on hand."""

    code = "INSUFFICIENT_STOCK"

    def __init__(self, *, on_hand: int, requested: int) -> None:
        super().__init__(
            f"{requested} requested, {on_hand} on hand", on_hand=on_hand, requested=requested
        )


class StockLimitExceeded(Rejection):
    """More would be on hand than `limit`, which every JSON reader can hold exactly."""

    code = "STOCK_LIMIT_EXCEEDED"

    def __init__(self, *, on_hand: int, requested: int, limit: int) -> None:
        super().__init__(
            f"{requested} more than the {on_hand} on hand would exceed the limit of {limit}",
            on_hand=on_hand,
            requested=requested,
            limit=limit,
        )


class LocalIdReused(Rejection):
    """The `local_id` is recorded already, for a transaction with other content."""

    code = "LOCAL_ID_REUSED"

    def __init__(
        self,
        *,
        type: str,
        item_id: UUID,
        quantity: int,
        occurred_at: str | None,
        reference: str | None,
    ) -> None:
        super().__init__(
            f"this local_id is recorded for another transaction: {type} {quantity} of {item_id}",
            type=type,
            item_id=str(item_id),
            quantity=quantity,
            occurred_at=occurred_at,
            reference=reference,
        )

    @classmethod
    def undisclosed(cls) -> Self:
        """Returns the rejection without details, for a caller who may not see the other one."""
        rejection = cls.__new__(cls)
        Rejection.__init__(rejection, "this local_id is recorded for another transaction")
        return rejection


class Conflict(Rejection):
    """Other writers were faster in every attempt. The same request may succeed later."""

    code = "CONFLICT"
    retryable = True

    def __init__(self, item_id: UUID) -> None:
        super().__init__(f"item {item_id} is busy: send this again later", item_id=str(item_id))


class LedgerDamaged(Rejection):
    """A stored event can't be read, so nothing can be decided that depends on it."""

    code = "LEDGER_DAMAGED"

    def __init__(self, item_id: UUID) -> None:
        super().__init__(
            f"an event of item {item_id} can't be read: the ledger must be repaired first",
            item_id=str(item_id),
        )
