"""Evidence of devices: what is true is proven, and nothing else is."""

import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from proof.checkpoint import Checkpoint
from proof.declarations import KeyDeclaration, RestoreDeclaration
from proof.encoding import to_base64
from proof.entry import Entry, encode_entry
from proof.errors import ProofError
from proof.evidence import Alarm, Evidence
from proof.merkle import is_power_of_two
from proof.movement import differing_fields
from proof.note import Signer, Verifier
from proof.proofs import InclusionProof
from proof.succession import succession
from proof.tiles import Tree
from tests.support.trees import grown

pytestmark = pytest.mark.pure

NAME = "stock.example.com/main"
SIGNER = Signer(NAME, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
NEXT_SIGNER = Signer(f"{NAME}/2", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
OTHER_SIGNER = Signer(NAME, Ed25519PrivateKey.from_private_bytes(bytes(32)))
KEYS = [SIGNER.verifier]

LARGEST = 70
SIZES = st.integers(1, LARGEST)
HASHES = st.lists(st.binary(min_size=32, max_size=32), max_size=10)


def tree(common: int) -> Tree:
    """A tree whose entries from `common` on are those of a fork."""
    return grown(
        b"entry %d" % number if number < common else b"other %d" % number
        for number in range(LARGEST)
    )


REAL = tree(LARGEST)


def signed(of: Tree, size: int, signer: Signer = SIGNER) -> str:
    return Checkpoint(signer.verifier.name, size, of.root(size)).signed([signer])


def path(of: Tree, old: int, new: int) -> tuple[str, ...]:
    """The hashes that connect two sizes of a tree, as evidence has them."""
    first = [of.root(old)] if is_power_of_two(old) and old < new else []
    return tuple(to_base64(one) for one in [*first, *of.consistency_path(old, new)])


def evidence(alarm: Alarm = Alarm.FORK, **more: Any) -> Evidence:
    return Evidence(alarm=alarm, time="2026-01-08T09:00:00+00:00", message="as it says", **more)


def with_note(found: Evidence, name: str, note: str) -> Evidence:
    return replace(found, known=note) if name == "known" else replace(found, shown=note)


def restore(kept: Checkpoint, signer: Signer = SIGNER, lost: int = LARGEST) -> str:
    return RestoreDeclaration(
        Checkpoint(NAME, lost, REAL.root(lost)),
        kept._replace(origin=NEXT_SIGNER.verifier.name),
        NEXT_SIGNER.verifier,
        "2026-01-09T08:00:00+00:00",
        "the disk failed",
    ).signed([signer])


def kept(size: int, of: Tree = REAL) -> Checkpoint:
    return Checkpoint(NAME, size, of.root(size))


class TestFork:
    @given(st.data())
    def test_every_fork_is_proven(self, data: st.DataObject) -> None:
        new = data.draw(SIZES)
        old = data.draw(st.integers(1, new))
        fork = tree(data.draw(st.integers(0, old - 1)))
        known, shown = signed(REAL, old), signed(fork, new)
        found = evidence(known=known, shown=shown, path=path(fork, old, new))
        assert f"{old} " in found.require(KEYS)
        turned = replace(found, known=found.shown, shown=found.known)
        assert turned.require(KEYS) == found.require(KEYS)
        assert Evidence.parse(found.text) == found
        with pytest.raises(ProofError, match="not signed by a known key"):
            found.require([OTHER_SIGNER.verifier])

    @given(SIZES, SIZES, HASHES)
    def test_honest_log_is_never_proven_to_be_two(
        self, old: int, new: int, hashes: list[bytes]
    ) -> None:
        old, new = sorted((old, new))
        for shown in (path(REAL, old, new), tuple(map(to_base64, hashes))):
            with pytest.raises(ProofError):
                evidence(known=signed(REAL, old), shown=signed(REAL, new), path=shown).require(KEYS)

    def test_fork_without_the_hashes_that_show_it_is_not_proven(self) -> None:
        fork = tree(2)
        for old in (5, 8):
            known, shown = signed(REAL, old), signed(fork, 20)
            plain = tuple(to_base64(one) for one in fork.consistency_path(old, 20))
            for hashes in ((), path(REAL, old, 20), *([plain] if old == 8 else [])):
                with pytest.raises(ProofError):
                    evidence(known=known, shown=shown, path=hashes).require(KEYS)

    @given(st.data())
    def test_any_changed_character_of_a_note_fails(self, data: st.DataObject) -> None:
        fork = tree(3)
        found = evidence(known=signed(REAL, 5), shown=signed(fork, 9), path=path(fork, 5, 9))
        name = data.draw(st.sampled_from(["known", "shown"]))
        note: str = getattr(found, name)
        place = data.draw(st.integers(0, len(note) - 1))
        letter = data.draw(st.characters() | st.sampled_from(note))
        if letter == note[place]:
            return
        changed = note[:place] + letter + note[place + 1 :]
        with pytest.raises(ProofError):
            with_note(found, name, changed).require(KEYS)
        for other in (note[:place], note[:place] + note[place + 1 :], note[:place] + letter):
            with pytest.raises(ProofError):
                with_note(found, name, other).require(KEYS)

    def test_notes_of_two_logs_are_no_fork(self) -> None:
        both = [*KEYS, NEXT_SIGNER.verifier]
        fork = tree(3)
        found = evidence(known=signed(REAL, 5), shown=signed(fork, 5, NEXT_SIGNER))
        for alarm in (Alarm.FORK, Alarm.ROLLBACK):
            with pytest.raises(ProofError, match="of two logs"):
                replace(found, alarm=alarm).require(both)
        for half in (replace(found, known=None), replace(found, shown=None)):
            with pytest.raises(ProofError, match="no two checkpoints"):
                half.require(both)

    def test_next_key_may_have_signed_the_second_one(self) -> None:
        fork = tree(3)
        declared = KeyDeclaration(NAME, OTHER_SIGNER.verifier).signed([SIGNER])
        found = evidence(known=signed(REAL, 5), shown=signed(fork, 5, OTHER_SIGNER))
        with pytest.raises(ProofError):
            found.require(KEYS)
        assert "two roots" in replace(found, declarations=(declared,)).require(KEYS)


class TestForkAfterARestore:
    @given(st.data())
    def test_log_that_kept_other_events_is_proven(self, data: st.DataObject) -> None:
        new = data.draw(st.integers(2, LARGEST))
        size = data.draw(st.integers(2, new))
        old = data.draw(st.integers(1, size - 1))
        fork = tree(data.draw(st.integers(0, old - 1)))
        found = evidence(
            known=signed(REAL, old),
            shown=signed(fork, new, NEXT_SIGNER),
            path=path(fork, old, new),
            declarations=(restore(kept(size)),),
        )
        assert "two histories" in found.require(KEYS)

    def test_declared_root_that_is_another_is_enough(self) -> None:
        fork = tree(3)
        found = evidence(
            known=signed(REAL, 9),
            shown=signed(fork, 12, NEXT_SIGNER),
            declarations=(restore(kept(9, fork)),),
        )
        assert "declared" in found.require(KEYS)

    def test_what_was_declared_as_lost_is_no_fork(self) -> None:
        fork = tree(8)
        for size in (8, 11):
            found = evidence(
                known=signed(REAL, 12),
                shown=signed(fork, 20, NEXT_SIGNER),
                path=path(fork, 12, 20),
                declarations=(restore(kept(size)),),
            )
            with pytest.raises(ProofError, match="kept only"):
                found.require(KEYS)

    def test_honest_restore_proves_nothing(self) -> None:
        fork = tree(8)
        for alarm in (Alarm.FORK, Alarm.ROLLBACK):
            found = evidence(
                alarm,
                known=signed(REAL, 8),
                shown=signed(fork, 20, NEXT_SIGNER),
                path=path(fork, 8, 20),
                declarations=(restore(kept(8)),),
            )
            with pytest.raises(ProofError):
                found.require(KEYS)

    @pytest.mark.parametrize("signer", [OTHER_SIGNER, NEXT_SIGNER])
    def test_declaration_that_no_known_key_signed_is_none(self, signer: Signer) -> None:
        fork = tree(3)
        found = evidence(
            known=signed(REAL, 5),
            shown=signed(fork, 9, NEXT_SIGNER),
            path=path(fork, 5, 9),
            declarations=(restore(kept(8), signer),),
        )
        with pytest.raises(ProofError):
            found.require(KEYS)


class TestRollback:
    def test_text_says_what_only_the_device_says(self) -> None:
        found = evidence(Alarm.ROLLBACK, known=signed(REAL, 9), shown=signed(REAL, 5))
        told = found.require(KEYS)
        assert "signed 9 events" in told
        assert "The device says" in told

    @pytest.mark.parametrize("size", [9, 12])
    def test_log_that_did_not_become_shorter_is_none(self, size: int) -> None:
        found = evidence(Alarm.ROLLBACK, known=signed(REAL, 9), shown=signed(REAL, size))
        with pytest.raises(ProofError, match="did not become shorter"):
            found.require(KEYS)

    def test_restored_log_that_is_shorter_than_it_declared(self) -> None:
        found = evidence(
            Alarm.ROLLBACK,
            known=signed(REAL, 9),
            shown=signed(REAL, 5, NEXT_SIGNER),
            declarations=(restore(kept(20)),),
        )
        assert "signed 9 events" in found.require(KEYS)


ITEM = uuid4()
SALE: dict[str, Any] = {
    "localId": str(uuid4()),
    "type": "OUTBOUND",
    "itemId": str(ITEM),
    "quantity": "2.5",
    "occurredAt": "2026-01-08T18:00:00+09:00",
    "reference": "till:1",
}
EVENT: dict[str, Any] = {
    "local_id": SALE["localId"],
    "quantity": 250,
    "scale": 2,
    "occurred_at": "2026-01-08T09:00:00+00:00",
    "reference": "till:1",
}


def entry(topic: str = "OutboundRecorded", **fields: Any) -> bytes:
    state = json.dumps(EVENT | fields).encode()
    return encode_entry(7, str(ITEM), 3, topic.encode(), state)


def altered(entry: bytes, recorded: dict[str, Any] = SALE) -> Evidence:
    of = grown([b"first", entry, b"last"])
    proof = InclusionProof(entry, 1, of.inclusion_path(1, 3), signed(of, 3))
    return evidence(Alarm.ALTERED, proof=proof.text, recorded=recorded)


class TestAltered:
    def test_other_content_is_proven_to_be_in_the_log(self) -> None:
        assert altered(entry(quantity=25)).require(KEYS).endswith("it recorded: quantity")
        with pytest.raises(ProofError, match="what the device recorded"):
            altered(entry()).require(KEYS)

    def test_another_transaction_proves_nothing(self) -> None:
        for recorded in (SALE | {"localId": str(uuid4())}, {}, SALE | {"localId": 5}):
            with pytest.raises(ProofError, match="another transaction"):
                altered(entry(quantity=25), recorded).require(KEYS)

    def test_proof_must_hold(self) -> None:
        found = altered(entry(quantity=25))
        other = altered(entry(quantity=26))
        assert found.proof is not None
        assert other.proof is not None
        mixed = other.proof.partition("\n\n")[0] + "\n\n" + found.proof.partition("\n\n")[2]
        for proof in (mixed, "", "c2sp.org/tlog-proof@v1\n", None):
            with pytest.raises(ProofError):
                replace(found, proof=proof).require(KEYS)
        with pytest.raises(ProofError):
            replace(found, recorded=None).require(KEYS)

    def test_event_that_can_t_be_read_is_an_error_of_its_own(self) -> None:
        for state in (b"{", b"[]", b"[" * 100_000, b"\xff"):
            found = altered(encode_entry(7, str(ITEM), 3, b"OutboundRecorded", state))
            with pytest.raises(ProofError, match="not a JSON object"):
                found.require(KEYS)


def differing(topic: str = "OutboundRecorded", sent: dict[str, Any] = SALE, **fields: Any) -> Any:
    return differing_fields(Entry.parse(entry(topic, **fields)), sent)


class TestMovement:
    @pytest.mark.parametrize(
        ("name", "fields"),
        [
            ("quantity", {"quantity": 251}),
            ("quantity", {"scale": 1}),
            ("quantity", {"quantity": "a lot"}),
            ("quantity", {"quantity": "1E+999999", "scale": -9}),
            ("quantity", {"quantity": [0, [1], 10**20]}),
            ("quantity", {"scale": 10**30}),
            ("occurredAt", {"occurred_at": "0001-01-01T00:00:00+23:59"}),
            ("occurredAt", {"occurred_at": "2026-01-08T09:00:01+00:00"}),
            ("occurredAt", {"device_time": ""}),
            ("reference", {"reference": None}),
            ("group", {"group": str(uuid4())}),
            ("voids", {"voids": str(uuid4())}),
            ("localId", {"local_id": None}),
        ],
    )
    def test_each_field_counts(self, name: str, fields: dict[str, Any]) -> None:
        assert differing(**fields) == [name]
        assert differing() == []

    def test_time_as_it_was_sent_counts(self) -> None:
        sent = "2026-01-08T09:00:00+00:00"
        assert differing(occurred_at="1999-01-01T00:00:00+00:00", device_time=sent) == []
        dead = SALE | {"occurredAt": "no time"}
        assert differing(sent=dead, device_time="no time") == []

    def test_void_says_only_what_it_voids(self) -> None:
        sale = str(uuid4())
        void = {"localId": SALE["localId"], "type": "VOID", "voids": sale, "itemId": str(ITEM)}
        event = {"voids": sale, "delta": 250, "reference": "other", "device_time": None}
        assert differing("Voided", void | {"occurredAt": "2026-01-10T00:00:00Z"}, **event) == []
        assert differing("Voided", void, **event | {"voids": str(uuid4())}) == ["voids"]
        assert differing("InboundRecorded", void, **event) == ["type"]

    def test_return_counts_for_goods_in(self) -> None:
        sent = SALE | {"returns": str(uuid4())}
        assert differing(sent=sent) == []
        inbound = sent | {"type": "INBOUND"}
        assert differing("InboundRecorded", inbound) == ["returns"]
        assert differing("InboundRecorded", inbound, returns=inbound["returns"].upper()) == []


class TestSuccession:
    def test_it_follows_from_one_restore_to_the_next(self) -> None:
        third = Signer(f"{NAME}/3", Ed25519PrivateKey.generate())
        second = RestoreDeclaration(
            Checkpoint(f"{NAME}/2", 40, REAL.root(40)),
            Checkpoint(f"{NAME}/3", 12, REAL.root(12)),
            third.verifier,
            "2026-02-01T00:00:00+00:00",
            "again",
        ).signed([NEXT_SIGNER])
        notes = ["no note", restore(kept(20)), second]
        for origin in (NAME, None):
            found = succession(notes, origin, KEYS)
            assert (found.origin, found.kept_size, len(found.restores)) == (f"{NAME}/3", 12, 2)
        late = succession(notes, f"{NAME}/2", [*KEYS, NEXT_SIGNER.verifier])
        assert (late.origin, late.kept_size) == (f"{NAME}/3", 12)
        none = succession(notes, NAME, [OTHER_SIGNER.verifier])
        assert (none.origin, none.kept_size, none.restores) == (NAME, None, [])


@pytest.mark.parametrize("alarm", [Alarm.OTHER_LEDGER, Alarm.UNPROVEN, Alarm.MISSING])
def test_report_of_a_device_alone_is_no_proof(alarm: Alarm) -> None:
    found = evidence(alarm, known=signed(REAL, 5), recorded=SALE)
    assert Evidence.parse(found.text) == found
    with pytest.raises(ProofError, match="can't be proven by itself"):
        found.require(KEYS)


BROKEN: list[dict[str, Any]] = [
    {"alarm": "FIRE"},
    {"alarm": ["FORK"]},
    {"alarm": None},
    {"time": 5},
    {"message": None},
    {"known": 5},
    {"shown": []},
    {"proof": {}},
    {"path": 5},
    {"path": "abc"},
    {"path": [5]},
    {"path": None},
    {"declarations": {"a": "b"}},
    {"recorded": []},
]


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_what_is_no_evidence_is_not_read(broken: dict[str, Any]) -> None:
    good = json.loads(evidence(known=signed(REAL, 5)).text)
    assert Evidence.parse(json.dumps(good | {"unknown": 1})).alarm is Alarm.FORK
    with pytest.raises(ProofError, match="can't be read"):
        Evidence.parse(json.dumps(good | broken))
    for name in broken:
        if name in {"alarm", "time", "message"}:
            del good[name]
            with pytest.raises(ProofError, match="can't be read"):
                Evidence.parse(json.dumps(good))


@pytest.mark.parametrize("text", ["", "null", "[]", "5", "{", '"FORK"', "[" * 100_000, "{}"])
def test_other_text_is_no_evidence(text: str) -> None:
    with pytest.raises(ProofError, match="can't be read"):
        Evidence.parse(text)


def test_half_a_surrogate_pair_is_no_part_of_a_note_or_a_key() -> None:
    note = signed(REAL, 5)
    for broken in (note.replace("\n", "\ud800\n", 1), note.replace(NAME, f"{NAME}\ud800")):
        with pytest.raises(ProofError):
            evidence(known=broken, shown=note).require(KEYS)
    with pytest.raises(ProofError):
        Verifier.parse(SIGNER.verifier.key.replace(NAME, f"{NAME}\udfff"))
