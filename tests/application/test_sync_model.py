"""Model-based test: random batches against a one-page model."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from application.items import ItemService
from application.ledger.ledger import Ledger
from application.maintenance.rebuild import rebuild
from application.persistence import environment
from application.projections import PROJECTIONS
from application.recording.sync import Synced, SyncResult, SyncService
from domain.quantities import MAX_QUANTITY
from domain.stock_item import item_id
from tests.conftest import BACKENDS
from tests.support.builders import CLERK, element, register, void_of
from tests.support.ledger_checks import assert_read_models_equal_replay

SKUS = ["A", "B", "C"]
IDS = {sku: item_id("main", sku) for sku in SKUS}
UNREGISTERED = item_id("main", "nowhere")

QUANTITIES = st.one_of(st.integers(-3, 12), st.sampled_from([MAX_QUANTITY, MAX_QUANTITY - 5]))
ELEMENTS = st.builds(
    element,
    st.sampled_from(["INBOUND", "OUTBOUND", "ADJUST", "COUNT"]),
    st.sampled_from([*IDS.values(), UNREGISTERED]),
    QUANTITIES,
)


class ModelItem:
    def __init__(self) -> None:
        self.on_hand = 0
        self.version = 1
        self.active = True
        self.counted_in = 0


class Answer(NamedTuple):
    content: tuple[Any, ...]
    on_hand: int
    version: int


class Model:
    """Reference model of the contract, without events, databases and batches."""

    def __init__(self) -> None:
        self.items = {str(item): ModelItem() for item in IDS.values()}
        self.recorded: dict[str, Answer] = {}

    def decide(self, element: dict[str, Any]) -> str:
        """The expected status or code of one element. Records the accepted ones."""
        if element["type"] == "VOID":
            return self._void(element)
        content = (element["type"], element["itemId"], element["quantity"])
        if not self._is_valid(element["type"], element["quantity"]):
            return "INVALID"
        if element["localId"] in self.recorded:
            same = self.recorded[element["localId"]].content == content
            return "duplicate" if same else "LOCAL_ID_REUSED"
        item = self.items.get(element["itemId"])
        if item is None:
            return "UNKNOWN_ITEM"
        if not item.active and element["type"] in {"INBOUND", "OUTBOUND"}:
            return "ITEM_DISCONTINUED"
        on_hand = self._on_hand_after(item.on_hand, element)
        if abs(on_hand) > MAX_QUANTITY:
            return "STOCK_LIMIT_EXCEEDED"
        if on_hand < min(0, item.on_hand):
            return "INSUFFICIENT_STOCK"
        if element["type"] == "COUNT":
            item.counted_in = item.version + 1
        return self._record(element, content, item, on_hand)

    def _void(self, element: dict[str, Any]) -> str:
        item = self.items.get(element["itemId"])
        original = self.recorded.get(element["voids"])
        content = ("VOID", element["voids"])
        if element["localId"] in self.recorded:
            same = self.recorded[element["localId"]].content == content
            return "duplicate" if same else "LOCAL_ID_REUSED"
        if item is None or original is None:
            return "UNKNOWN_TRANSACTION" if item else "UNKNOWN_ITEM"
        if original.content[0] in {"COUNT", "VOID"}:
            return "INVALID"
        on_hand = item.on_hand
        if original.version > item.counted_in:
            kind, _, quantity = original.content
            on_hand += quantity if kind == "OUTBOUND" else -quantity
        if abs(on_hand) > MAX_QUANTITY:
            return "STOCK_LIMIT_EXCEEDED"
        return self._record(element, content, item, on_hand)

    def _record(
        self, element: dict[str, Any], content: tuple[Any, ...], item: ModelItem, on_hand: int
    ) -> str:
        item.on_hand, item.version = on_hand, item.version + 1
        self.recorded[element["localId"]] = Answer(content, on_hand, item.version)
        return "recorded"

    @staticmethod
    def _is_valid(type: str, quantity: int) -> bool:
        least = {"INBOUND": 1, "OUTBOUND": 1, "ADJUST": -MAX_QUANTITY, "COUNT": 0}[type]
        return least <= quantity <= MAX_QUANTITY and (type, quantity) != ("ADJUST", 0)

    @staticmethod
    def _on_hand_after(on_hand: int, element: dict[str, Any]) -> int:
        quantity: int = element["quantity"]
        if element["type"] == "COUNT":
            return quantity
        return on_hand - quantity if element["type"] == "OUTBOUND" else on_hand + quantity


class SyncMachine(RuleBasedStateMachine):
    new_database: Callable[[], AbstractContextManager[str]]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.sent: list[dict[str, Any]] = []
        self.closing = ExitStack()
        self.env = environment(self.closing.enter_context(self.new_database()), lock_timeout=30)

    @initialize()
    def open(self) -> None:
        self._open()
        for sku in SKUS:
            register(self.items, sku)

    def _open(self) -> None:
        self.ledger = Ledger(self.env)
        self.sync = SyncService(self.ledger)
        self.items = ItemService(self.ledger)

    @rule(batch=st.lists(ELEMENTS, max_size=8))
    def send_new(self, batch: list[dict[str, Any]]) -> None:
        self._send([new | {"localId": str(uuid4())} for new in batch])

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        self._send(data.draw(st.lists(st.sampled_from(self.sent), min_size=1, max_size=8)))

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), other=ELEMENTS)
    def reuse_a_key(self, data: st.DataObject, other: dict[str, Any]) -> None:
        used = data.draw(st.sampled_from(self.sent))
        self._send([other | {"localId": used["localId"]}, used])

    @precondition(lambda self: any(one["type"] != "VOID" for one in self.sent))
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        sent = [one for one in self.sent if one["type"] != "VOID"]
        self._send([void_of(data.draw(st.sampled_from(sent)))])

    @rule(sku=st.sampled_from(SKUS))
    def discontinue_or_reactivate(self, sku: str) -> None:
        item = self.model.items[str(IDS[sku])]
        change = self.items.discontinue if item.active else self.items.reactivate
        change(IDS[sku], CLERK)
        item.active, item.version = not item.active, item.version + 1

    @rule()
    def restart(self) -> None:
        self.ledger.close()
        self._open()

    @rule(projection=st.sampled_from(PROJECTIONS))
    def rebuild(self, projection: Any) -> None:
        assert rebuild(self.ledger, projection, lambda *_: None).differences.total == 0

    @invariant()
    def stock_is_what_the_model_says(self) -> None:
        for item, expected in self.model.items.items():
            level = self.ledger.recorder.select_item(UUID(item))
            assert level is not None
            assert (level.on_hand, level.version, level.active) == (
                expected.on_hand,
                expected.version,
                expected.active,
            )

    @invariant()
    def read_models_equal_a_replay(self) -> None:
        assert_read_models_equal_replay(self.ledger)

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
        self.closing.close()

    def _send(self, batch: list[dict[str, Any]]) -> None:
        expected = [self.model.decide(element) for element in batch]
        result = self.sync.sync(batch, CLERK)
        assert _outcomes(result) == expected
        for synced in result.synced:
            self._check_answer(synced)
        self.sent.extend(batch)

    def _check_answer(self, synced: Synced) -> None:
        answer = self.model.recorded[str(synced.local_id)]
        assert (synced.on_hand, synced.version) == (answer.on_hand, answer.version)


def _outcomes(result: SyncResult) -> list[str]:
    outcomes: dict[int, str] = {s.index: s.status for s in result.synced}
    outcomes |= {f.index: f.rejection.code for f in result.failed}
    return [outcomes[index] for index in sorted(outcomes)]


@contextmanager
def new_file() -> Iterator[str]:
    with TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'ledger.db'}"


EXAMPLES = {"sqlite": 40, "postgres": 15}
"""Examples per backend. Fewer on PostgreSQL, where an empty database is slow to make."""


@pytest.mark.parametrize("backend", BACKENDS)
def test_any_history_ends_as_the_model_says(backend: str, request: pytest.FixtureRequest) -> None:
    new_database: Callable[[], AbstractContextManager[str]] = new_file
    if backend == "postgres":
        new_database = request.getfixturevalue("postgres_server").database
    machine = type(
        f"{backend}Machine", (SyncMachine,), {"new_database": staticmethod(new_database)}
    )
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES[backend],
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
