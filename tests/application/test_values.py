"""Spellings: every reasonable spelling of a value is read, with the expected meaning."""

import re
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.parsing.values import (
    did_you_mean,
    is_a_slip,
    nearest,
    read_instant,
    read_seconds,
    read_text,
    read_uuid,
    read_whole_number,
)

pytestmark = pytest.mark.pure

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIELDS = ["localId", "itemId", "quantity", "occurredAt", "reference", "note"]


def days_since_1970(year: int, month: int, day: int) -> int:
    """Howard Hinnant's algorithm (days_from_civil), an oracle independent of `datetime`."""
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@given(
    moment=st.datetimes(datetime(1900, 1, 2), datetime(2200, 1, 1)),  # noqa: DTZ001
    digits=st.integers(0, 9),
    offset=st.integers(-23 * 60, 23 * 60),
    marks=st.sampled_from(["T", "t", " "]),
    point=st.sampled_from([".", ","]),
    zone=st.sampled_from(["", "[Asia/Seoul]", "[Europe/Zurich][u-ca=iso8601]", "[+09:00]"]),
    spaced=st.booleans(),
)
def test_instants_are_read_as_by_another_reader(
    moment: datetime, digits: int, offset: int, marks: str, point: str, zone: str, *, spaced: bool
) -> None:
    fraction = f"{moment.microsecond:06}000"[:digits]
    sign = "-" if offset < 0 else "+"
    hours, minutes = divmod(abs(offset), 60)
    text = (
        f"{moment:%Y-%m-%d}{marks}{moment:%H:%M:%S}{point + fraction if fraction else ''}"
        f"{' ' if spaced else ''}{sign}{hours:02}:{minutes:02}{zone}"
    )
    seconds = (
        days_since_1970(moment.year, moment.month, moment.day) * 86_400
        + moment.hour * 3_600
        + moment.minute * 60
        + moment.second
        - offset * 60
    )
    micros = int(Fraction(int(fraction or 0), 10 ** len(fraction)) * 1_000_000)
    assert read_instant(text) == EPOCH + timedelta(seconds=seconds, microseconds=micros)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-01-08t09:14:03z", "2026-01-08T09:14:03+00:00"),
        ("2026-12-31T23:59:60Z", "2027-01-01T00:00:00+00:00"),
        ("2026-12-31T15:59:60.5-08:00", "2027-01-01T00:00:00.500000+00:00"),
        ("2026-01-08T24:00:00+09:00", "2026-01-08T15:00:00+00:00"),
        ("2026-01-08T24:00Z", "2026-01-09T00:00:00+00:00"),
        ("2026-01-08 09:14:03 +0900", "2026-01-08T00:14:03+00:00"),
        ("2026-01-08T09:14:03\u221205:00", "2026-01-08T14:14:03+00:00"),
        ("20260108T091403Z", "2026-01-08T09:14:03+00:00"),
        ("2026-01-08T09:14:03.123456789Z", "2026-01-08T09:14:03.123456+00:00"),
        ("2026-01-08T09:14:03z[UTC]", "2026-01-08T09:14:03+00:00"),
    ],
)
def test_rare_spellings_of_instants(text: str, read: str) -> None:
    assert read_instant(text) == datetime.fromisoformat(read)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-01-08",
        "2026-01-08T09:14:03",
        "0001-01-01T00:00:00+09:00",
        "+020260-01-08T09:14:03Z",
        "2026-01-08T24:00:01Z",
        "2026-01-08T12:30:60Z",
        "2026-02-30T09:14:03Z",
        "9999-12-31T24:00:00Z",
        "9999-12-31T23:59:59-14:00",
        1767830043,
        None,
        True,
    ],
)
def test_what_is_no_instant_is_told(text: object) -> None:
    with pytest.raises(ValueError, match=r"must|lies"):
        read_instant(text)


@given(st.uuids())
def test_uuids_in_any_form(uuid: UUID) -> None:
    for text in (str(uuid), uuid.hex, f"{{{uuid}}}", uuid.urn, f" {uuid} ", str(uuid).upper()):
        assert read_uuid(text) == uuid


@pytest.mark.parametrize("text", ["", "7", "6f1c2f0e8c434a57-9d0b5a8d2f9a3b01", 7, None, "g" * 32])
def test_what_is_no_uuid_is_told(text: object) -> None:
    with pytest.raises(ValueError, match="must be a UUID"):
        read_uuid(text)


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_whole_numbers_in_any_spelling(number: int) -> None:
    assert read_whole_number(number) == read_whole_number(float(number)) == number


@pytest.mark.parametrize("value", [1.5, "24", True, None, float("nan"), float("inf"), [1]])
def test_what_is_no_whole_number_is_told(value: object) -> None:
    with pytest.raises(ValueError, match="must be a whole number"):
        read_whole_number(value)


def test_seconds_and_texts() -> None:
    assert read_seconds(2.5) == timedelta(seconds=2.5)
    assert (read_text("a"), read_text(1182)) == ("a", "1182")
    for value in (True, float("nan"), "3", 1e300):
        with pytest.raises(ValueError, match=r"must|large"):
            read_seconds(value)
    things: list[object] = [True, float("inf"), [], {}]
    for thing in things:
        with pytest.raises(ValueError, match="must be a text"):
            read_text(thing)


def edits(name: str) -> set[str]:
    """All names at edit distance 1, by the definition."""
    places = range(len(name) + 1)
    letters = "aBx_"
    return {
        *(name[:n] + name[n + 1 :] for n in places[:-1]),
        *(name[:n] + letter + name[n:] for n in places for letter in letters),
        *(name[:n] + letter + name[n + 1 :] for n in places[:-1] for letter in letters),
        *(name[:n] + name[n + 1] + name[n] + name[n + 2 :] for n in places[:-2]),
    } - {name}


@pytest.mark.parametrize("name", FIELDS)
def test_slips_are_one_letter_away(name: str) -> None:
    for slip in edits(name):
        assert is_a_slip(slip, [name]), slip
        for further in sorted(edits(slip))[::7]:
            assert is_a_slip(further, [name]) == (further in edits(name)), further


def test_nearest_name_is_named() -> None:
    assert nearest("refrence", FIELDS) == "reference"
    assert nearest("occurred-at", FIELDS) == "occurredAt"
    assert nearest("colour", FIELDS) is None
    assert did_you_mean("colour", ["b", "a"]) == "; known are a, b"
    assert re.search("did you mean quantity", did_you_mean("qty_", [*FIELDS, "qty"])) is None


def test_offsets_of_whole_days_are_none() -> None:
    with pytest.raises(ValueError, match="must be"):
        read_instant("2026-01-08T09:14:03+24:00")
    fixed = timezone(timedelta(hours=14))
    assert read_instant(datetime(2026, 1, 8, tzinfo=fixed).isoformat()).hour == 10
