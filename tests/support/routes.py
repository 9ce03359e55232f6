"""All routes: permission, expected status and a valid request."""

from typing import Any
from uuid import UUID

from application.access.roles import Permission
from tests.support.builders import element

KEY_ID = "0123456789"
"""A key id that does not exist."""


ROUTES: dict[tuple[str, str], tuple[Permission, int]] = {
    ("POST", "/sync/transactions"): (Permission.SYNC, 200),
    ("GET", "/sync/changes"): (Permission.READ, 200),
    ("GET", "/sync/stream"): (Permission.READ, 410),
    ("POST", "/sync/status"): (Permission.READ, 200),
    ("GET", "/sync/rejections"): (Permission.READ, 200),
    ("POST", "/sync/rejections/dismiss"): (Permission.REVIEW_REJECTIONS, 200),
    ("POST", "/sync/rejections/retry"): (Permission.REVIEW_REJECTIONS, 200),
    ("POST", "/sync/rejections/{local_id}/dismiss"): (Permission.REVIEW_REJECTIONS, 404),
    ("POST", "/sync/rejections/{local_id}/retry"): (Permission.REVIEW_REJECTIONS, 404),
    ("POST", "/items"): (Permission.REGISTER, 200),
    ("GET", "/items"): (Permission.READ, 200),
    ("POST", "/items/import"): (Permission.MANAGE_ITEMS, 422),
    ("GET", "/items/{item_id}"): (Permission.READ, 200),
    ("PATCH", "/items/{item_id}"): (Permission.MANAGE_ITEMS, 200),
    ("POST", "/items/{item_id}/confirm"): (Permission.MANAGE_ITEMS, 200),
    ("POST", "/items/{item_id}/codes"): (Permission.REGISTER, 201),
    ("POST", "/items/{item_id}/codes/retire"): (Permission.MANAGE_ITEMS, 200),
    ("POST", "/items/{item_id}/discontinue"): (Permission.MANAGE_ITEMS, 200),
    ("POST", "/items/{item_id}/reactivate"): (Permission.MANAGE_ITEMS, 200),
    ("POST", "/items/{item_id}/movements"): (Permission.RECORD, 201),
    ("GET", "/items/{item_id}/movements"): (Permission.READ, 200),
    ("GET", "/movements"): (Permission.READ, 200),
    ("GET", "/items/{item_id}/changes"): (Permission.READ, 200),
    ("GET", "/items/{item_id}/history"): (Permission.READ, 200),
    ("GET", "/locations"): (Permission.READ, 200),
    ("POST", "/session"): (Permission.READ, 403),
    ("GET", "/session"): (Permission.READ, 200),
    ("DELETE", "/session"): (Permission.READ, 204),
    ("GET", "/keys"): (Permission.MANAGE_KEYS, 200),
    ("POST", "/keys"): (Permission.MANAGE_KEYS, 201),
    ("GET", "/keys/{key_id}"): (Permission.MANAGE_KEYS, 404),
    ("POST", "/keys/{key_id}/rotate"): (Permission.MANAGE_KEYS, 404),
    ("POST", "/keys/{key_id}/revoke"): (Permission.MANAGE_KEYS, 404),
    ("GET", "/audit"): (Permission.READ_AUDIT, 200),
    ("GET", "/tree"): (Permission.READ, 200),
    ("GET", "/tree/checkpoint"): (Permission.READ, 404),
    ("GET", "/tree/consistency"): (Permission.READ, 404),
    ("GET", "/tree/declarations"): (Permission.READ, 200),
    ("POST", "/tree/alarms"): (Permission.READ, 201),
    ("GET", "/movements/{local_id}/proof"): (Permission.READ, 404),
}
"""Permission of each route, and its status for a caller with that permission."""


NOWHERE = {"after": "9-0123456789ab"}
"""An unknown bookmark. It makes a stream end at once."""


ITEM = {"location": "main", "sku": "TEA", "name": "Tea", "unit": "box"}


def body_for(method: str, path: str, item_id: UUID) -> dict[str, Any] | None:
    movement = element("INBOUND", item_id, 1)
    bodies: dict[tuple[str, str], dict[str, Any]] = {
        ("POST", "/sync/transactions"): {"transactions": [movement]},
        ("POST", "/sync/status"): {"localIds": [movement["localId"]]},
        ("POST", "/sync/rejections/dismiss"): {"reason": "the scanner was broken", "filter": {}},
        ("POST", "/sync/rejections/retry"): {"filter": {}},
        ("POST", "/sync/rejections/{local_id}/dismiss"): {"reason": "it was counted"},
        ("POST", "/items"): ITEM,
        ("PATCH", "/items/{item_id}"): {"name": "Tea"},
        ("POST", "/items/{item_id}/codes"): {"code": "4006381333931"},
        ("POST", "/items/{item_id}/codes/retire"): {"code": "4006381333931"},
        ("POST", "/items/{item_id}/movements"): movement,
        ("POST", "/keys"): {"name": "k", "role": "admin"},
        ("POST", "/keys/{key_id}/rotate"): {},
        ("POST", "/tree/alarms"): {"alarm": "FORK", "message": "two roots"},
    }
    return bodies.get((method, path))


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}
