"""Stock-takes: the quantity on hand in the past, and the effect of a late count."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actor import Actor
from domain.device_clock import CLOCK_TOLERANCE, MAX_OFFLINE
from domain.errors import InsufficientStock, Invalid, StockLimitExceeded
from domain.events import Adjusted, MovementRecorded
from domain.history import History
from domain.quantities import MAX_QUANTITY
from domain.stock_item import StockItem
from domain.transaction import Transaction, TransactionType
from tests.support.scenario import DETAILS, NOON

CLERK = Actor("clerk")
OPENED = NOON - timedelta(hours=12)
"""Registration time of the item."""


def at(hour: float) -> datetime:
    """The time of that hour on the day of the tests."""
    return NOON + timedelta(hours=hour - 12)


class Shelf:
    """An item. Each decision gets only the history that it asks for."""

    def __init__(self) -> None:
        self.item = StockItem.register("main", "TEA", DETAILS, by=CLERK, recorded_at=OPENED)
        self.movements: list[MovementRecorded] = []

    @property
    def on_hand(self) -> int:
        return self.item.on_hand

    def record(
        self,
        type: str,
        quantity: int,
        occurred_at: datetime | None = None,
        *,
        arrived: datetime = NOON,
    ) -> MovementRecorded:
        transaction = Transaction(
            local_id=uuid4(),
            type=TransactionType(type),
            item_id=self.item.id,
            quantity=quantity,
            occurred_at=occurred_at,
        )
        movement = self.item.record(
            transaction, by=CLERK, recorded_at=arrived, history=self._history(transaction, arrived)
        )
        self.movements.append(movement)
        return movement

    def count(self, counted: int, occurred_at: datetime | None, **more: Any) -> Adjusted:
        movement = self.record("COUNT", counted, occurred_at, **more)
        assert isinstance(movement, Adjusted)
        return movement

    def _history(self, transaction: Transaction, arrived: datetime) -> History | None:
        if not self.item.needs_history(transaction, arrived):
            return None
        since = transaction.occurred_at or arrived
        return History(movement for movement in self.movements if movement.timestamp >= since)


@pytest.fixture
def shelf() -> Shelf:
    """A shelf with 20 on hand since 8 o'clock."""
    shelf = Shelf()
    shelf.record("INBOUND", 20, at(8), arrived=at(8))
    return shelf


def test_a_late_count_does_not_undo_what_was_sold_since(shelf: Shelf) -> None:
    shelf.record("OUTBOUND", 3, at(10), arrived=at(10.5))
    count = shelf.count(17, at(9), arrived=at(11))
    assert (count.expected, count.counted, count.delta) == (20, 17, -3)
    assert shelf.on_hand == 14


def test_a_sale_from_before_the_count_is_in_what_was_counted(shelf: Shelf) -> None:
    shelf.count(17, at(9), arrived=at(9))
    sale = shelf.record("OUTBOUND", 1, at(8.5), arrived=at(11))
    assert (sale.quantity, sale.delta, sale.covered_at, sale.on_hand) == (1, -1, at(9), 17)


def test_a_covered_sale_needs_no_stock(shelf: Shelf) -> None:
    shelf.count(0, at(9), arrived=at(9))
    assert shelf.record("OUTBOUND", 20, at(8.5), arrived=at(11)).covered_at == at(9)
    with pytest.raises(InsufficientStock):
        shelf.record("OUTBOUND", 20, at(9.5), arrived=at(11))


def test_a_count_between_two_others_is_kept_and_changes_nothing(shelf: Shelf) -> None:
    shelf.count(17, at(10), arrived=at(10))
    shelf.record("OUTBOUND", 1, at(8.5), arrived=at(11))
    count = shelf.count(18, at(9), arrived=at(11))
    assert (count.expected, count.delta, count.covered_at) == (19, -1, at(10))
    assert shelf.on_hand == 17


def test_a_count_without_a_moment_is_against_what_is_on_hand_now(shelf: Shelf) -> None:
    shelf.record("OUTBOUND", 3, at(10), arrived=at(10))
    count = shelf.count(18, None)
    assert (count.expected, count.delta, shelf.on_hand) == (17, 1, 18)


def test_movements_without_a_moment_happened_when_they_were_recorded(shelf: Shelf) -> None:
    shelf.record("OUTBOUND", 3, arrived=at(10))
    assert shelf.count(20, at(9), arrived=at(11)).expected == 20
    assert shelf.count(17, at(10.5), arrived=at(11)).expected == 17


def test_what_was_recorded_at_the_same_moment_counts_in_the_order_of_recording(
    shelf: Shelf,
) -> None:
    shelf.record("OUTBOUND", 1, at(9), arrived=at(9))
    shelf.count(15, at(9), arrived=at(9))
    shelf.record("OUTBOUND", 1, at(9), arrived=at(9))
    assert shelf.on_hand == 14


def test_a_count_is_recorded_though_it_leaves_less_than_nothing(shelf: Shelf) -> None:
    shelf.record("OUTBOUND", 7, at(10), arrived=at(10))
    assert shelf.count(5, at(9), arrived=at(11)).on_hand == -2


def test_more_may_be_counted_than_was_expected_to_be_there(shelf: Shelf) -> None:
    shelf.record("INBOUND", 10, at(11), arrived=at(11))
    shelf.record("OUTBOUND", 25, at(9), arrived=at(11.5))
    count = shelf.count(0, at(10))
    assert (count.expected, count.delta, shelf.on_hand) == (-5, 5, 10)


def test_a_count_can_not_find_more_than_can_be_counted(shelf: Shelf) -> None:
    shelf.count(0, at(10), arrived=at(10))
    for _ in range(2):
        shelf.record("INBOUND", MAX_QUANTITY, at(8.5), arrived=at(11))
    with pytest.raises(StockLimitExceeded):
        shelf.count(1, at(9))
    assert shelf.on_hand == 0


@pytest.mark.parametrize(
    "moment",
    [
        NOON + CLOCK_TOLERANCE + timedelta(seconds=1),
        NOON - MAX_OFFLINE - timedelta(seconds=1),
    ],
)
def test_a_count_at_a_moment_that_cant_be_is_refused(shelf: Shelf, moment: datetime) -> None:
    with pytest.raises(Invalid, match="occurredAt"):
        shelf.count(5, moment)


def test_a_count_a_little_ahead_of_the_servers_clock_is_taken_as_of_now(shelf: Shelf) -> None:
    shelf.count(5, NOON + CLOCK_TOLERANCE)
    assert shelf.item.counted_at == NOON


@pytest.mark.parametrize("moment", [at(13), datetime(1970, 1, 1, tzinfo=NOON.tzinfo)])
def test_a_sale_is_recorded_whatever_the_clock_said(shelf: Shelf, moment: datetime) -> None:
    shelf.count(5, at(11), arrived=at(11))
    sale = shelf.record("OUTBOUND", 1, moment)
    assert (sale.covered_at, sale.occurred_at, sale.on_hand) == (None, moment, 4)


def test_the_clocks_of_servers_may_be_set_back(shelf: Shelf) -> None:
    shelf.record("OUTBOUND", 1, arrived=at(11))
    sale = shelf.record("OUTBOUND", 1, arrived=at(10))
    assert sale.happened_at == at(11)


STEPS = st.lists(
    st.tuples(
        st.sampled_from([*["INBOUND", "OUTBOUND", "ADJUST", "COUNT"]]).map(TransactionType),
        st.integers(1, 1_000),
        st.integers(1, 600),  # minutes after opening
        st.integers(0, 100),  # minutes from event to arrival
    ),
    unique_by=lambda step: step[2],
    max_size=12,
)
PLENTY = 1_000_000


def _replayed(steps: list[tuple[TransactionType, int, int, int]]) -> int:
    """The quantity on hand after all steps, in the order of occurrence."""
    on_hand = PLENTY
    for kind, quantity, _, _ in sorted(steps, key=lambda step: step[2]):
        match kind:
            case TransactionType.INBOUND | TransactionType.ADJUST:
                on_hand += quantity
            case TransactionType.OUTBOUND:
                on_hand -= quantity
            case TransactionType.COUNT:
                on_hand = PLENTY + quantity
    return on_hand


@given(STEPS)
def test_with_exact_clocks_the_order_of_arrival_does_not_matter(
    steps: list[tuple[TransactionType, int, int, int]],
) -> None:
    shelf = Shelf()
    shelf.record("INBOUND", PLENTY, arrived=OPENED)
    arrived: list[tuple[TransactionType, int, int, int]] = []
    for step in sorted(steps, key=lambda step: step[2] + step[3]):
        kind, quantity, minute, delay = step
        moment = OPENED + timedelta(minutes=minute)
        if kind is TransactionType.COUNT:
            earlier = [other for other in arrived if other[2] < minute]
            count = shelf.count(
                PLENTY + quantity, moment, arrived=moment + timedelta(minutes=delay)
            )
            assert count.expected == _replayed(earlier)
        else:
            shelf.record(kind, quantity, moment, arrived=moment + timedelta(minutes=delay))
        arrived.append(step)
        assert shelf.on_hand == _replayed(arrived)
    changes = [movement.delta for movement in shelf.movements if movement.covered_at is None]
    assert sum(changes) == shelf.on_hand
