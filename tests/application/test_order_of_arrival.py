"""The order of arrival makes no difference: the theorems of docs/stock-takes.md."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from application.items import ItemService
from application.ledger.ledger import Ledger
from application.persistence.filters import MovementFilter, RejectedFilter
from application.recording.sync import SyncService
from application.recording.sync_result import SyncResult
from domain.item_details import ItemDetails
from domain.stock_item import item_id
from tests.support.builders import CLERK, DAY, at, element, registration, void_of
from tests.support.ledger_checks import EVERYTHING, on_hand
from tests.support.replay_oracle import Replay, Sent, known

DETAILS = ItemDetails(name="Tea", unit="box")
LATER = 100.0
"""The moment of the first arrival of what has no time of its own."""


@dataclass(frozen=True)
class Drawn:
    """A transaction to send. `about`: the number of the one that it voids or corrects."""

    type: str
    quantity: int
    hour: int | None
    about: int = 0


MOVEMENTS = st.one_of(
    st.builds(
        Drawn,
        st.sampled_from(["INBOUND", "OUTBOUND"]),
        st.integers(1, 3),
        st.sampled_from([1, 2, None]),
    ),
    st.builds(
        Drawn, st.just("ADJUST"), st.sampled_from([-2, -1, 1, 2]), st.sampled_from([1, 2, None])
    ),
    st.builds(Drawn, st.just("COUNT"), st.integers(0, 4), st.sampled_from([1, 2, None])),
    st.builds(Drawn, st.just("VOID"), st.just(0), st.none(), st.integers(0, 3)),
    st.builds(
        Drawn,
        st.just("CORRECT"),
        st.integers(0, 4),
        st.sampled_from([1, 2, None]),
        st.integers(0, 3),
    ),
)
HISTORIES = st.lists(MOVEMENTS, min_size=2, max_size=4)


class Shop:
    """One item of a ledger that is shared by all examples, and what has arrived for it."""

    def __init__(self, ledger: Ledger, floor: int | None) -> None:
        self.ledger = ledger
        self.now = DAY + timedelta(hours=LATER)
        self.sync = SyncService(ledger, self._clock)
        self.items = ItemService(ledger, self._clock, follow_up=self.sync.follow_up)
        self.sku = str(uuid4())
        self.item = item_id("main", self.sku)
        self.floor = floor
        self.discontinued_at: float | None = None
        self.arrived: dict[str, Sent] = {}

    def _clock(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now

    def register(self) -> None:
        details = replace(DETAILS, floor=self.floor)
        self.items.register(registration("main", self.sku, details), CLERK)

    def widen(self, floor: int | None) -> None:
        self.floor = floor
        self.items.change_details(self.item, lambda details: replace(details, floor=floor), CLERK)

    def discontinue(self) -> None:
        self.items.discontinue(self.item, CLERK)
        self.discontinued_at = LATER + len(self.arrived)

    def reactivate(self) -> None:
        self.items.reactivate(self.item, CLERK)
        self.discontinued_at = None

    def is_out_of_service(self, sent: Sent) -> bool:
        """Whether goods moved after the item was discontinued."""
        if self.discontinued_at is None or sent.type not in {"INBOUND", "OUTBOUND"}:
            return False
        return sent.moment >= self.discontinued_at

    def send(self, batch: Sequence[dict[str, Any]]) -> None:
        before = len(self.recorded())
        result = self.sync.sync(batch, CLERK)
        for one in batch:
            hour = one.get("occurredAt")
            moment = (
                LATER + len(self.arrived)
                if hour is None
                else (datetime.fromisoformat(hour) - DAY) / timedelta(hours=1)
            )
            arrival = len(self.arrived)
            self.arrived.setdefault(one["localId"], Sent(one, arrival, moment))
        self._check_count(result, len(self.recorded()) - before)

    def _check_count(self, result: SyncResult, number: int) -> None:
        """A count that was recorded alone expects what the replay says."""
        if number == 1 and [one.status for one in result.synced] == ["recorded"]:
            (synced,) = result.synced
            if synced.count is not None:
                replay = Replay(self.recorded())
                sent = self.arrived[str(synced.local_id)]
                assert synced.count.expected == replay.on_hand(before=sent)

    def recorded(self) -> list[Sent]:
        found = self.ledger.recorder.select_movements(
            MovementFilter(item_id=self.item), before=None, limit=EVERYTHING
        )
        return [self.arrived[str(one.local_id)] for one in found]

    def open_rejections(self) -> list[Sent]:
        wanted = RejectedFilter(item_id=self.item, status="open")
        found = self.ledger.recorder.select_rejected(wanted, before=None, limit=EVERYTHING)
        return [self.arrived[str(one.local_id)] for one in found]

    def voided_before_they_were_recorded(self) -> set[str]:
        wanted = RejectedFilter(item_id=self.item, status="dismissed")
        found = self.ledger.recorder.select_rejected(wanted, before=None, limit=EVERYTHING)
        assert {one.closing_reason for one in found} <= {"voided"}
        return {str(one.local_id) for one in found}

    def check(self) -> None:
        """What holds at any time."""
        replay = Replay(self.recorded())
        stock = on_hand(self.ledger, self.item)
        assert stock == replay.on_hand()
        for one in self.open_rejections():
            if self.is_out_of_service(one):
                continue
            if one.type in {"VOID", "COUNT"}:
                original = one.element.get("voids", one.element.get("corrects"))
                assert original not in replay.sent
            else:
                assert self.floor is not None
                assert stock + one.change < self.floor
                assert not replay.is_covered(one)


def elements_of(drawn: Sequence[Drawn], item: UUID) -> list[dict[str, Any]]:
    """The elements of a history. A void or correction of what can't be voided or corrected is left
    out, and of each transaction only one void is kept."""
    plain = [
        element(one.type, item, one.quantity, **_time(one.hour))
        for one in drawn
        if one.type not in {"VOID", "CORRECT"}
    ]
    goods = [one for one in plain if one["type"] != "COUNT"]
    counts = [one for one in plain if one["type"] == "COUNT"]
    more = []
    for one in drawn:
        if one.type == "VOID" and goods:
            more.append(void_of(goods[one.about % len(goods)]))
        if one.type == "CORRECT" and counts:
            mistaken = counts[one.about % len(counts)]["localId"]
            more.append(element("COUNT", item, one.quantity, corrects=mistaken, **_time(one.hour)))
    return list({one["localId"]: one for one in [*plain, *more]}.values())


def _time(hour: int | None) -> dict[str, str]:
    return {} if hour is None else at(hour)


def recorded_at_any_time(shop: Shop) -> None:
    """Without a floor, what has arrived is recorded, and on hand is its replay."""
    arrived = known(shop.arrived.values())
    assert {one.id for one in shop.recorded()} == {one.id for one in arrived}
    assert on_hand(shop.ledger, shop.item) == Replay(arrived).on_hand()


QUICKLY: Any = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@given(drawn=HISTORIES)
@settings(max_examples=5, **QUICKLY)
def test_without_a_floor_every_arrival_ends_at_the_replay(
    ledger: Ledger, drawn: list[Drawn]
) -> None:
    number = len(elements_of(drawn, UUID(int=1)))
    for order in permutations(range(number)):
        shop = Shop(ledger, floor=None)
        shop.register()
        sent = elements_of(drawn, shop.item)
        for place in order:
            shop.send([sent[place]])
            note(f"{drawn} {order} {place}")
            recorded_at_any_time(shop)


@dataclass(frozen=True)
class Plan:
    """How a history arrives."""

    order: list[int]
    batches: list[bool]
    """Whether a transaction begins a new batch, by number."""
    registered: int
    """The number of transactions that arrive before the item is registered."""
    floor: int
    widened: int
    """The number of transactions that arrive before the floor is widened by 1."""
    discontinued: int
    """The number of transactions that arrive before the item is discontinued. It is reactivated in
    the end."""
    repeated: list[int]
    """The numbers of transactions after which everything is sent again."""


NUMBERS = st.integers(0, 6)
PLANS = st.builds(
    Plan,
    st.permutations(range(6)),
    st.lists(st.booleans(), min_size=6, max_size=6),
    st.sampled_from([0, 0, 1, 2, 6]),
    st.sampled_from([0, -1]),
    st.sampled_from([6, 1, 3]),
    st.sampled_from([6, 6, 1, 2]),
    st.lists(NUMBERS, max_size=1),
)


def follow(shop: Shop, drawn: Sequence[Drawn], plan: Plan) -> None:
    """Lets the history arrive, and checks what holds at any time."""
    sent = elements_of(drawn, shop.item)
    arranged = [sent[number] for number in plan.order if number < len(sent)]
    batch: list[dict[str, Any]] = []
    is_registered = False
    for place, one in enumerate(arranged):
        if place in {plan.registered, plan.widened, plan.discontinued} or plan.batches[place]:
            shop.send(batch)
            batch = []
        if place >= plan.registered and not is_registered:
            shop.register()
            is_registered = True
        if place == plan.widened and is_registered and shop.discontinued_at is None:
            shop.widen(plan.floor - 1)
        if place == plan.discontinued and is_registered:
            shop.discontinue()
        batch.append(one)
        if is_registered:
            shop.check()
        if place in plan.repeated:
            shop.send(batch)
            shop.send(arranged[: place + 1])
            batch = []
    shop.send(batch)
    if not is_registered:
        shop.register()
    shop.check()
    shop.reactivate()
    shop.check()


def everything_is_recorded_if_it_is_possible(
    ledger: Ledger, drawn: Sequence[Drawn], plan: Plan
) -> None:
    """A rejection that was voided before it was recorded needs no record, nor does its void."""
    note(f"{drawn} {plan}")
    shop = Shop(ledger, plan.floor)
    follow(shop, drawn, plan)
    everything = Replay(known(shop.arrived.values()))
    if shop.floor is not None and everything.on_hand() >= shop.floor:
        left = everything.sent.keys() - {one.id for one in shop.recorded()}
        assert left == shop.voided_before_they_were_recorded()
        assert on_hand(shop.ledger, shop.item) == everything.on_hand()


@given(drawn=HISTORIES, plan=PLANS)
@settings(max_examples=80, **QUICKLY)
def test_what_is_possible_in_the_end_is_recorded_in_every_order(
    ledger: Ledger, drawn: list[Drawn], plan: Plan
) -> None:
    everything_is_recorded_if_it_is_possible(ledger, drawn, plan)


@pytest.mark.parametrize(
    "history",
    [
        [("INBOUND", 2, 0), ("OUTBOUND", 1, 3), ("OUTBOUND", 2, 1), ("INBOUND", 1, 2)],
        [("OUTBOUND", 1, 1), ("INBOUND", 1, 2), ("ADJUST", 1, 0)],
        [("COUNT", 4, 0), ("OUTBOUND", 4, 3), ("OUTBOUND", 1, 1), ("COUNT", 4, 2)],
        [("OUTBOUND", 1, 2), ("INBOUND", 1, 1), ("OUTBOUND", 1, 1), ("INBOUND", 1, 1)],
    ],
)
def test_sales_that_narrower_rules_leave_refused(
    ledger: Ledger, history: list[tuple[str, int, int]]
) -> None:
    for order in permutations(history):
        shop = Shop(ledger, floor=0)
        shop.register()
        for kind, quantity, hour in order:
            shop.send([element(kind, shop.item, quantity, **_time(hour))])
            shop.check()
        everything = Replay(shop.arrived.values())
        assert len(shop.recorded()) == len(history)
        assert on_hand(ledger, shop.item) == everything.on_hand()


def test_only_counts_voids_and_overrides_cross_the_floor(ledger: Ledger) -> None:
    shop = Shop(ledger, floor=0)
    shop.register()
    delivery = element("INBOUND", shop.item, 2)
    shop.send([delivery, element("OUTBOUND", shop.item, 2)])
    shop.send([void_of(delivery)])
    assert on_hand(ledger, shop.item) == -2
    shop.send([element("OUTBOUND", shop.item, 1)])
    shop.send([element("ADJUST", shop.item, -1)])
    assert on_hand(ledger, shop.item) == -2
    shop.send([element("INBOUND", shop.item, 1)])
    assert on_hand(ledger, shop.item) == -1
    shop.send([element("OUTBOUND", shop.item, 1, override=True, reason="promised")])
    assert on_hand(ledger, shop.item) == -2
    assert len(shop.open_rejections()) == 2


@pytest.mark.slow
@given(drawn=st.lists(MOVEMENTS, min_size=3, max_size=6), plan=PLANS)
@settings(max_examples=500, **QUICKLY)
def test_what_is_possible_in_the_end_is_recorded_in_very_many_orders(
    ledger: Ledger, drawn: list[Drawn], plan: Plan
) -> None:
    everything_is_recorded_if_it_is_possible(ledger, drawn, plan)
