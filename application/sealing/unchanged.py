"""Checks that the events are those that were sealed, before something is made of them."""

from collections.abc import Callable, Sequence
from typing import Final

from application.persistence.recorder import LedgerRecorder
from application.sealing.entries import leaf_of
from application.tables.tree import StoredCheckpoint, tile_id
from proof.checkpoint import Checkpoint
from proof.errors import ProofError
from proof.tiles import Edge, Tile, split_hashes

EVENTS_PER_READ: Final = 8_192

Progress = Callable[[str, int, int], None]
"""Progress callback: the step, the position reached, and the position of its end."""


class EventsChanged(Exception):
    """An event is not the one that was sealed."""


def require_unchanged(recorder: LedgerRecorder, progress: Progress) -> None:
    """Hashes all events, and compares them with the tiles and the newest checkpoint.

    Raises:
        EventsChanged: an event was changed, removed or inserted since it was sealed.
        StoreUnavailable: the database can't be read.
    """
    newest = recorder.select_last_checkpoint()
    head = recorder.head()
    edge = Edge()
    position = 0
    positions: list[int] = []
    while rows := recorder.select_rows_after(position, EVENTS_PER_READ, upto=head):
        for row in rows:
            positions.append(row.position)
            for tile in edge.append(leaf_of(row)):
                if tile.level == 0:
                    _compare(recorder, tile, positions)
                    positions = []
            if newest is not None and edge.size == newest.size:
                _require_root(newest, edge)
        position = rows[-1].position
        progress("check", position, head)
    if newest is not None and edge.size < newest.size:
        raise EventsChanged(
            f"there are {edge.size} events, and the newest checkpoint covers {newest.size}"
        )


def _compare(recorder: LedgerRecorder, tile: Tile, positions: Sequence[int]) -> None:
    stored = recorder.select_tile(tile_id(0, tile.number))
    if stored is None or stored.hashes == tile.data:
        return
    sealed = split_hashes(stored.hashes)
    first = next(
        (
            position
            for position, is_, was in zip(positions, tile.hashes, sealed, strict=False)
            if is_ != was
        ),
        positions[-1],
    )
    raise EventsChanged(f"the event at position {first} is not the one that was sealed")


def _require_root(newest: StoredCheckpoint, edge: Edge) -> None:
    try:
        root = Checkpoint.unverified(newest.note).root
    except ProofError as error:
        raise EventsChanged(f"the newest checkpoint is damaged: {error}") from error
    if edge.root() != root:
        raise EventsChanged(
            f"one of the {newest.size} events up to position {newest.position} is not the one "
            "that was sealed"
        )
