"""Read port of the log: events as they are stored, the tiles of their tree, and its checkpoints."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from application.tables.tree import Declaration, StoredCheckpoint, TreeTile


class EventRow(NamedTuple):
    """An event as it is stored. A damaged ledger may have values of any type."""

    position: int
    stream_id: bytes
    """16 bytes: the id of the item or code."""
    version: int
    topic: bytes
    state: bytes
    local_id: bytes | None
    """The value of its column: 16 bytes."""
    is_typed: bool = True
    """Whether each value has the type of its column. SQLite can store any other."""

    @property
    def stream(self) -> UUID:
        """The id of the item or code. Raises ValueError: it has not 16 bytes."""
        return _uuid(self.stream_id)


@lru_cache(65_536)
def _uuid(stored: bytes) -> UUID:
    return UUID(bytes=stored)


class TreeReader(ABC):
    """The read port of the log. Every method may raise StoreUnavailable."""

    @abstractmethod
    def select_rows_after(self, position: int, limit: int, *, upto: int) -> Sequence[EventRow]:
        """At most `limit` events after a position, up to another one (inclusive), in order.

        `upto` must not exceed `head()`.
        """

    @abstractmethod
    def select_tile(self, tile_id: int) -> TreeTile | None:
        """One full tile; None if there is none."""

    @abstractmethod
    def select_last_tile(self, *, below: int | None = None) -> TreeTile | None:
        """The last full tile of the leaves. With `below`: the last one that ends below that
        position. None if there is none."""

    @abstractmethod
    def select_tile_roots(self, first: int, end: int) -> Sequence[bytes]:
        """The roots of the tiles with these ids, in order. `end` is exclusive."""

    @abstractmethod
    def select_checkpoints(
        self, *, after: str = "", limit: int, signed_upto: datetime | None = None
    ) -> Sequence[StoredCheckpoint]:
        """Checkpoints after an id, in order, signed up to that time (inclusive) if given."""

    @abstractmethod
    def select_last_checkpoint(
        self, *, signed_upto: datetime | None = None
    ) -> StoredCheckpoint | None:
        """The newest checkpoint, signed up to that time (inclusive) if given; None if none."""

    @abstractmethod
    def select_checkpoint(self, checkpoint_id: str) -> StoredCheckpoint | None:
        """One checkpoint; None if there is none."""

    @abstractmethod
    def select_declarations(self) -> Sequence[Declaration]:
        """All declarations, oldest first. There are few."""
