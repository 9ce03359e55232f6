"""Parsing: a batch gives the same transactions as its elements one by one."""

import json
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.parsing.batch import Arrival, parse_batch, parse_plain
from application.parsing.plain import PlainElement
from domain.errors import Rejection
from tests.support.builders import DAY, void_of

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
        "age": st.sampled_from([0, 7.5, 60]),
        "override": st.booleans(),
        "corrects": IDS,
        "returns": IDS,
        "group": IDS,
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


VOIDS = IDS.map(lambda voided: void_of({"localId": voided, "itemId": voided}))


@given(st.lists(st.one_of(WELL_FORMED, VOIDS), max_size=6))
def test_the_fast_way_reads_what_the_slow_one_does(elements: list[Any]) -> None:
    """The element that is not an object sends the whole batch to the slow parser."""
    arrival = Arrival(DAY, DAY + timedelta(hours=1), "scanner-7")
    slow = parse_batch([*elements, "no element"], arrival)
    fast = parse_batch(elements, arrival)
    assert (fast.transactions, fast.warnings) == (slow.transactions, slow.warnings)
    assert (fast.groups, fast.malformed) == (slow.groups, slow.malformed[:-1])


PLAIN_TEXT: Final = (
    '{"localId":"6f1c2f0e-8c43-4a57-9d0b-5a8d2f9a3b01","type":"INBOUND",'
    '"itemId":"25611397-d162-5417-9427-6c759c4ceb9c","quantity":%s,"note":%s,"occurredAt":%s}'
)


QUANTITIES: Final = (
    *("5", "5.0", "5e0", "0.1", "1.10", "-0", "5E-1", "0", "true", "null", '"5"', "1e400"),
    *("1.0000000000000001", "9007199254740993", "9007199254740993.0", "18446744073709551617"),
)
NOTES: Final = (r'"\ud83d\ude00"', r'"\ud800"', r'"\u0000"', '"\u00e9"', "null", '""', "7")
TIMES: Final = (
    *('"2026-01-08T09:14:03.1234567+09:00"', '"2026-01-08"', '"20260108T091403Z"', "7", "null"),
    *('"2026-01-08T24:00:00Z"', '""', '"2026-01-08T09:14:60Z"', '"2026-01-08 09:14:03 Z"'),
)


@given(st.tuples(*map(st.sampled_from, (QUANTITIES, NOTES, TIMES))))
def test_text_is_read_as_its_values_are(values: tuple[str, str, str]) -> None:
    """What the fast way accepts of a text, it reads as the slow one reads the decoded values."""
    text = f"[{PLAIN_TEXT % values}]"
    try:
        fast = parse_plain(msgspec.json.decode(text, type=list[PlainElement]), None)
    except (ValueError, Rejection):
        return
    slow = parse_batch([*json.loads(text), "no element"])
    assert (fast.transactions, fast.warnings) == (slow.transactions, slow.warnings)
    assert not slow.malformed[:-1]
