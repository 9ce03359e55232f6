"""The fork guard: a key never signs two checkpoints that contradict each other.

The last note that the key signed stands in a file beside the key, outside of the database. A ledger
that was restored from a backup, or that has lost its last events, is noticed before it signs.
"""

from pathlib import Path

from application.sealing.key_file import write_durably
from application.sealing.tree import StoredTree
from application.tables.tree import StoredCheckpoint
from proof.checkpoint import Checkpoint
from proof.errors import ProofError


class ForkRefused(Exception):
    """The key has signed a checkpoint that the ledger contradicts."""


class ForkGuard:
    """The memory of a key, in the file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def last_note(self) -> str | None:
        """Returns the last note that the key signed; None if it has signed none.

        Raises ForkRefused: the file can't be read.
        """
        try:
            return self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise ForkRefused(f"can't read {self._path}: {error}") from error

    def last(self) -> Checkpoint | None:
        """Returns the last checkpoint that the key signed; None if it has signed none.

        Raises ForkRefused: the file can't be read.
        """
        note = self.last_note()
        try:
            return None if note is None else Checkpoint.unverified(note)
        except ProofError as error:
            raise ForkRefused(f"{self._path} is damaged: {error}") from error

    def require_no_fork(self, origin: str, tree: StoredTree, size: int) -> None:
        """Checks that the last signed checkpoint is a beginning of the tree of that size.

        Raises ForkRefused, StoreUnavailable, MissingTile.
        """
        last = self.last()
        if last is None:
            return
        if last.origin != origin:
            raise ForkRefused(
                f"the key signs for {last.origin}, and this ledger is {origin}: is the database "
                "the right one?"
            )
        require_beginning(last, tree, size)

    def remember(self, note: str) -> None:
        """Notes down what the key signed. Raises ForkRefused: the file can't be written."""
        try:
            write_durably(self._path, note)
        except OSError as error:
            raise ForkRefused(f"can't write {self._path}: {error}") from error


def require_signed_for(stored: StoredCheckpoint, tree: StoredTree, size: int) -> None:
    """Checks that a checkpoint of the ledger is a beginning of the tree of that size.

    Raises ForkRefused, StoreUnavailable, MissingTile.
    """
    try:
        require_beginning(Checkpoint.unverified(stored.note), tree, size)
    except ProofError as error:
        raise ForkRefused(f"the last checkpoint is damaged: {error}") from error


def require_beginning(checkpoint: Checkpoint, tree: StoredTree, size: int) -> None:
    """Checks that a checkpoint is a beginning of the tree of that size.

    Raises ForkRefused, StoreUnavailable, MissingTile.
    """
    if checkpoint.size > size:
        raise ForkRefused(
            f"a checkpoint of {checkpoint.size} events was signed, and the ledger has {size}: the "
            "last ones are lost. After a restore, run `stockledger restored`"
        )
    if tree.root(checkpoint.size) != checkpoint.root:
        raise ForkRefused(
            f"the first {checkpoint.size} events are not those whose checkpoint was signed: run "
            "`stockledger verify`. After a restore, run `stockledger restored`"
        )
