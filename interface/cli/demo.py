"""`stockledger demo`: a small shop, two handhelds, and a network that comes and goes."""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import uvicorn
from rich.table import Table

from interface.api.app import create_app
from interface.cli.terminal import console
from interface.settings import Settings

SHOP = [
    {"location": "shop", "sku": "TEA-250", "name": "Green tea 250 g", "safetyStock": 5},
    {"location": "shop", "sku": "CUP-01", "name": "Tea cup", "safetyStock": 4},
    {"location": "shop", "sku": "POT-07", "name": "Cast iron pot", "safetyStock": 1},
]

Batch = list[dict[str, Any]]


def demo() -> None:
    """Play two handhelds that went offline, against a real server.

    One sends its backlog twice, the other sold more than there was. Nothing is kept: the ledger
    lives in a temporary folder.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            database_url=f"sqlite:///{Path(folder) / 'demo.db'}", port=0, auth=False
        )
        with _server(settings) as url, httpx2.Client(base_url=url, timeout=30) as api:
            _play(api)


def _play(api: httpx2.Client) -> None:
    console.rule("A small shop opens")
    items = [_register(api, entry) for entry in SHOP]
    names = {item["itemId"]: item["name"] for item in items}
    tea, cup, pot = (item["itemId"] for item in items)
    _show_sync("The delivery, recorded at the counter", names, _sync(api, [
        _transaction("INBOUND", tea, 24, device="counter", reference="po:1182"),
        _transaction("INBOUND", cup, 10, device="counter", reference="po:1182"),
        _transaction("INBOUND", pot, 2, device="counter", reference="po:1182"),
    ]))  # fmt: skip

    console.rule("Two handhelds lose the network and go on working")
    first = [
        _transaction("OUTBOUND", tea, 3, device="handheld-1"),
        _transaction("OUTBOUND", pot, 2, device="handheld-1"),
        _transaction("ADJUST", cup, -1, device="handheld-1", reason="broken"),
    ]
    second = [
        _transaction("OUTBOUND", pot, 1, device="handheld-2"),
        _transaction("OUTBOUND", cup, 4, device="handheld-2"),
        _transaction("COUNT", tea, 20, device="handheld-2"),
    ]
    for title, batch in [
        ("handheld-1 is back, but the answer does not reach it", first),
        ("so it sends the same batch again: nothing is recorded twice", first),
        ("handheld-2 is back: the pot that it sold was gone, the rest stands", second),
    ]:
        _show_sync(title, names, _sync(api, batch))
    _show_stock(api)


def _register(api: httpx2.Client, entry: dict[str, Any]) -> dict[str, Any]:
    answer = api.post("/items", json={"unit": "piece", **entry}).raise_for_status()
    item: dict[str, Any] = answer.json()
    return item


def _transaction(type: str, item_id: str, quantity: int, **more: str) -> dict[str, Any]:
    return {
        "localId": str(uuid4()), "type": type, "itemId": item_id, "quantity": quantity, **more
    }  # fmt: skip


def _sync(api: httpx2.Client, batch: Batch) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each transaction of the batch with what became of it."""
    answer = api.post("/sync/transactions", json={"transactions": batch}).raise_for_status().json()
    rows = sorted([*answer["synced"], *answer["failed"]], key=lambda row: int(row["index"]))
    return list(zip(batch, rows, strict=True))


def _show_sync(
    title: str, names: dict[str, str], fates: list[tuple[dict[str, Any], dict[str, Any]]]
) -> None:
    table = Table("transaction", "item", "quantity", "result", "on hand", title=title, min_width=72)
    for transaction, fate in fates:
        failed = "code" in fate
        color = "red" if failed else {"recorded": "green", "duplicate": "yellow"}[fate["status"]]
        result = f"{fate['code']}: {fate['message']}" if failed else fate["status"]
        table.add_row(
            transaction["type"],
            names[transaction["itemId"]],
            str(transaction["quantity"]),
            f"[{color}]{result}[/]",
            "" if failed else str(fate["onHand"]),
        )
    console.print(table)


def _show_stock(api: httpx2.Client) -> None:
    table = Table("SKU", "name", "on hand", "safety stock", "version", title="Stock", min_width=72)
    for item in api.get("/items").raise_for_status().json()["items"]:
        below = item["onHand"] < item["safetyStock"]
        on_hand = f"[red]{item['onHand']}, restock[/]" if below else str(item["onHand"])
        safety_stock, version = str(item["safetyStock"]), str(item["version"])
        table.add_row(item["sku"], item["name"], on_hand, safety_stock, version)
    console.print(table)


@contextmanager
def _server(settings: Settings) -> Iterator[str]:
    """A server of its own on a free port, stopped at the end of the block."""
    config = uvicorn.Config(create_app(settings), host=settings.host, port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://{settings.host}:{port}"
    finally:
        server.should_exit = True
        thread.join()
