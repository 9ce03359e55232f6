"""SQLite file of the device: its outbox, its bookmark and its copy of the stock.

A commit is on the disk when it returns, so recorded transactions survive a flat battery.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any, Final, cast
from uuid import UUID

from interface.client.errors import ClientError
from interface.client.groups import MAX_GROUP_SIZE, Outgoing, cut
from interface.client.records import (
    PendingTransaction,
    RejectedTransaction,
    Stock,
    available_after,
    to_quantity,
)

# Migrations by schema version. A file with version 0 is empty, or has schema 1.
STEPS: Final = {
    1: """
CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    local_id TEXT NOT NULL UNIQUE,
    element TEXT NOT NULL,
    rejection TEXT
);
CREATE TABLE IF NOT EXISTS stock (
    item_id TEXT PRIMARY KEY,
    location TEXT NOT NULL,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    unit TEXT NOT NULL,
    safety_stock INTEGER NOT NULL,
    on_hand INTEGER NOT NULL,
    version INTEGER NOT NULL,
    active INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS bookmark (after TEXT NOT NULL);
""",
    2: """
ALTER TABLE outbox ADD COLUMN acknowledged_at TEXT;
ALTER TABLE outbox ADD COLUMN is_seen INTEGER NOT NULL DEFAULT 0;
CREATE INDEX outbox_open ON outbox (number) WHERE acknowledged_at IS NULL;
CREATE INDEX outbox_acknowledged ON outbox (acknowledged_at) WHERE acknowledged_at IS NOT NULL;
""",
    # A quantity with decimals is stored as a real number: the columns have no strict type.
    3: """
ALTER TABLE stock ADD COLUMN scale INTEGER NOT NULL DEFAULT 0;
ALTER TABLE stock ADD COLUMN floor INTEGER DEFAULT 0;
""",
    # Without a bookmark, the next sync takes a new copy: this one has no codes.
    4: """
ALTER TABLE stock ADD COLUMN provisional INTEGER NOT NULL DEFAULT 0;
CREATE TABLE registrations (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    element TEXT NOT NULL,
    answered_at TEXT,
    is_copied INTEGER NOT NULL DEFAULT 0,
    refusal TEXT
);
CREATE TABLE codes (
    location TEXT NOT NULL,
    code_key TEXT NOT NULL,
    item_id TEXT,
    per,
    version INTEGER NOT NULL,
    PRIMARY KEY (location, code_key)
);
CREATE INDEX codes_by_key ON codes (code_key);
DELETE FROM bookmark;
""",
    5: """
ALTER TABLE outbox ADD COLUMN is_audited INTEGER NOT NULL DEFAULT 0;
CREATE TABLE verifier_keys (
    key TEXT PRIMARY KEY,
    source TEXT NOT NULL
);
CREATE TABLE checkpoints (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    origin TEXT NOT NULL,
    size INTEGER NOT NULL,
    day TEXT NOT NULL,
    note TEXT NOT NULL
);
CREATE TABLE alarms (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    alarm TEXT NOT NULL,
    about TEXT NOT NULL,
    evidence TEXT NOT NULL,
    is_reported INTEGER NOT NULL DEFAULT 0,
    UNIQUE (alarm, about)
);
CREATE TABLE notices (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    text TEXT NOT NULL
);
CREATE TABLE unproven_days (
    about TEXT NOT NULL,
    day TEXT NOT NULL,
    PRIMARY KEY (about, day)
);
""",
}

OWNER_ONLY: Final = 0o600

SCHEMA_VERSION: Final = max(STEPS)

PUT_ITEM = """
INSERT INTO stock VALUES (
    :itemId, :location, :sku, :name, :unit, :safetyStock, :onHand, :version, :active,
    :scale, :floor, :provisional
) ON CONFLICT (item_id) DO UPDATE SET
    name = excluded.name, unit = excluded.unit, safety_stock = excluded.safety_stock,
    scale = excluded.scale, floor = excluded.floor, provisional = excluded.provisional
"""

# What a server of an earlier version does not say.
DEFAULT_POLICIES: Final = {"scale": 0, "floor": 0, "provisional": False}

# The version check drops older changes: the answer to a batch may be newer than they are.
MOVE_ITEM = """
UPDATE stock SET on_hand = :onHand, version = :version
WHERE item_id = :itemId AND version < :version
"""

# Flags of an item that an event changes, by the event's kind.
FLAGS = {
    "ItemDiscontinued": {"active": False, "provisional": False},
    "ItemReactivated": {"active": True},
    "ItemConfirmed": {"provisional": False},
}


class Store:
    """Repository over the SQLite file. Thread-safe.

    Raises ClientError: a newer version of the client wrote the file.
    """

    def __init__(self, path: str | Path) -> None:
        self._lock = RLock()
        self._is_in_transaction = False
        with suppress(OSError):  # The error of SQLite below is clearer.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNER_ONLY))
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._upgrade()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _upgrade(self) -> None:
        """Migrates the file in one commit, so that a flat battery cannot leave it half migrated.

        Raises ClientError: a newer version of the client wrote the file.
        """
        with self.transaction():
            (found,) = self._connection.execute("PRAGMA user_version").fetchone()
            if found > SCHEMA_VERSION:
                raise ClientError(
                    f"the file has schema {found}, but this version of the client supports only "
                    f"{SCHEMA_VERSION}: use the version that wrote the file, or a later one"
                )
            for version in range(found + 1, SCHEMA_VERSION + 1):
                for statement in filter(str.strip, STEPS[version].split(";")):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {version}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Makes the block atomic and durable. Rolls back if the block raises. A block inside
        another one is a part of it."""
        with self._lock:
            if self._is_in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._is_in_transaction = True
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            finally:
                self._is_in_transaction = False

    def put(self, element: dict[str, Any]) -> None:
        """Adds a transaction to the outbox.

        Raises ValueError, TypeError: the element is not JSON, and would block the outbox.
        """
        self.run(
            "INSERT INTO outbox (local_id, element) VALUES (?, ?)",
            element["localId"],
            json.dumps(element, allow_nan=False),
        )

    def outgoing(self, after: int, limit: int) -> list[Outgoing]:
        """About `limit` pending transactions with a number above `after`, in the order of
        recording. Groups are whole."""
        rows = self.run(
            "SELECT number, element FROM outbox "
            "WHERE rejection IS NULL AND acknowledged_at IS NULL AND number > ? "
            "ORDER BY number LIMIT ?",
            after,
            limit + MAX_GROUP_SIZE,
        )
        return cut([Outgoing(row["number"], json.loads(row["element"])) for row in rows], limit)

    def size_of_group(self, group: str) -> int:
        """Number of transactions in a group."""
        ((number,),) = self.run(
            "SELECT count(*) FROM outbox WHERE json_extract(element, '$.group') = ?", group
        )
        return int(number)

    def acknowledge(self, local_id: str, now: datetime) -> bool:
        """Marks a transaction as recorded by the ledger. False if it was marked before, or is
        not of this device."""
        found = self.run(
            "UPDATE outbox SET acknowledged_at = ?, rejection = NULL "
            "WHERE local_id = ? AND acknowledged_at IS NULL RETURNING 1",
            text_of(now),
            local_id,
        )
        return bool(found)

    def mark_as_seen(self, local_id: str) -> None:
        """Marks a transaction as seen among the changes.

        So each ledger that knows our bookmark has it.
        """
        self.run("UPDATE outbox SET is_seen = 1 WHERE local_id = ?", local_id)

    def unseen(self, limit: int) -> list[Outgoing]:
        """Acknowledged transactions that are not seen yet, in the order of recording."""
        rows = self.run(
            "SELECT number, element FROM outbox "
            "WHERE acknowledged_at IS NOT NULL AND NOT is_seen ORDER BY number LIMIT ?",
            limit,
        )
        return [Outgoing(row["number"], json.loads(row["element"])) for row in rows]

    def acknowledged(self, after: int, limit: int) -> list[Outgoing]:
        """Acknowledged transactions with a number above `after`, in the order of recording."""
        rows = self.run(
            "SELECT number, element FROM outbox "
            "WHERE acknowledged_at IS NOT NULL AND number > ? ORDER BY number LIMIT ?",
            after,
            limit,
        )
        return [Outgoing(row["number"], json.loads(row["element"])) for row in rows]

    def send_again(self, local_id: str) -> None:
        """Queues an acknowledged transaction again, under its old number."""
        self.run(
            "UPDATE outbox SET acknowledged_at = NULL, is_seen = 0, is_audited = 0 "
            "WHERE local_id = ?",
            local_id,
        )

    def forget_acknowledged(self, before: datetime) -> None:
        """Deletes the transactions that were acknowledged before that time."""
        self.run("DELETE FROM outbox WHERE acknowledged_at < ?", text_of(before))

    def forget(self, local_id: str) -> bool:
        """Deletes a transaction from the outbox. False if it is not there."""
        return bool(self.run("DELETE FROM outbox WHERE local_id = ? RETURNING 1", local_id))

    def reject(self, local_id: str, rejection: dict[str, Any]) -> None:
        """Marks a transaction as rejected, so that it is not sent again."""
        self.run(
            "UPDATE outbox SET rejection = ? WHERE local_id = ?", json.dumps(rejection), local_id
        )

    def reopen(self, local_id: str) -> bool:
        """Queues a rejected transaction again, with all of its group, at the end of the outbox.
        False if there is no such one."""
        found = self.run(
            "DELETE FROM outbox WHERE rejection IS NOT NULL AND (local_id = :local_id "
            "OR json_extract(element, '$.group') = (SELECT json_extract(element, '$.group') "
            "FROM outbox WHERE local_id = :local_id)) RETURNING number, element",
            {"local_id": local_id},
        )
        elements = [
            json.loads(row["element"]) for row in sorted(found, key=lambda row: row["number"])
        ]
        for element in elements:
            self.put(element)
        return any(element["localId"] == local_id for element in elements)

    def pending(self) -> list[PendingTransaction]:
        rows = self.run(
            "SELECT element FROM outbox "
            "WHERE rejection IS NULL AND acknowledged_at IS NULL ORDER BY number"
        )
        return [PendingTransaction(**_fields(row["element"])) for row in rows]

    def rejected(self) -> list[RejectedTransaction]:
        rows = self.run(
            "SELECT element, rejection FROM outbox WHERE rejection IS NOT NULL ORDER BY number"
        )
        return [
            RejectedTransaction(**_fields(row["element"]), **json.loads(row["rejection"]))
            for row in rows
        ]

    def stock(self, new: Iterable[Stock] = (), *, item_id: UUID | None = None) -> list[Stock]:
        """The copy of the stock, by location and SKU.

        Args:
            new: items that this device registers. The copy counts, if it has them.
            item_id: limits it to one item.
        """
        key = None if item_id is None else str(item_id)
        with self._lock:
            rows = self.run("SELECT * FROM stock WHERE ?1 IS NULL OR item_id = ?1", key)
            pending = [one for one in self.pending() if item_id in {None, one.item_id}]
            voided = {
                one.voids: self.find(str(one.voids), or_rejected=False)
                for one in pending
                if one.voids
            }
        items = {item.item_id: item for item in (*new, *map(_stock, rows))}
        available = {id_: item.on_hand for id_, item in items.items()}
        unsent = {transaction.local_id for transaction in pending}
        for transaction in pending:
            moved = transaction.item_id
            original = voided.get(transaction.voids) if transaction.voids else None
            if moved in available and not {transaction.local_id, transaction.voids} & (
                voided.keys() & unsent
            ):
                available[moved] = available_after(transaction, available[moved], original)
        found = [replace(item, available=available[id_]) for id_, item in items.items()]
        return sorted(found, key=lambda item: (item.location, item.sku))

    def has(self, local_id: str) -> bool:
        """Whether the outbox has the transaction, acknowledged and rejected ones included."""
        return bool(self.run("SELECT 1 FROM outbox WHERE local_id = ?", local_id))

    def find(self, local_id: str, *, or_rejected: bool = True) -> PendingTransaction | None:
        """Returns a transaction of the outbox, also a rejected one; None if there is none. An
        acknowledged one is there for some days."""
        rows = self.run(
            "SELECT element FROM outbox WHERE local_id = ? AND (? OR rejection IS NULL)",
            local_id,
            or_rejected,
        )
        return PendingTransaction(**_fields(rows[0]["element"])) if rows else None

    @property
    def bookmark(self) -> str | None:
        """Bookmark of the last change in the copy. None: the copy must be fetched first."""
        rows = self.run("SELECT after FROM bookmark")
        return cast("str", rows[0]["after"]) if rows else None

    @bookmark.setter
    def bookmark(self, after: str | None) -> None:
        self.run("DELETE FROM bookmark")
        if after is not None:
            self.run("INSERT INTO bookmark VALUES (?)", after)

    def replace_stock(self, items: Iterable[dict[str, Any]]) -> None:
        """Replaces the whole copy."""
        self.run("DELETE FROM stock")
        for item in items:
            self.run(PUT_ITEM, DEFAULT_POLICIES | item)

    def move(self, item: dict[str, Any]) -> None:
        """Updates the quantity on hand, unless the copy has a later version of the item."""
        self.run(MOVE_ITEM, item)

    def apply(self, change: dict[str, Any], now: datetime) -> None:
        """Applies a change. Changes arrive in order and at least once."""
        transaction, details = change["transaction"], change["details"]
        if details is not None:
            self.run(PUT_ITEM, {"active": True, **DEFAULT_POLICIES, **change, **details})
        for column, flag in FLAGS.get(change["kind"], {}).items():
            statement = f"UPDATE stock SET {column} = ? WHERE item_id = ?"  # noqa: S608
            self.run(statement, flag, change["itemId"])
        self.move(change)
        if transaction is not None:  # Perhaps our own, and its answer was lost.
            self.acknowledge(transaction["localId"], now)
            self.mark_as_seen(transaction["localId"])

    def run(self, statement: str, *parameters: Any) -> Sequence[sqlite3.Row]:
        """Runs a statement, and returns its rows."""
        bound = parameters[0] if parameters and isinstance(parameters[0], dict) else parameters
        with self._lock:
            return self._connection.execute(statement, bound).fetchall()


def text_of(instant: datetime) -> str:
    """ISO 8601 in UTC with a fixed length, so that texts sort by time."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds")


def _fields(element: str) -> dict[str, Any]:
    sent = json.loads(element)
    return {
        "local_id": UUID(sent["localId"]),
        "type": sent["type"],
        "item_id": UUID(sent["itemId"]),
        "quantity": to_quantity(sent.get("quantity", 0)),
        "occurred_at": datetime.fromisoformat(sent["occurredAt"]),
        "voids": UUID(sent["voids"]) if "voids" in sent else None,
    }


def _stock(row: sqlite3.Row) -> Stock:
    return Stock(
        item_id=UUID(row["item_id"]),
        location=row["location"],
        sku=row["sku"],
        name=row["name"],
        unit=row["unit"],
        safety_stock=to_quantity(row["safety_stock"]),
        active=bool(row["active"]),
        on_hand=to_quantity(row["on_hand"]),
        available=to_quantity(row["on_hand"]),
        scale=row["scale"],
        floor=None if row["floor"] is None else to_quantity(row["floor"]),
        provisional=bool(row["provisional"]),
    )
