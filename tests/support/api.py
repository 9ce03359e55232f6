"""Requests to an API in this process."""

from typing import Any
from uuid import UUID

from fastapi.testclient import TestClient


def register(api: TestClient, sku: str = "TEA-250") -> UUID:
    item = {"location": "main", "sku": sku, "name": "Tea", "unit": "box"}
    return UUID(api.post("/items", json=item).raise_for_status().json()["itemId"])


def sync(api: TestClient, *batch: Any) -> dict[str, Any]:
    answer = api.post("/sync/transactions", json={"transactions": list(batch)})
    result: dict[str, Any] = answer.raise_for_status().json()
    return result
