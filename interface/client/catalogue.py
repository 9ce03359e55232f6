"""The device's catalogue: items and codes that it registers, and the codes of its copy.

An item that the device registers is there at once, before the ledger knows it. A later copy from
the ledger replaces it.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from interface.client.labels import code_key, item_id, kept_form
from interface.client.records import Quantity, Stock, to_quantity
from interface.client.store import Store, text_of

DEFAULT_UNIT: Final = "pc"


class OutgoingItem(NamedTuple):
    """A registration that the ledger has not answered yet."""

    number: int
    element: dict[str, Any]


class KnownCode(NamedTuple):
    """A code of an item, in the copy or registered by this device."""

    location: str
    item_id: UUID
    per: Quantity
    """The base units that one scan counts."""


@dataclass(frozen=True, kw_only=True)
class RefusedItem:
    """A registration that the ledger did not take over as it was sent."""

    number: int
    location: str
    sku: str
    code: str
    message: str
    details: dict[str, Any]
    is_registered: bool
    """Whether the ledger has the item, with other details or without one of the codes."""


class Catalogue:
    """Repository of registrations and codes, in the file of the store."""

    def __init__(self, store: Store) -> None:
        self._run = store.run

    def put(self, element: dict[str, Any]) -> None:
        """Adds a registration to the outbox. Raises ValueError, TypeError: it is not JSON."""
        self._run("INSERT INTO registrations (element) VALUES (?)", json.dumps(element))

    def outgoing(self, after: int, limit: int) -> list[OutgoingItem]:
        """At most `limit` registrations with a number above `after` that the ledger has not
        answered yet, in order."""
        rows = self._run(
            "SELECT number, element FROM registrations "
            "WHERE answered_at IS NULL AND refusal IS NULL AND number > ? ORDER BY number LIMIT ?",
            after,
            limit,
        )
        return [OutgoingItem(row["number"], json.loads(row["element"])) for row in rows]

    def answer(
        self, sent: OutgoingItem, answer: dict[str, Any], now: datetime
    ) -> Literal["accepted", "refused", "pending"]:
        """Stores the answer to a registration, and returns what became of it."""
        if answer["status"] in {"registered", "known"}:
            self._run(
                "UPDATE registrations SET answered_at = ?, refusal = NULL WHERE number = ?",
                text_of(now),
                sent.number,
            )
            return "accepted"
        if answer["status"] == "failed" and answer["retryable"]:
            return "pending"
        self.refuse(sent, {name: answer[name] for name in ("status", "code", "message", "details")})
        return "refused"

    def refuse(self, sent: OutgoingItem, refusal: dict[str, Any]) -> None:
        """Marks a registration as refused, so that it is not sent again."""
        self._run(
            "UPDATE registrations SET refusal = ? WHERE number = ?",
            json.dumps(refusal),
            sent.number,
        )

    def send_again(self, item_ids: Collection[UUID]) -> bool:
        """Queues the answered registrations of these items again, because a restored ledger has
        lost them. Returns whether there was any.

        Codes alone are not sent again: a manager may have retired them.
        """
        lost = [number for number, element in self._answered() if _id_of(element) in item_ids]
        for number in lost:
            self._run(
                "UPDATE registrations SET answered_at = NULL, is_copied = 0 WHERE number = ?",
                number,
            )
        return bool(lost)

    def missing(self, copied: Collection[UUID]) -> set[UUID]:
        """The items that this device has registered and a new copy lacks. `copied`: its items."""
        return {_id_of(element) for _, element in self._answered()} - set(copied)

    def forget_answered(self, before: datetime) -> None:
        """Deletes the registrations that were answered before that time."""
        self._run("DELETE FROM registrations WHERE answered_at < ?", text_of(before))

    def forget(self, number: int) -> bool:
        """Deletes a refused registration. False if there is no such one."""
        return bool(
            self._run(
                "DELETE FROM registrations WHERE number = ? AND refusal IS NOT NULL RETURNING 1",
                number,
            )
        )

    def refused(self) -> list[RefusedItem]:
        """Registrations that were refused or differ, in order."""
        rows = self._run(
            "SELECT number, element, refusal FROM registrations "
            "WHERE refusal IS NOT NULL ORDER BY number"
        )
        return [_refused(row) for row in rows]

    def new_items(self) -> list[Stock]:
        """The items that this device registers. The copy may have them, too."""
        found: dict[UUID, Stock] = {}
        for element, _ in self._uncopied():
            id_ = _id_of(element)
            # The ledger keeps the first details, too.
            found.setdefault(id_, _stock(id_, element))
        return list(found.values())

    def replace_codes(self, items: Iterable[dict[str, Any]]) -> None:
        """Replaces the codes of the copy by those of all items."""
        self._run("DELETE FROM codes")
        self._run("UPDATE registrations SET is_copied = 1 WHERE answered_at IS NOT NULL")
        for item in items:
            for code in item.get("codes") or ():
                self._put_code(item["location"], item["itemId"], code)

    def apply(self, change: dict[str, Any]) -> None:
        """Applies a change of a code. Changes arrive in order and at least once."""
        is_assigned = change["kind"] == "CodeAssigned"
        self._put_code(change["location"], change["itemId"] if is_assigned else None, change)

    def find(self, codes: Sequence[str], location: str | None) -> KnownCode | None:
        """Returns the first of these codes that belongs to an item.

        Args:
            codes: in the form in which codes are compared, best first.
            location: where to look; None for every location of the copy.
        """
        place = None if location is None else kept_form(location)
        for code in codes:
            for found in (*self._assigned(code), *self._own(code)):
                if place in {None, found.location}:
                    return found
        return None

    def _assigned(self, code: str) -> list[KnownCode]:
        """The items of a code in the copy."""
        return [
            KnownCode(row["location"], UUID(row["item_id"]), to_quantity(row["per"]))
            for row in self._copied(code)
            if row["item_id"] is not None
        ]

    def _own(self, code: str) -> Iterator[KnownCode]:
        """Yields the items to which this device assigns a code, where the copy does not tell it
        otherwise."""
        copied = {row["location"]: row["item_id"] for row in self._copied(code)}
        # What the ledger has not seen yet was recorded last.
        for element, is_answered in sorted(self._uncopied(), key=itemgetter(1)):
            location = kept_form(element["location"])
            # A code that is free in the copy may be assigned anew by this device.
            if location in copied and (is_answered or copied[location] is not None):
                continue
            for one in element.get("codes", ()):
                if code_key(one["code"]) == code:
                    yield KnownCode(location, _id_of(element), to_quantity(one["per"]))

    def _copied(self, code: str) -> Sequence[Any]:
        return self._run(
            "SELECT location, item_id, per FROM codes WHERE code_key = ? ORDER BY location", code
        )

    def _put_code(self, location: str, owner: str | None, code: dict[str, Any]) -> None:
        self._run(
            "INSERT INTO codes VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (location, code_key) DO UPDATE SET item_id = excluded.item_id, "
            "per = excluded.per, version = excluded.version WHERE version < excluded.version",
            location,
            code_key(code["code"]),
            owner,
            code["per"],
            code["version"],
        )

    def _answered(self) -> list[tuple[int, dict[str, Any]]]:
        """The registrations that the ledger has taken over, with their numbers."""
        rows = self._run(
            "SELECT number, element FROM registrations "
            "WHERE refusal IS NULL AND answered_at IS NOT NULL ORDER BY number"
        )
        return [(row["number"], json.loads(row["element"])) for row in rows]

    def _uncopied(self) -> list[tuple[dict[str, Any], bool]]:
        """The registrations that may be missing in the copy, in order, each with whether the ledger
        has answered it."""
        rows = self._run(
            "SELECT element, answered_at IS NOT NULL AS is_answered FROM registrations "
            "WHERE refusal IS NULL AND NOT is_copied ORDER BY number"
        )
        return [(json.loads(row["element"]), bool(row["is_answered"])) for row in rows]


def _id_of(element: dict[str, Any]) -> UUID:
    return item_id(element["location"], element["sku"])


def _refused(row: Any) -> RefusedItem:
    element, refusal = json.loads(row["element"]), json.loads(row["refusal"])
    return RefusedItem(
        number=row["number"],
        location=element["location"],
        sku=element["sku"],
        code=refusal["code"],
        message=refusal["message"],
        details=refusal["details"],
        is_registered=refusal["status"] == "differs",
    )


def _stock(id_: UUID, element: dict[str, Any]) -> Stock:
    return Stock(
        item_id=id_,
        location=kept_form(element["location"]),
        sku=kept_form(element["sku"]),
        name=element.get("name", element["sku"]),
        unit=element.get("unit", DEFAULT_UNIT),
        safety_stock=0,
        active=True,
        on_hand=0,
        available=0,
        scale=element.get("scale", 0),
        floor=0,
        provisional=True,
    )
