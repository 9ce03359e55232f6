"""Movements: goods in, goods out, corrections, counts, and their rejections."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from domain.actor import Actor
from domain.errors import (
    InsufficientStock,
    Invalid,
    ItemDiscontinued,
    Rejection,
    StockLimitExceeded,
)
from domain.events import NO_FLOOR, Adjusted, InboundRecorded, OutboundRecorded
from domain.quantities import MAX_QUANTITY, canonical
from domain.transaction import Content, TransactionType
from tests.support.scenario import (
    NOON,
    TEA,
    Step,
    adjust,
    change_details,
    count,
    discontinue,
    floor,
    given,
    inbound,
    outbound,
    reactivate,
    scale,
    uuid,
)


def test_inbound_adds_what_came_in() -> None:
    given(inbound(3)).when(inbound(5)).then(InboundRecorded, quantity=5, delta=5, on_hand=8)


def test_outbound_takes_what_went_out() -> None:
    given(inbound(3)).when(outbound(2)).then(OutboundRecorded, quantity=2, delta=-2, on_hand=1)


def test_outbound_may_take_the_last_unit() -> None:
    given(inbound(3)).when(outbound(3)).then(OutboundRecorded, on_hand=0)


def test_outbound_of_more_than_there_is_says_how_much_there_is() -> None:
    scenario = given(inbound(3)).when(outbound(5))
    scenario.then_rejected(InsufficientStock(on_hand=3, requested=5)).then_on_hand(3)


def test_adjustment_corrects_by_a_difference() -> None:
    given(inbound(3)).when(adjust(-2, reason="broken")).then(
        Adjusted, delta=-2, counted=None, on_hand=1, reason="broken", type=TransactionType.ADJUST
    )


def test_adjustment_below_nothing_is_refused() -> None:
    given(inbound(3)).when(adjust(-4)).then_rejected(InsufficientStock(on_hand=3, requested=4))


@pytest.mark.parametrize(("found", "delta"), [(0, -3), (3, 0), (10, 7)])
def test_count_records_what_was_found_and_the_difference(found: int, delta: int) -> None:
    given(inbound(3)).when(count(found)).then(
        Adjusted,
        counted=found,
        quantity=found,
        delta=delta,
        on_hand=found,
        type=TransactionType.COUNT,
    )


def test_nothing_exceeds_what_json_can_hold() -> None:
    given(count(MAX_QUANTITY - 1)).when(inbound(1)).then(InboundRecorded, on_hand=MAX_QUANTITY)
    given(count(MAX_QUANTITY)).when(inbound(1)).then_rejected(
        StockLimitExceeded(on_hand=MAX_QUANTITY, requested=1, limit=MAX_QUANTITY)
    )


@pytest.mark.parametrize("step", [inbound(1), outbound(1)])
def test_goods_of_a_discontinued_item_do_not_move(step: Step) -> None:
    given(inbound(3), discontinue()).when(step).then_rejected(ItemDiscontinued(TEA))


@pytest.mark.parametrize("step", [adjust(1), count(4)])
def test_discontinued_item_can_be_corrected_and_counted(step: Step) -> None:
    given(inbound(3), discontinue()).when(step).then(Adjusted, on_hand=4)


def test_goods_that_moved_before_the_item_was_discontinued_are_recorded() -> None:
    late = outbound(1, occurred_at=NOON - timedelta(seconds=1))
    scenario = given(inbound(3), discontinue()).when(late)
    scenario.then(OutboundRecorded, on_hand=2, discontinued_at=NOON)
    assert not scenario.item.active


def test_discontinuation_that_was_lifted_refuses_nothing() -> None:
    given(discontinue(), reactivate()).when(inbound(1)).then(InboundRecorded, discontinued_at=None)


def test_outbound_may_go_down_to_the_floor() -> None:
    given(floor(-2)).when(outbound(2)).then(OutboundRecorded, on_hand=-2, floor=-2)
    given(floor(-2)).when(outbound(3)).then_rejected(
        InsufficientStock(on_hand=0, requested=3, floor=-2)
    )


def test_without_a_floor_only_the_limit_refuses() -> None:
    given(floor(None)).when(outbound(9)).then(OutboundRecorded, on_hand=-9, floor=NO_FLOOR)
    given(floor(None), outbound(MAX_QUANTITY)).when(outbound(1)).then_rejected(
        StockLimitExceeded(on_hand=-MAX_QUANTITY, requested=-1, limit=MAX_QUANTITY)
    )


def test_goods_in_are_recorded_below_the_floor() -> None:
    given(floor(None), outbound(9), floor(0)).when(inbound(3)).then(InboundRecorded, on_hand=-6)


def test_override_lifts_the_floor_and_the_event_says_so() -> None:
    given(inbound(1)).when(outbound(3, override=True)).then(
        OutboundRecorded, on_hand=-2, override=True
    )


def test_quantities_are_steps_of_the_items_scale() -> None:
    kilograms = scale(3)
    given(kilograms).when(inbound(Decimal("1.25"))).then(
        InboundRecorded, quantity=1250, on_hand=1250, scale=3
    )
    given(kilograms, inbound(2)).when(outbound(Decimal("0.001"))).then_on_hand(1999)
    given(kilograms, inbound(2)).when(outbound(Decimal("2.5"))).then_rejected(
        InsufficientStock(on_hand=2, requested=2.5)
    )
    given(kilograms).when(inbound(Decimal("0.0001"))).then_rejected(
        Invalid("quantity", "must have at most 3 decimal places")
    )
    given().when(inbound(Decimal("0.5"))).then_rejected(
        Invalid("quantity", "must be a whole number")
    )


def test_decimals_of_a_quantity_that_is_too_large_are_refused() -> None:
    given(scale(3)).when(inbound(10**12)).then_rejected(
        Invalid("quantity", "must be at most 999999999999.999")
    )


def test_scale_is_fixed_by_the_first_movement() -> None:
    given(scale(3), scale(1)).when(inbound(Decimal("0.5"))).then_on_hand(5)
    given(scale(3), inbound(1)).when(scale(2)).then_rejected(
        Invalid("scale", "can't change: the item has movements")
    )


def test_content_is_compared_as_plain_decimals() -> None:
    scenario = given(scale(3)).when(inbound(canonical(Decimal("1.50"))))
    assert scenario.events[-1].content.quantity == Decimal("1.5")  # type: ignore[attr-defined]
    assert str(canonical(Decimal("1.500"))) == "1.5"
    assert type(canonical(Decimal("15e2"))) is int


def test_event_carries_everything_that_the_client_said() -> None:
    given().when(
        inbound(
            1,
            local_id=uuid(7),
            occurred_at=NOON - timedelta(hours=2),
            device="scanner-7",
            note="PO 1182",
            reference="po:1182",
        )
    ).then(
        InboundRecorded,
        local_id=uuid(7),
        location="main",
        sku="TEA-250",
        actor="clerk",
        key_id="k7",
        occurred_at=NOON - timedelta(hours=2),
        timestamp=NOON,
        device="scanner-7",
        note="PO 1182",
        reference="po:1182",
        content=Content(
            TransactionType.INBOUND, TEA, 1, (NOON - timedelta(hours=2)).isoformat(), "po:1182"
        ),
    )


def test_an_items_events_stay_in_order_when_the_clock_is_set_back() -> None:
    later = NOON + timedelta(minutes=5)
    item = given(change_details(given().item.details, at=later)).item
    item.discontinue(by=Actor("manager"), recorded_at=later)
    item.reactivate(by=Actor("manager"), recorded_at=NOON)
    assert item.collect_events()[-1].timestamp == later


STEPS = st.one_of(
    st.builds(inbound, st.integers(1, 50)),
    st.builds(outbound, st.integers(1, 50)),
    st.builds(adjust, st.integers(-50, 50).filter(bool)),
    st.builds(count, st.integers(0, 50)),
)


@given_any(st.lists(STEPS, max_size=30))
def test_on_hand_is_the_sum_of_the_recorded_deltas_and_never_negative(steps: list[Step]) -> None:
    item = given().item
    total = 0
    for step in steps:
        try:
            event = step(item)
        except Rejection:
            continue
        total += event.delta
        assert 0 <= item.on_hand == event.on_hand == total
