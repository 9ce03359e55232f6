"""Round trips of cursors, bookmarks and other texts that clients send back."""

import gzip
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from application.access.key_format import mint, read_id
from application.following.changes import Bookmark
from domain.errors import Invalid
from domain.quantities import MAX_QUANTITY
from interface.api.middleware.request_body import BodyMiddleware
from interface.api.schemas.paging import (
    KeyText,
    Milliseconds,
    Position,
    cursor_for,
    from_milliseconds,
    parse_cursor,
    to_milliseconds,
)
from tests.support.access import DEVICE
from tests.support.coroutines import run

pytestmark = pytest.mark.pure

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=50)
POSITIONS = st.integers(0, MAX_QUANTITY)
INSTANTS = st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- naive by contract


@given(TEXTS, TEXTS, TEXTS, st.uuids())
def test_cursor_of_the_stock_list(after: str, location: str, sku: str, item_id: UUID) -> None:
    key = (after, location, sku, item_id)
    cursor = cursor_for([key], 1, lambda row: row)
    assert parse_cursor(cursor, tuple[KeyText, KeyText, KeyText, UUID]) == key


@given(POSITIONS, st.uuids(), INSTANTS)
def test_cursors_of_positions_ids_and_times(position: int, id: UUID, instant: datetime) -> None:
    assert parse_cursor(cursor_for([position], 1, lambda row: row), Position) == position
    assert parse_cursor(cursor_for([id], 1, lambda row: row), UUID) == id
    whole = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    cursor = cursor_for([(to_milliseconds(whole), id)], 1, lambda row: row)
    found = parse_cursor(cursor, tuple[Milliseconds, UUID])
    assert found is not None
    assert (from_milliseconds(found[0]), found[1]) == (whole, id)


@given(st.text(max_size=30))
def test_other_texts_are_no_cursor(text: str) -> None:
    with suppress(Invalid):
        found = parse_cursor(text, Position)
        assert found is not None
        assert 0 <= found <= MAX_QUANTITY


@given(st.integers(1, MAX_QUANTITY), st.binary(min_size=6, max_size=6))
def test_bookmarks(position: int, mark: bytes) -> None:
    bookmark = Bookmark(position, mark.hex())
    assert Bookmark.parse(str(bookmark)) == bookmark


@given(st.integers(0, 53), st.sampled_from("0aZ_-"))
def test_keys(place: int, letter: str) -> None:
    minted = mint()
    assert read_id(minted.key) == minted.key_id
    other = minted.key[:place] + letter + minted.key[place + 1 :]
    assert (read_id(other) == minted.key_id) == (other == minted.key)


def received(body: bytes, cuts: list[int], headers: dict[str, str]) -> bytes:
    """The body that the endpoint reads, when it arrives in these chunks."""
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    chunks = [body[start:end] for start, end in pairwise(places)] or [b""]
    messages: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
        for number, chunk in enumerate(chunks, 1)
    ]
    got = b""

    async def receive() -> Message:
        return messages.pop(0)

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal got
        message = await receive()
        assert not message["more_body"]
        got = message["body"]

    scope: dict[str, Any] = {
        "type": "http",
        "path": "/sync/transactions",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "state": {"principal": DEVICE},
    }
    door = BodyMiddleware(endpoint, max_bytes=100_000, max_batch=1_000, timeout_seconds=9)
    unused: Any = None
    run(door(scope, receive, unused))
    return got


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.lists(st.integers(0, 999)))
def test_gzip_in_any_members_and_chunks(parts: list[bytes], cuts: list[int]) -> None:
    body, json_type = b"".join(parts), {"Content-Type": "application/json"}
    packed = b"".join(map(gzip.compress, parts))
    assert received(packed, cuts, json_type | {"Content-Encoding": "gzip"}) == body
    assert received(body, cuts, json_type) == body
