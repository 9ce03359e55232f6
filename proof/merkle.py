"""The Merkle tree of RFC 6962, section 2.1, and how its proofs are checked (RFC 9162, section 2.1).

Hashes are SHA-256. A tree of size n has the leaves 0 to n - 1.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

from proof.errors import ProofError

EMPTY_ROOT: Final = sha256().digest()
"""The root of a tree without leaves."""


def leaf_hash(entry: bytes) -> bytes:
    """Returns the hash of a leaf."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Returns the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def root_of_subtrees(subtrees: Iterable[tuple[int, bytes]]) -> bytes:
    """Returns the root of a tree, given as perfect subtrees from left to right.

    Args:
        subtrees: height and root of each. Heights never rise from left to right.
    """
    peaks: list[tuple[int, bytes]] = []
    for subtree in subtrees:
        height, root = subtree
        while peaks and peaks[-1][0] == height:
            root = node_hash(peaks.pop()[1], root)
            height += 1
        peaks.append((height, root))
    if not peaks:
        return EMPTY_ROOT
    _, root = peaks.pop()
    while peaks:
        root = node_hash(peaks.pop()[1], root)
    return root


def require_inclusion(
    leaf: bytes, *, index: int, path: Sequence[bytes], size: int, root: bytes
) -> None:
    """Checks that a leaf is in a tree (RFC 9162, section 2.1.3.2).

    Args:
        leaf: the hash of the leaf.
        index: its place in the tree, from 0.
        path: the hashes of the siblings, from the leaf up.
        size: of the tree.
        root: of the tree.

    Raises:
        ProofError: the path does not prove it.
    """
    if not 0 <= index < size:
        raise ProofError(f"the tree of size {size} has no leaf {index}")
    found, last = index, size - 1
    computed = leaf
    for sibling in path:
        if last == 0:
            raise ProofError("the inclusion proof is too long")
        if found & 1 or found == last:
            computed = node_hash(sibling, computed)
            while not found & 1 and found:
                found >>= 1
                last >>= 1
        else:
            computed = node_hash(computed, sibling)
        found >>= 1
        last >>= 1
    if last or computed != root:
        raise ProofError("the inclusion proof does not lead to the root of the checkpoint")


def require_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Checks that one tree is the beginning of another (RFC 9162, section 2.1.4.2).

    Raises:
        ProofError: the path does not prove it.
    """
    if old_size in {0, new_size}:
        if path or old_root != (EMPTY_ROOT if old_size == 0 else new_root):
            raise ProofError("the two trees of one size have two roots, or the proof is too long")
        return
    old, new = consistency_roots(old_size=old_size, old_root=old_root, new_size=new_size, path=path)
    if old != old_root or new != new_root:
        raise ProofError("the newer tree does not contain the older one as its beginning")


def consistency_roots(
    *, old_size: int, old_root: bytes, new_size: int, path: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """Returns the roots of both trees, as a consistency proof tells them.

    Args:
        old_size: above 0, and less than `new_size`.
        old_root: stands in for the first hash, if `old_size` is a power of two.
        new_size: of the larger tree.
        path: the proof.

    Raises:
        ProofError: the proof has another length.
    """
    if not 0 < old_size < new_size:
        raise ProofError(f"the tree of size {new_size} is shorter than {old_size}")
    hashes = iter([old_root, *path] if is_power_of_two(old_size) else path)
    found, last = old_size - 1, new_size - 1
    while found & 1:
        found >>= 1
        last >>= 1
    old = new = _next(hashes)
    for sibling in hashes:
        if last == 0:
            raise ProofError("the consistency proof is too long")
        if found & 1 or found == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not found & 1 and found:
                found >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        found >>= 1
        last >>= 1
    if last:
        raise ProofError("the consistency proof is too short")
    return old, new


def is_power_of_two(size: int) -> bool:
    """Whether a tree of that size, which is above 0, is perfect."""
    return size & (size - 1) == 0


def _next(hashes: Iterable[bytes]) -> bytes:
    for first in hashes:
        return first
    raise ProofError("the consistency proof is too short")
