"""What the machine allows: rows of the same size and indexes, by the bare driver, as durable."""

import secrets
import sqlite3
import time
from pathlib import Path
from tempfile import TemporaryDirectory

SCHEMA = """
CREATE TABLE events (position INTEGER PRIMARY KEY, item TEXT NOT NULL, version INTEGER NOT NULL,
                     topic TEXT NOT NULL, state BLOB NOT NULL, local_id TEXT UNIQUE,
                     UNIQUE (item, version));
CREATE TABLE movements (position INTEGER PRIMARY KEY, item TEXT, location TEXT, row TEXT);
CREATE INDEX movements_item ON movements (item, position);
CREATE INDEX movements_location ON movements (location, position);
CREATE TABLE levels (item TEXT PRIMARY KEY, on_hand INTEGER, version INTEGER, updated_at TEXT);
"""


def rate(size: int, rounds: int) -> float:
    """Transactions a second, in commits of `size`."""
    items = [secrets.token_hex(16) for _ in range(1_000)]
    state, row = b"x" * 300, "x" * 200
    with TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "floor.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=16384")
        connection.executescript(SCHEMA)
        connection.executemany("INSERT INTO levels VALUES (?, 0, 1, '')", [(i,) for i in items])
        spent = 0.0
        for turn in range(rounds):
            first = turn * size
            keys = [(first + n, items[(first + n) % len(items)]) for n in range(size)]
            events = [
                (position, item, position, "InboundRecorded", state, secrets.token_hex(16))
                for position, item in keys
            ]
            started = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", events)
            connection.executemany(
                "INSERT INTO movements VALUES (?, ?, 'main', ?)",
                [(position, item, row) for position, item in keys],
            )
            connection.executemany(
                "UPDATE levels SET on_hand = ?, version = ?, updated_at = 'now' WHERE item = ?",
                [(position, position, item) for position, item in keys],
            )
            connection.execute("COMMIT")
            spent += time.perf_counter() - started
        connection.close()
    return rounds * size / spent
