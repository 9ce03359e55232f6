"""Parsing: a batch gives the same transactions as its elements one by one."""

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.parsing.batch import parse_batch

pytestmark = pytest.mark.pure

IDS = st.sampled_from([str(uuid4()) for _ in range(3)])
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", 7, 7.5, True, [], {}, "nonsense", "\ud800", float("nan")]
)

WELL_FORMED: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "localId": IDS,
        "type": st.sampled_from(["INBOUND", "OUTBOUND", "ADJUST", "COUNT"]),
        "itemId": IDS,
        "quantity": st.integers(1, 99),
    },
    optional={
        "occurredAt": st.sampled_from(["2026-01-08T09:14:03+09:00", "2026-01-08T00:14:03Z"]),
        "note": st.text(max_size=5),
        "device": st.just("scanner-7"),
        "reason": st.sampled_from(["damaged", "Damaged", "out of date"]),
        "scanned": st.sampled_from(["5901234123457", "]C101\u001d"]),
        "metadata": st.sampled_from([{}, {"till": "3"}, {"till": 3}]),
        "unitCost": st.just({"amount": "1.50", "currency": "eur"}),
        "entered": st.just({"quantity": 0.1 + 0.2, "unit": "carton", "per": 12}),
    },
)
SPELT_OTHERWISE = WELL_FORMED.map(
    lambda one: {
        "local_id": one["localId"].upper(),
        "type": one["type"].lower(),
        "itemId": f"{{{one['itemId']}}}",
        "quantity": float(one["quantity"]),
        "unknown": 1,
    }
)
DAMAGED = st.builds(
    lambda one, field, value: one | {field: value},
    WELL_FORMED,
    st.sampled_from(
        [
            *("localId", "type", "itemId", "quantity", "occurredAt", "note", "age", "reason"),
            *("scanned", "metadata", "unitCost", "entered"),
        ]
    ),
    ODD,
)
ELEMENTS = st.lists(st.one_of(WELL_FORMED, SPELT_OTHERWISE, DAMAGED, ODD), max_size=6)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(ELEMENTS)
def test_elements_are_read_together_as_each_alone(elements: list[Any]) -> None:
    together = parse_batch(elements)
    for index, element in enumerate(elements):
        alone = parse_batch([element])
        assert together.transactions.get(index) == alone.transactions.get(0)
        assert together.warnings.get(index, []) == alone.warnings.get(0, [])
        of_element = [one for one in together.malformed if one.index == index]
        assert [(one.local_id, one.item_id, one.rejection) for one in of_element] == [
            (one.local_id, one.item_id, one.rejection) for one in alone.malformed
        ]


@given(st.lists(WELL_FORMED, max_size=6))
def test_the_fast_way_reads_what_the_slow_one_does(elements: list[Any]) -> None:
    """The element that is not an object sends the whole batch to the slow parser."""
    slow = parse_batch([*elements, "no element"])
    assert parse_batch(elements).transactions == slow.transactions
