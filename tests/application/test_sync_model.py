"""Model-based test: random batches and changes against the reference model."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
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

from application.access.audit import AuditTrail, Origin
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.maintenance.rebuild import rebuild
from application.parsing.batch import parse_batch
from application.persistence import environment
from application.persistence.filters import RejectedFilter
from application.projections import PROJECTIONS
from application.recording.rejected_store import RejectedTransactionStore
from application.recording.retries import RetryOptions
from application.recording.sync import SyncService
from application.recording.sync_result import Synced, SyncResult
from application.review import ReviewService
from domain.item_details import ItemDetails
from domain.quantities import MAX_QUANTITY, from_steps
from domain.stock_item import item_id
from tests.conftest import BACKENDS
from tests.support.builders import CLERK, Clock, element, registration, void_of
from tests.support.coroutines import run as in_a_loop
from tests.support.ledger_checks import EVERYTHING, assert_read_models_equal_replay
from tests.support.make_ledger import load_ledger
from tests.support.schemas import upgrade
from tests.support.sync_model import Element, Model, ModelItem, is_valid

SKUS = {
    "WHOLE": ModelItem(scale=0, floor=Decimal(0)),
    "DECIMAL": ModelItem(scale=1, floor=Decimal(-3)),
    "FREE": ModelItem(scale=0, floor=None),
}
LATE = "LATE"
IDS = {sku: item_id("main", sku) for sku in [*SKUS, LATE]}
HOURS = st.sampled_from(
    [{}, {}, {"occurredAt": "2026-01-08T01:00:00Z"}, {"occurredAt": "2026-01-08T02:00:00Z"}]
)


def _elements(skus: list[str], quantities: st.SearchStrategy[Any]) -> st.SearchStrategy[Element]:
    return st.builds(
        lambda kind, sku, quantity, more: element(kind, IDS[sku], quantity, **more),
        st.sampled_from(["INBOUND", "OUTBOUND", "ADJUST", "COUNT"]),
        st.sampled_from(skus),
        quantities,
        HOURS,
    )


WHOLE = st.one_of(st.integers(-3, 8), st.sampled_from([MAX_QUANTITY, MAX_QUANTITY - 5]))
ELEMENTS = st.one_of(
    _elements(["WHOLE", "FREE", LATE], WHOLE),
    _elements(["WHOLE", "DECIMAL"], st.sampled_from([0.5, "1.50", 2, 2.5, 3, -1.5])),
)
OVERRIDES = st.sampled_from([{}, {}, {}, {"override": True, "reason": "promised"}])


class SyncMachine(RuleBasedStateMachine):
    new_database: Callable[[], AbstractContextManager[str]]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.sent: list[Element] = []
        self.closing = ExitStack()
        self.url = self.closing.enter_context(self.new_database())
        self.clock = Clock()

    @initialize(version=st.sampled_from([None, None, 1, 4]))
    def open(self, version: int | None) -> None:
        """Opens a new ledger, or one that an earlier version has filled."""
        if version is not None:
            load_ledger(version, self.url)
            upgrade(self.url)
        self._open()
        for sku, item in SKUS.items():
            self._register(sku, item.copy())

    def _open(self) -> None:
        self.other = Ledger(environment(self.url, lock_timeout=30))
        self._use(Ledger(environment(self.url, lock_timeout=30)))

    def _use(self, ledger: Ledger) -> None:
        self.ledger = ledger
        recorder = self.ledger.recorder
        self.sync = SyncService(self.ledger, self.clock)
        self.items = ItemService(self.ledger, self.clock, follow_up=self.sync.follow_up)
        audit, store = AuditTrail(recorder, self.clock), RejectedTransactionStore()
        self.review = ReviewService(recorder, self.sync, store, audit, self.clock)

    def _register(self, sku: str, item: ModelItem) -> None:
        details = ItemDetails(name=sku, unit="pc", scale=item.scale, floor=_quantity(item.floor))
        self.items.register(registration("main", sku, details), CLERK)
        self.model.items[str(IDS[sku])] = item
        self.model.changed(str(IDS[sku]))

    @rule(batch=st.lists(st.tuples(ELEMENTS, OVERRIDES), max_size=6))
    def send_new(self, batch: list[tuple[Element, dict[str, Any]]]) -> None:
        self._send([new | more | {"localId": str(uuid4())} for new, more in batch])

    @rule(before=st.lists(ELEMENTS, max_size=2), group=st.lists(ELEMENTS, min_size=1, max_size=4))
    def send_group(self, before: list[Element], group: list[Element]) -> None:
        name = {"group": str(uuid4())}
        batch = [*before, *(one | name for one in group), *before[:1]]
        self._send([one | {"localId": str(uuid4())} for one in batch])

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.sent), min_size=1, max_size=8))
        groups = {one["group"] for one in chosen if "group" in one}
        whole = [one for one in self.sent if one.get("group") in groups]
        self._send([*(one for one in chosen if "group" not in one), *whole])

    @precondition(lambda self: any("group" not in one for one in self.sent))
    @rule(data=st.data(), other=ELEMENTS.filter(is_valid))
    def reuse_a_key(self, data: st.DataObject, other: Element) -> None:
        used = data.draw(st.sampled_from([one for one in self.sent if "group" not in one]))
        self._send([other | {"localId": used["localId"]}, used])

    @precondition(lambda self: self._voidable())
    @rule(data=st.data(), is_first=st.booleans(), new=ELEMENTS.filter(is_valid))
    def void(self, data: st.DataObject, is_first: bool, new: Element) -> None:
        """Voids something that was sent, or something new before it is sent."""
        if is_first:
            new = new | {"localId": str(uuid4())}
            self._send([void_of(new)])
            self._send([new])
        else:
            self._send([void_of(data.draw(st.sampled_from(self._voidable())))])

    def _voidable(self) -> list[Element]:
        """What was sent under a `local_id` of its own."""
        names = [one["localId"] for one in self.sent]
        return [
            one
            for one in self.sent
            if one["type"] != "VOID" and is_valid(one) and names.count(one["localId"]) == 1
        ]

    @precondition(lambda self: self._counts())
    @rule(data=st.data(), quantity=st.integers(0, 5))
    def correct(self, data: st.DataObject, quantity: int) -> None:
        wrong = data.draw(st.sampled_from(self._counts()))
        item, mistaken = UUID(wrong["itemId"]), wrong["localId"]
        self._send([element("COUNT", item, quantity, corrects=mistaken)])

    def _counts(self) -> list[Element]:
        return [one for one in self._voidable() if one["type"] == "COUNT" and "corrects" not in one]

    @rule(new=ELEMENTS.filter(is_valid))
    def ask(self, new: Element) -> None:
        """A clerk waits for the answer."""
        asked = [new | {"localId": str(uuid4())}]
        expected = self.model.decide(asked, is_answered=True)
        result = self.sync.submit(parse_batch(asked), CLERK, is_answered=True).result()
        assert _outcomes(result) == expected
        self.sent.extend(asked)

    @precondition(lambda self: self._reviewable())
    @rule(data=st.data(), override=st.booleans())
    def retry(self, data: st.DataObject, override: bool) -> None:
        chosen = data.draw(st.sampled_from(self._reviewable()))
        options = RetryOptions(override="promised" if override else None)
        expected = self.model.retry(chosen, override=override)
        result = self.review.retry(UUID(chosen["localId"]), CLERK, options)
        assert _outcomes(result) == [expected]

    @precondition(lambda self: self._reviewable())
    @rule(data=st.data())
    def dismiss(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(self._reviewable()))
        self.model.dismiss(chosen)
        self.review.dismiss(UUID(chosen["localId"]), "no", CLERK, Origin(CLERK.actor))

    def _reviewable(self) -> list[Element]:
        """Open rejections that their `local_id` names alone, without those of groups."""
        names = [content[0] for content in self.model.open]
        return [
            one
            for one in self.sent
            if names.count(one["localId"]) == 1
            and "group" not in one
            and [other["localId"] for other in self.sent].count(one["localId"]) == 1
        ]

    @rule(sku=st.sampled_from([*SKUS]))
    def discontinue_or_reactivate(self, sku: str) -> None:
        name = str(IDS[sku])
        item = self.model.items[name]
        item.version += 1
        if item.discontinued_at is None:
            self.items.discontinue(IDS[sku], CLERK)
            self.model.discontinue(name)
        else:
            self.items.reactivate(IDS[sku], CLERK)
            item.discontinued_at = None
            self.model.changed(name)

    @rule(sku=st.sampled_from([*SKUS]), wider=st.sampled_from([1, 3, None]))
    def widen_the_floor(self, sku: str, wider: int | None) -> None:
        item = self.model.items[str(IDS[sku])]
        if item.floor is None or item.discontinued_at is not None:
            return
        item.floor = None if wider is None else item.floor - wider
        item.version += 1
        floor = _quantity(item.floor)
        self.items.change_details(IDS[sku], lambda details: replace(details, floor=floor), CLERK)
        self.model.changed(str(IDS[sku]))

    @precondition(lambda self: str(IDS[LATE]) not in self.model.items)
    @rule()
    def register_what_was_unknown(self) -> None:
        self._register(LATE, ModelItem())

    @rule()
    def go_on_in_another_process(self) -> None:
        """It has its own cache of items."""
        used = self.ledger
        self._use(self.other)
        self.other = used

    @rule()
    def restart(self) -> None:
        self._close()
        self._open()

    def _close(self) -> None:
        self.ledger.close()
        self.other.close()

    @rule(projection=st.sampled_from(PROJECTIONS))
    def rebuild(self, projection: Any) -> None:
        assert rebuild(self.ledger, projection, lambda *_: None).differences.total == 0

    @invariant()
    def stock_is_what_the_model_says(self) -> None:
        for name, expected in self.model.items.items():
            level = self.ledger.recorder.select_item(UUID(name))
            assert level is not None
            assert from_steps(level.on_hand, level.scale) == expected.on_hand
            assert (level.version, level.active) == (
                expected.version,
                expected.discontinued_at is None,
            )

    @invariant()
    def open_rejections_are_what_the_model_says(self) -> None:
        wanted = RejectedFilter(status="open")
        found = self.ledger.recorder.select_rejected(wanted, before=None, limit=EVERYTHING)
        ours = {one["localId"] for one in self.sent}
        codes = sorted(
            (str(row.local_id), row.code)
            for row in found
            if str(row.local_id) in ours and not row.malformed
        )
        assert codes == sorted((content[0], code) for content, code in self.model.open.items())

    @invariant()
    def read_models_equal_a_replay(self) -> None:
        assert_read_models_equal_replay(self.ledger)

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self._close()
        self.closing.close()

    def _send(self, batch: list[Element]) -> None:
        expected = self.model.decide(batch)
        result = self._result(batch)
        assert _outcomes(result) == expected
        for synced in result.synced:
            self._check_answer(synced)
        self.sent.extend(one for one in batch if one not in self.sent)

    def _result(self, batch: list[Element]) -> SyncResult:
        """Every second batch goes the way of large ones, whose duplicates are found before."""
        if len(self.sent) % 2:
            return self.sync.sync(batch, CLERK)
        return in_a_loop(self.sync.record(parse_batch(batch), CLERK))

    def _check_answer(self, synced: Synced) -> None:
        answer = self.model.recorded[str(synced.local_id)]
        assert (Decimal(str(synced.on_hand)), synced.version) == (answer.on_hand, answer.version)


def _quantity(value: Decimal | None) -> int | None:
    return None if value is None else int(value)


def _outcomes(result: SyncResult) -> list[str]:
    outcomes: dict[int, str] = {s.index: s.status for s in result.synced}
    outcomes |= {f.index: f.rejection.code for f in result.failed}
    return [outcomes[index] for index in sorted(outcomes)]


@contextmanager
def new_file() -> Iterator[str]:
    with TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'ledger.db'}"


EXAMPLES = {"sqlite": 25, "postgres": 8}
"""Examples per backend. Fewer on PostgreSQL, where an empty database is slow to make."""


def run(backend: str, request: pytest.FixtureRequest, examples: int) -> None:
    new_database: Callable[[], AbstractContextManager[str]] = new_file
    if backend == "postgres":
        new_database = request.getfixturevalue("postgres_server").database
    machine = type(
        f"{backend}Machine", (SyncMachine,), {"new_database": staticmethod(new_database)}
    )
    with pytest.MonkeyPatch.context() as all_are_large:
        all_are_large.setattr("application.recording.sync.LARGE_BATCH", 1)
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


@pytest.mark.parametrize("backend", BACKENDS)
def test_any_history_ends_as_the_model_says(backend: str, request: pytest.FixtureRequest) -> None:
    run(backend, request, EXAMPLES[backend])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("backend", BACKENDS)
def test_very_many_histories_end_as_the_model_says(
    backend: str, request: pytest.FixtureRequest
) -> None:
    run(backend, request, 8 * EXAMPLES[backend])
