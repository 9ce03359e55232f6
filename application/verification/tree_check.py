"""Checks that the events are those of the tiles, and of every signed checkpoint."""

import sys
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from application.persistence.recorder import LedgerRecorder
from application.persistence.tree_reader import EventRow
from application.sealing.entries import leaf_of
from application.sealing.identity import is_row_of, read_identity
from application.sealing.tree import MissingTile, StoredTree
from application.tables.tree import StoredCheckpoint, TreeTile, tile_id
from application.verification.findings import Findings, Kind, shown
from proof.checkpoint import Checkpoint
from proof.errors import ProofError
from proof.merkle import require_consistency
from proof.note import Verifier
from proof.tiles import TILE_HEIGHT, TILE_WIDTH, Edge, Tile, perfect_root, split_hashes

CHECKPOINTS_PER_READ: Final = 1_000


class Claim(NamedTuple):
    """A checkpoint that the events must agree with."""

    name: str
    """Where it is from."""
    checkpoint: Checkpoint


class Scrubbed(NamedTuple):
    """Events that were read again: all between two positions."""

    rows: Sequence[EventRow]
    after: int
    upto: int


class TreeCheck:
    """Grows the tree of the events as they are read, and compares it.

    Args:
        recorder: the ledger.
        verifiers: the keys that may sign its checkpoints.
        given: checkpoints from elsewhere, which are trusted.
        findings: what is wrong goes here.
        edge: the tree that was checked before.
        edge_after: position after which its events fill no tile.
    """

    def __init__(
        self,
        recorder: LedgerRecorder,
        verifiers: Sequence[Verifier],
        given: Sequence[Claim],
        findings: Findings,
        edge: Edge,
        edge_after: int,
    ) -> None:
        self.edge = edge
        self.edge_after = edge_after
        self._recorder = recorder
        self._verifiers = verifiers
        self._findings = findings
        self._positions: list[int] = []
        """Of the events of the tile that is not full yet, as far as they were read now."""
        self._is_shifted = False
        self._is_contradicted = False
        self._agreed_size = edge.size
        self._sealed_size = self._size_of_tiles()
        # Later ones may cover events that are recorded after the end of this verification.
        newest = self._newest()
        self._last_id = "" if newest is None else _text(newest.checkpoint_id)
        self._base = read_identity(recorder).base
        self._claims = _in_order(self._stored_claims(edge.size), given, edge.size)
        self._next = next(self._claims, None)
        self._earlier = [claim for claim in given if claim.checkpoint.size <= edge.size]

    def add(self, row: EventRow) -> None:
        """Adds the next event. Raises StoreUnavailable."""
        self._positions.append(row.position)
        full = self.edge.append(leaf_of(row))
        for tile in full:
            self._compare_tile(tile)
        if full:
            self._positions = []
            self.edge_after = row.position
        while self._next is not None and self._next.checkpoint.size <= self.edge.size:
            self._compare_claim(self._next)
            self._next = next(self._claims, None)

    def finish(self, position: int) -> None:
        """Compares what is left when all events up to a position were added. Raises
        StoreUnavailable."""
        for claim in self._earlier:
            self._compare_earlier(claim, position)
        while self._next is not None:
            checkpoint = self._next.checkpoint
            self._findings.add(
                Kind.EVENTS_LOST,
                f"{self._next.name} covers {checkpoint.size} events, and there are "
                f"{self.edge.size}",
                subject=self._next.name,
            )
            self._next = next(self._claims, None)
        if self._sealed_size > self.edge.size:
            self._findings.add(
                Kind.EVENTS_LOST,
                f"the tiles cover {self._sealed_size} events, and there are {self.edge.size}",
            )

    def scrub_edge(self, upto: int) -> Scrubbed:
        """Reads the events again, up to a position, that were checked before and fill no tile. Call
        it before `add`. Raises StoreUnavailable."""
        rows = self._recorder.select_rows_after(self.edge_after, TILE_WIDTH, upto=upto)
        known = self.edge.levels[0] if self.edge.levels else []
        for row, leaf in zip(rows, known, strict=False):
            if leaf_of(row) != leaf:
                self._findings.add(
                    Kind.EVENT_CHANGED,
                    "the event is not the one that was verified before",
                    position=row.position,
                )
                break
        else:
            if len(rows) != len(known):
                self._findings.add(
                    Kind.EVENTS_SHIFTED,
                    f"{len(known)} events were verified here, and there are {len(rows)}",
                    position=self.edge_after + 1,
                    upto=upto,
                )
        return Scrubbed(rows, self.edge_after, upto)

    def scrub(self, number: int) -> Scrubbed | None:
        """Reads the events of a tile again that was checked before. None: the tile can't be read.
        Raises StoreUnavailable."""
        stored = self._tile(0, number)
        before = self._tile(0, number - 1) if number else None
        if stored is None:
            self._add_damaged_tile(0, number, "is missing")
            return None
        after = before.last_position if before else 0
        rows = self._recorder.select_rows_after(after, TILE_WIDTH + 1, upto=stored.last_position)
        self._positions = [row.position for row in rows]
        leaves = [leaf_of(row) for row in rows]
        self._compare_leaves(stored, leaves, Tile(0, number, tuple(leaves), b""))
        self._positions = []
        self._climb(number, perfect_root(split_hashes(stored.hashes)))
        return Scrubbed(rows, after, stored.last_position)

    def _climb(self, number: int, root: bytes) -> None:
        """Follows a tile up to the edge that this verification has kept."""
        level = 1
        while True:
            number, place = divmod(number, TILE_WIDTH)
            if number >= self.edge.size >> TILE_HEIGHT * (level + 1):
                known = self.edge.levels[level]
                if place >= len(known) or known[place] != root:
                    self._add_damaged_tile(level - 1, number, "is not the one checked before")
                return
            stored = self._tile(level, number)
            hashes = split_hashes(stored.hashes) if stored else []
            if len(hashes) != TILE_WIDTH or hashes[place] != root:
                self._add_damaged_tile(level, number, "does not hold the tile below it")
                return
            root = perfect_root(hashes)
            level += 1

    def _tile(self, level: int, number: int) -> TreeTile | None:
        found = None
        with self._findings.unreadable(f"tile {number} of level {level}"):
            found = self._recorder.select_tile(tile_id(level, number))
        return found if found is not None and _is_well_formed(found) else None

    def _compare_tile(self, tile: Tile) -> None:
        if (tile.number + 1) << TILE_HEIGHT * (tile.level + 1) > self._sealed_size:
            return  # It is not sealed yet.
        stored = self._tile(tile.level, tile.number)
        if stored is None:
            self._add_damaged_tile(tile.level, tile.number, "is missing")
            return
        if stored.hashes != tile.data and not self._is_shifted:
            if tile.level == 0:
                self._compare_leaves(stored, tile.hashes, tile)
            elif not self._findings.counts[Kind.EVENT_CHANGED]:
                self._add_damaged_tile(tile.level, tile.number, "has other hashes")
        elif stored.root != perfect_root(split_hashes(stored.hashes)):
            self._add_damaged_tile(tile.level, tile.number, "has another root than its hashes")
        if stored.last_position != self._positions[-1] and not self._is_shifted:
            self._add_damaged_tile(tile.level, tile.number, "ends at another position")

    def _compare_leaves(self, stored: TreeTile, leaves: Sequence[bytes], tile: Tile) -> None:
        sealed = split_hashes(stored.hashes)
        differing = [
            place
            for place in range(max(len(sealed), len(leaves)))
            if sealed[place : place + 1] != [*leaves[place : place + 1]]
        ]
        if not differing:
            return
        if not self._is_genuine(stored):
            self._add_damaged_tile(0, tile.number, "has other hashes than its events")
        elif len(differing) > 1 and differing == [*range(differing[0], len(sealed))]:
            self._is_shifted = True
            self._findings.add(
                Kind.EVENTS_SHIFTED,
                "events were removed or inserted here since they were sealed",
                position=self._position_at(differing[0], len(leaves)),
            )
        else:
            for place in differing:
                self._add_changed(place, sealed, leaves)

    def _add_changed(self, place: int, sealed: Sequence[bytes], leaves: Sequence[bytes]) -> None:
        self._findings.add(
            Kind.EVENT_CHANGED,
            "the event is not the one that was sealed",
            position=self._position_at(place, len(leaves)),
            expected=sealed[place] if place < len(sealed) else None,
            found=leaves[place] if place < len(leaves) else None,
        )

    def _position_at(self, place: int, leaves: int) -> int | None:
        """Returns the position of an event of the tile. None: an earlier verification read it."""
        read = place - (leaves - len(self._positions))
        return self._positions[min(read, len(self._positions) - 1)] if read >= 0 else None

    def _is_genuine(self, stored: TreeTile) -> bool:
        """Whether the tiles lead to the next signed checkpoint. True if none covers the tile: who
        has the database can change both."""
        if stored.root != perfect_root(split_hashes(stored.hashes)):
            return False
        newest = self._newest()
        claim = self._next and self._next.checkpoint
        end = (stored.number + 1) * TILE_WIDTH
        if newest is None or claim is None or not end <= claim.size <= newest.size:
            return True
        tree = StoredTree(self._recorder, newest.size, newest.position)
        try:
            return tree.root(claim.size) == claim.root
        except MissingTile:
            return False

    def _compare_claim(self, claim: Claim) -> None:
        if self._is_contradicted:
            return
        if self.edge.root() == claim.checkpoint.root:
            self._agreed_size = claim.checkpoint.size
            return
        self._is_contradicted = True
        self._findings.add(
            Kind.CHECKPOINT_CONTRADICTED,
            f"{claim.name} was signed for other events: one of those numbered "
            f"{self._agreed_size + 1} to {claim.checkpoint.size} was changed, removed or inserted",
            subject=claim.name,
            expected=claim.checkpoint.root,
            found=self.edge.root(),
        )

    def _compare_earlier(self, claim: Claim, position: int) -> None:
        """Compares a checkpoint with the events of an earlier verification, which kept its tree."""
        size, root = self.edge.size, self.edge.root()
        old = claim.checkpoint
        try:
            path = StoredTree(self._recorder, size, position).consistency_path(old.size, size)
            require_consistency(
                old_size=old.size, old_root=old.root, new_size=size, new_root=root, path=path
            )
        except (ProofError, MissingTile) as error:
            self._findings.add(
                Kind.CHECKPOINT_CONTRADICTED,
                f"{claim.name} is not proven: {error}",
                subject=claim.name,
            )

    def _size_of_tiles(self) -> int:
        """Returns the number of events that must have full tiles."""
        last = self._recorder.select_last_tile()
        newest = self._newest()
        tiles = 0 if last is None else last.number + 1
        size = None if newest is None else newest.size
        signed = size // TILE_WIDTH if isinstance(size, int) else 0
        return max(tiles, signed) * TILE_WIDTH

    def _stored_claims(self, size: int) -> Iterator[Claim]:
        """Yields the checkpoints of the ledger beyond that size, in order. Their signatures are
        checked."""
        after = ""
        while found := self._checkpoints_after(after):
            after = found[-1].checkpoint_id
            for stored in found:
                name = f"checkpoint {shown(stored.checkpoint_id)}"
                try:
                    checkpoint = Checkpoint.verified(str(stored.note), self._verifiers)
                except ProofError as error:
                    self._findings.add(Kind.CHECKPOINT_NOT_SIGNED, f"{name}: {error}", subject=name)
                    continue
                if not is_row_of(stored, checkpoint, self._base):
                    self._findings.add(
                        Kind.CHECKPOINT_NOT_SIGNED,
                        f"{name} says {checkpoint.size} events of {checkpoint.origin}",
                        subject=name,
                    )
                elif checkpoint.size > size and stored.checkpoint_id <= self._last_id:
                    yield Claim(name, checkpoint)

    def _newest(self) -> StoredCheckpoint | None:
        with self._findings.unreadable("checkpoints"):
            return self._recorder.select_last_checkpoint()
        return None

    def _checkpoints_after(self, after: str) -> Sequence[StoredCheckpoint]:
        with self._findings.unreadable("checkpoints"):
            return self._recorder.select_checkpoints(after=after, limit=CHECKPOINTS_PER_READ)
        return ()

    def _add_damaged_tile(self, level: int, number: int, problem: str) -> None:
        self._findings.add(
            Kind.TILE_DAMAGED,
            f"tile {number} of level {level} {problem}",
            subject=f"{level}/{number}",
        )


def _text(checkpoint_id: object) -> str:
    """An id; a damaged one sorts behind all others."""
    return checkpoint_id if isinstance(checkpoint_id, str) else chr(sys.maxunicode)


def _is_well_formed(tile: TreeTile) -> bool:
    """Whether its values have the types of their columns: SQLite can store any other."""
    texts = isinstance(tile.hashes, bytes) and isinstance(tile.root, bytes)
    return texts and isinstance(tile.last_position, int)


def _in_order(stored: Iterator[Claim], given: Sequence[Claim], size: int) -> Iterator[Claim]:
    """Merges the claims beyond a size in the order of their sizes."""
    waiting = sorted(
        (claim for claim in given if claim.checkpoint.size > size),
        key=lambda claim: claim.checkpoint.size,
    )
    for claim in stored:
        while waiting and waiting[0].checkpoint.size <= claim.checkpoint.size:
            yield waiting.pop(0)
        yield claim
    yield from waiting
