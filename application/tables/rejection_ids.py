"""Content-derived ids of rejected transactions: the same transaction always has the same row.

The derivation must never change. After an upgrade, a transaction that is sent again must find its
row.
"""

import json
from hashlib import blake2b
from typing import Any
from uuid import UUID

from domain.actor import Actor
from domain.transaction import Content, plain


def rejection_id(local_id: UUID, content: Content) -> UUID:
    """Derives a row's id from the transaction's content, so each retry has the same id.

    Other content under the same `local_id` has another id.
    """
    quantity = None if content.quantity is None else plain(content.quantity)
    fields: list[Any] = [content.type, quantity, content.occurred_at, content.reference]
    if content.links.named():
        fields.append({name: str(value) for name, value in content.links.named().items()})
    item_id = b"" if content.item_id is None else content.item_id.bytes
    return _digest(local_id.bytes + item_id + json.dumps(fields).encode())


def malformed_id(element: object, sender: Actor) -> UUID:
    """Derives the id of a malformed element from the element and its sender.

    Ignores `age`, because it differs in each attempt.
    """
    stable = element
    if isinstance(element, dict) and "age" in element:
        stable = {name: value for name, value in element.items() if name != "age"}
    return _digest(f"{sender.key_id or sender.name} {as_json(stable)}".encode())


def differing_item_id(element: object, reason: object) -> UUID:
    """Derives the id of a request to register an item from the request, and from how it differs.

    Two devices with the same request have one row.
    """
    return _digest(f"item {as_json(element)} {as_json(reason)}".encode())


def as_json(value: object, **style: Any) -> str:
    """Encodes any element as JSON. One that is nested too deeply becomes a fixed text."""
    try:
        return json.dumps(value, **style)
    except RecursionError:
        return json.dumps("nested too deeply to be shown")


def _digest(data: bytes) -> UUID:
    return UUID(bytes=blake2b(data, digest_size=16).digest())
