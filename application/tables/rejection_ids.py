"""What makes two rejected transactions the same: the ids of their rows follow from it.

Fixed for ever: the same transaction, sent again after an upgrade, must find its row.
"""

import json
from hashlib import blake2b
from typing import Any
from uuid import UUID

from domain.actor import Actor
from domain.transaction import Content


def rejection_id(local_id: UUID, content: Content) -> UUID:
    """The same for the same transaction, however often it is sent. Another transaction under the
    same `local_id` is another one to look at."""
    said = [content.type, content.quantity, content.occurred_at, content.reference]
    return _digest(local_id.bytes + content.item_id.bytes + json.dumps(said).encode())


def malformed_id(element: object, sender: Actor) -> UUID:
    """The same for the same element of the same sender. Its age is another one each time."""
    lasting = element
    if isinstance(element, dict) and "age" in element:
        lasting = {name: value for name, value in element.items() if name != "age"}
    return _digest(f"{sender.key_id or sender.name} {as_json(lasting)}".encode())


def as_json(value: object, **style: Any) -> str:
    """Whatever an element is, as JSON."""
    try:
        return json.dumps(value, **style)
    except RecursionError:
        return json.dumps("nested too deeply to be shown")


def _digest(data: bytes) -> UUID:
    return UUID(bytes=blake2b(data, digest_size=16).digest())
