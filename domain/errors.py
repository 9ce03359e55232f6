"""Rejections: one class for each reason, each with a stable code.

    Rejection
      Invalid                the request breaks the contract, independent of the stock
      Unsupported            it needs something that only a newer version of this server knows
      UnknownItem            no such item is registered
      UnknownVersion         the item has no such version, or did not exist at that time
      ItemDiscontinued       the item takes no more movements
      ItemDiffers            the item is registered already, with other details
      TooManyProvisionalItems  the sender's limit of unconfirmed items is reached
      UnknownCode            no such code is assigned to the item
      CodeTaken              the code belongs to another SKU at the location
      CodeWasRetired         the code was taken from the item
      InsufficientStock      the quantity on hand would end below the item's floor
      StockLimitExceeded     more would be on hand than JSON readers can hold exactly
      UnknownTransaction     it voids or corrects a transaction that is not recorded
      GroupFailed            another transaction of its group failed
      LocalIdReused          the `local_id` is recorded with other content
      Conflict               other writers were faster; the same request may succeed later
      LedgerDamaged          a stored event that it depends on can't be read

The code is for programs and never changes; the message is for people and may.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Final, Self
from uuid import UUID

_NO_LINKS: Final[Mapping[str, str]] = {}

Detail = str | int | float | None


class Rejection(Exception):
    """A reason why something was not recorded. Two are equal if code, message and details are."""

    code: ClassVar[str]
    retryable: bool = False

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

    def __init__(self, item_id: UUID, **details: Detail) -> None:
        """`details`: those of the registered item."""
        super().__init__(
            f"item {item_id} is registered already, with other details",
            item_id=str(item_id),
            **details,
        )


class TooManyProvisionalItems(Rejection):
    """The sender has registered too many items that nobody has confirmed yet."""

    code = "TOO_MANY_PROVISIONAL_ITEMS"
    retryable = True

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"{limit} of your items wait to be confirmed: a manager must confirm some first",
            limit=limit,
        )


class UnknownCode(Rejection):
    """The code is not, and was not last, assigned to the item."""

    code = "UNKNOWN_CODE"

    def __init__(self, code: str) -> None:
        super().__init__(f"code {code} is not one of this item", code=code)


class CodeTaken(Rejection):
    """The code belongs to another SKU at the location. Retire it there first."""

    code = "CODE_TAKEN"

    def __init__(self, code: str, item_id: UUID, sku: str) -> None:
        super().__init__(
            f"code {code} belongs to {sku}: retire it there first",
            code=code,
            item_id=str(item_id),
            sku=sku,
        )


class CodeWasRetired(Rejection):
    """The code was taken from the item. Only a manager may give it back."""

    code = "CODE_RETIRED"

    def __init__(self, code: str, sku: str) -> None:
        super().__init__(
            f"code {code} was retired from {sku}: a manager may assign it again",
            code=code,
            sku=sku,
        )


class InsufficientStock(Rejection):
    """The quantity on hand would end below the item's floor."""

    code = "INSUFFICIENT_STOCK"

    def __init__(self, *, on_hand: float, requested: float, floor: float = 0) -> None:
        least = f", and {floor} must stay" if floor else ""
        super().__init__(
            f"{requested} requested, {on_hand} on hand{least}",
            on_hand=on_hand,
            requested=requested,
            **({"floor": floor} if floor else {}),
        )


class StockLimitExceeded(Rejection):
    """More would be on hand, or missing, than `limit`, which every JSON reader holds exactly."""

    code = "STOCK_LIMIT_EXCEEDED"

    def __init__(self, *, on_hand: float, requested: float, limit: float) -> None:
        super().__init__(
            f"{on_hand} on hand and {requested} requested would exceed the limit of {limit}",
            on_hand=on_hand,
            requested=requested,
            limit=limit,
        )


class UnknownTransaction(Rejection):
    """It voids or corrects a transaction that is not recorded yet. It is recorded together with
    that transaction."""

    code = "UNKNOWN_TRANSACTION"

    def __init__(self, named: UUID) -> None:
        super().__init__(
            f"transaction {named} is not recorded: this is kept until it is", original=str(named)
        )


class GroupFailed(Rejection):
    """Another transaction of the group failed, so none of the group is recorded."""

    code = "GROUP_FAILED"

    def __init__(self, group: UUID, index: int, *, retryable: bool = False) -> None:
        """`retryable`: whether that transaction may succeed later, so all of them may."""
        self.retryable = retryable
        super().__init__(
            f"the transaction with index {index} failed, so nothing of the group is recorded",
            group=str(group),
            index=index,
        )


class LocalIdReused(Rejection):
    """The `local_id` is recorded already, for a transaction with other content."""

    code = "LOCAL_ID_REUSED"

    def __init__(
        self,
        *,
        type: str,
        item_id: UUID | None,
        quantity: float | None,
        occurred_at: str | None,
        reference: str | None,
        links: Mapping[str, str] = _NO_LINKS,
    ) -> None:
        """Takes the content of the recorded transaction."""
        of = f"{quantity} of {item_id}" if item_id else f"of transaction {links.get('voids')}"
        super().__init__(
            f"this local_id is recorded for another transaction: {type} {of}",
            type=type,
            item_id=None if item_id is None else str(item_id),
            quantity=quantity,
            occurred_at=occurred_at,
            reference=reference,
            **links,
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
