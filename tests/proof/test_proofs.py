"""The proofs themselves: right for every tree, and wrong after any change."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from proof.checkpoint import Checkpoint
from proof.encoding import to_base64
from proof.entry import Entry, encode_entry
from proof.errors import ProofError
from proof.merkle import EMPTY_ROOT, leaf_hash, node_hash, require_consistency, require_inclusion
from proof.note import SignedNote, Signer, Verifier, sign
from proof.proofs import ConsistencyProof, InclusionProof
from proof.tiles import Edge, Tile
from tests.support.trees import grown

pytestmark = pytest.mark.pure

# Made with aics-tlog 0.2.1, another implementation of these formats. Entry n is "entry n".
VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors.json").read_text())

# Of the tests of Certificate Transparency, for RFC 6962.
CT_ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243",
        "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

LARGEST = 1_000
TREE = grown(b"entry %d" % number for number in range(LARGEST))
NAME = "stock.example.com/main"
SIGNER = Signer(NAME, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER_SIGNER = Signer(NAME, Ed25519PrivateKey.from_private_bytes(bytes(32)))
SIZES = st.integers(1, LARGEST)


def checkpoint(size: int) -> str:
    return Checkpoint(NAME, size, TREE.root(size)).signed([SIGNER])


def entry(number: int) -> bytes:
    return b"entry %d" % number


def inclusion(index: int, size: int) -> InclusionProof:
    return InclusionProof(entry(index), index, TREE.inclusion_path(index, size), checkpoint(size))


def consistency(old: int, new: int) -> ConsistencyProof:
    return ConsistencyProof(old, TREE.consistency_path(old, new), checkpoint(new))


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert grown(CT_ENTRIES[:size]).root(size).hex() == CT_ROOTS[size - 1]


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    assert Edge().root() == TREE.root(0) == EMPTY_ROOT
    assert VECTORS["roots"]["0"] == to_base64(EMPTY_ROOT)


def test_roots_and_proofs_are_those_of_another_implementation() -> None:
    for size, root in VECTORS["roots"].items():
        assert to_base64(TREE.root(int(size))) == root
    for index, size, path in VECTORS["inclusion"]:
        assert [to_base64(one) for one in TREE.inclusion_path(index, size)] == path
    for old, new, path in VECTORS["consistency"]:
        assert [to_base64(one) for one in TREE.consistency_path(old, new)] == path


def test_notes_are_those_of_another_implementation() -> None:
    assert SIGNER.verifier.key == VECTORS["verifier_key"]
    assert checkpoint(LARGEST) == VECTORS["note"]
    found = Checkpoint.verified(VECTORS["note"], [Verifier.parse(VECTORS["verifier_key"])])
    assert found == Checkpoint(NAME, LARGEST, TREE.root(LARGEST))


@given(st.lists(st.binary(max_size=4), max_size=600))
def test_the_edge_the_tiles_and_the_definition_agree(entries: list[bytes]) -> None:
    leaves = [leaf_hash(one) for one in entries]
    tree = grown(entries)
    edge = Edge()
    for leaf in leaves:
        edge.append(leaf)
    assert edge.root() == tree.root(len(leaves)) == defined_root(leaves)


def test_tiles_of_the_second_level_are_roots_of_the_first() -> None:
    edge = Edge()
    full: list[Tile] = []
    for number in range(2**16 + 3):
        full += edge.append(leaf_hash(b"%d" % number))
    first = [tile for tile in full if tile.level == 0]
    (second,) = [tile for tile in full if tile.level == 1]
    assert [tile.number for tile in first] == [*range(256)]
    assert (second.number, second.hashes) == (0, tuple(tile.root for tile in first))
    assert [len(level) for level in edge.levels] == [3, 0, 1]
    assert edge.levels[2] == [second.root]


@given(st.data(), SIZES)
def test_every_leaf_is_proven_in_every_larger_tree(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = InclusionProof.parse(inclusion(index, size).text)
    assert proof.require([SIGNER.verifier]).size == size
    assert proof.entry == entry(index)
    assert TREE.leaf(index) == leaf_hash(entry(index))


@given(st.data(), SIZES)
def test_every_tree_is_the_beginning_of_every_larger_one(data: st.DataObject, new: int) -> None:
    old = data.draw(st.integers(1, new))
    proof = ConsistencyProof.parse(consistency(old, new).text)
    known = Checkpoint(NAME, old, TREE.root(old))
    assert proof.require(known, [SIGNER.verifier]) == Checkpoint(NAME, new, TREE.root(new))


@given(st.data(), st.integers(2, LARGEST))
def test_a_tree_with_another_past_is_never_consistent(data: st.DataObject, new: int) -> None:
    old = data.draw(st.integers(1, new))
    changed = data.draw(st.integers(0, old - 1))
    other = grown(b"forged" if n == changed else entry(n) for n in range(old))
    proof = ConsistencyProof.parse(consistency(old, new).text)
    with pytest.raises(ProofError):
        proof.require(Checkpoint(NAME, old, other.root(old)), [SIGNER.verifier])


@given(st.data())
def test_a_proof_with_any_byte_changed_proves_nothing(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 300))
    index = data.draw(st.integers(0, size - 1))
    changed = with_a_byte_changed(data, inclusion(index, size).text)
    with pytest.raises(ProofError):
        InclusionProof.parse(changed).require([SIGNER.verifier])


@given(st.data())
def test_a_consistency_proof_with_any_byte_changed_proves_nothing(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 300))
    old = data.draw(st.integers(1, new))
    changed = with_a_byte_changed(data, consistency(old, new).text)
    with pytest.raises(ProofError):
        ConsistencyProof.parse(changed).require(
            Checkpoint(NAME, old, TREE.root(old)), [SIGNER.verifier]
        )


@given(st.data(), st.sampled_from([3, 8, 255, 256, 300]))
def test_a_proof_of_another_place_proves_nothing(data: st.DataObject, size: int) -> None:
    index, other = data.draw(
        st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True)
    )
    path = TREE.inclusion_path(index, size)
    for claim in (
        {"index": other},
        {"path": path[:-1]},
        {"path": [*path, path[0]]},
    ):
        sound: dict[str, Any] = {"index": index, "size": size, "path": path}
        with pytest.raises(ProofError):
            require_inclusion(leaf_hash(entry(index)), root=TREE.root(size), **(sound | claim))


@pytest.mark.parametrize(("old", "new"), [(3, 8), (4, 8), (8, 8), (1, 300), (256, 300)])
def test_a_consistency_proof_of_another_length_proves_nothing(old: int, new: int) -> None:
    path = TREE.consistency_path(old, new)
    for claimed in (path[:-1], [*path, bytes(32)]):
        if claimed == path:
            continue
        with pytest.raises(ProofError):
            require_consistency(
                old_size=old, old_root=TREE.root(old), new_size=new, new_root=TREE.root(new),
                path=claimed,
            )  # fmt: skip


def test_a_shorter_tree_is_not_consistent() -> None:
    with pytest.raises(ProofError, match="shorter"):
        require_consistency(
            old_size=9, old_root=TREE.root(9), new_size=8, new_root=TREE.root(8), path=[]
        )


def test_only_a_known_key_proves_anything() -> None:
    text = inclusion(3, 9).text
    with pytest.raises(ProofError, match="not signed by a known key"):
        InclusionProof.parse(text).require([OTHER_SIGNER.verifier])
    elsewhere = Signer("other.example", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    with pytest.raises(ProofError, match="not signed by a known key"):
        InclusionProof.parse(text).require([elsewhere.verifier])


def test_a_note_may_have_signatures_of_other_keys() -> None:
    text = Checkpoint(NAME, 3, TREE.root(3)).text
    note = SignedNote.parse(sign(text, [OTHER_SIGNER, SIGNER]))
    assert note.require_signature([SIGNER.verifier]) is SIGNER.verifier
    assert note.require_signature([OTHER_SIGNER.verifier]) is OTHER_SIGNER.verifier


def test_a_known_key_with_a_bad_signature_spoils_the_note() -> None:
    text = Checkpoint(NAME, 3, TREE.root(3)).text
    line = SIGNER.signature_line("something else\n")
    note = SignedNote.parse(sign(text, [OTHER_SIGNER]) + line)
    with pytest.raises(ProofError, match="not good"):
        note.require_signature([OTHER_SIGNER.verifier, SIGNER.verifier])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "a\n\n",
        "a\n\n— b\n",
        "a\n\n— b AAAA\n",
        "a\n\n— b AAAAAAAA",
        "a\n\n- b AAAAAAAA\n",
        "a\x07\n\n— b AAAAAAAA\n",
        "a\n\n— b+c AAAAAAAA\n",
        "a\n\n" + 17 * "— b AAAAAAAA\n",
        "a" * 20_000 + "\n\n— b AAAAAAAA\n",
    ],
)
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(ProofError):
        SignedNote.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "a\n1\n",
        "a\n1\nAAAA\n",
        *(
            f"{head}\n{'A' * 43}=\n"
            for head in ("a\n01", "a\n-1", "\n1", "a b\n1", "a\n9999999999999999999")
        ),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(ProofError):
        Checkpoint.unverified(sign(text, [SIGNER]))


@pytest.mark.parametrize(
    "key",
    ["", "a+b+c", SIGNER.verifier.key + "x", SIGNER.verifier.key.replace("main", "mine"),
     SIGNER.verifier.key[:-4]],
)  # fmt: skip
def test_what_is_no_verifier_key_is_refused(key: str) -> None:
    with pytest.raises(ProofError):
        Verifier.parse(key)


@given(
    st.integers(1, 2**53), st.integers(1, 2**31),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20),
    st.binary(max_size=80),
)  # fmt: skip
def test_an_entry_has_one_event(position: int, version: int, topic: str, state: bytes) -> None:
    event = Entry(position, uuid4(), version, topic, state)
    assert Entry.parse(event.encoded) == event
    assert event.leaf == leaf_hash(event.encoded)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"stockledger/event/v1\n",
        b"stockledger/event/v2\n1 6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01 1 A\n{}",
        b"stockledger/event/v1\n01 6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01 1 A\n{}",
        b"stockledger/event/v1\n1 6F1C2F0E-8c43-4a57-9d0b-5a8d2f9a3b01 1 A\n{}",
        b"stockledger/event/v1\n1 6f1c2f0e8c434a579d0b5a8d2f9a3b01 1 A\n{}",
        b"stockledger/event/v1\n1 6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01 1 A B\n{}",
        b"stockledger/event/v1\n1 6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01 1 \xff\n{}",
        b"stockledger/event/v1\n1 6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01 1 A",
    ],
)
def test_what_is_no_entry_is_refused(data: bytes) -> None:
    with pytest.raises(ProofError):
        Entry.parse(data)


def test_an_entry_can_be_hashed_with_a_shell() -> None:
    """As docs/proof.md says: printf, cat and sha256sum suffice."""
    data = encode_entry(
        7, "6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01", 2, b"InboundRecorded", b'{"quantity":1}'
    )
    assert data == (
        b"stockledger/event/v1\n7 6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01 2 InboundRecorded\n"
        b'{"quantity":1}'
    )
    assert Entry.parse(data).fields == {"quantity": 1}


def with_a_byte_changed(data: st.DataObject, text: str) -> str:
    """The text with one byte replaced, as far as that is still text."""
    encoded = bytearray(text.encode())
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] = data.draw(st.integers(0, 127).filter(lambda one: one != encoded[place]))
    return encoded.decode(errors="replace")


def defined_root(leaves: list[bytes]) -> bytes:
    """The definition in RFC 6962, section 2.1."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else EMPTY_ROOT
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(defined_root(leaves[:middle]), defined_root(leaves[middle:]))
