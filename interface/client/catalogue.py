"""The device's catalogue: items and codes that it registers, and the codes of its copy.

An item that the device registers is there at once, before the ledger knows it. A later copy from
the ledger replaces it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
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
        self._store = store
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

    def send_again(self) -> None:
        """Queues the answered registrations again: a restored ledger may have lost them."""
        self._run("UPDATE registrations SET answered_at = NULL")

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

    def new_items(self, known: Iterable[UUID]) -> list[Stock]:
        """The items that this device registers and the copy does not have yet."""
        copied = set(known)
        found: dict[UUID, Stock] = {}
        for element in self._accepted():
            id_ = item_id(element["location"], element["sku"])
            if id_ not in copied and (id_ not in found or "name" in element):
                found[id_] = _stock(id_, element)
        return list(found.values())

    def replace_codes(self, items: Iterable[dict[str, Any]]) -> None:
        """Replaces the codes of the copy by those of all items."""
        self._run("DELETE FROM codes")
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
        own = self._own_codes()
        for code in codes:
            copied = self._run(
                "SELECT location, item_id, per FROM codes WHERE code_key = ? ORDER BY location",
                code,
            )
            found = [
                KnownCode(row["location"], UUID(row["item_id"]), to_quantity(row["per"]))
                for row in copied
                if row["item_id"] is not None
            ]
            copied_at = {row["location"] for row in copied}
            found += [one for one in own.get(code, ()) if one.location not in copied_at]
            for one in found:
                if place in {None, one.location}:
                    return one
        return None

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

    def _own_codes(self) -> dict[str, list[KnownCode]]:
        """The codes that this device assigns, and the ledger has not refused."""
        found: dict[str, list[KnownCode]] = {}
        for element in self._accepted():
            location = kept_form(element["location"])
            owner = item_id(location, element["sku"])
            for one in element.get("codes", ()):
                known = KnownCode(location, owner, to_quantity(one["per"]))
                found.setdefault(code_key(one["code"]), []).append(known)
        return found

    def _accepted(self) -> list[dict[str, Any]]:
        """The registrations that the ledger has not refused. It may not have seen them yet."""
        rows = self._run("SELECT element FROM registrations WHERE refusal IS NULL ORDER BY number")
        return [json.loads(row["element"]) for row in rows]


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
