"""Keyset pagination: an opaque cursor holds the key of the last row of the previous page."""

import base64
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, TypeVar

import msgspec
from pydantic import AfterValidator, BaseModel, Field

from domain.errors import Invalid
from domain.labels import kept_form
from domain.limits import MAX_TEXT_LENGTH
from domain.quantities import MAX_QUANTITY
from interface.api.schemas.base import QueryInstant

MAX_ROWS_PER_PAGE: Final = 1_000

Limit = Annotated[int, Field(ge=1, le=MAX_ROWS_PER_PAGE, description="Rows per page.")]
Cursor = Annotated[
    str | None, Field(max_length=2_000, description="`nextCursor` of the previous page.")
]

WantedText = Annotated[str | None, Field(max_length=MAX_TEXT_LENGTH, pattern=r"^[^\x00]*$")]
"""A text to filter a column by. NUL is refused, because no database can store it."""

WantedLabel = Annotated[WantedText, AfterValidator(lambda text: text and kept_form(text))]
"""A label to filter a column by, converted to its stored form."""

KeyText = Annotated[str, msgspec.Meta(pattern=r"^[^\x00]*$")]
"""A text in a list's key."""

Position = Annotated[int, msgspec.Meta(ge=0, le=MAX_QUANTITY)]
"""The key of a list ordered by position."""


Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]
"""The key of a list ordered by time: milliseconds since 1970, up to the end of the year 9999."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_milliseconds(instant: datetime) -> int:
    """Converts a time to milliseconds since 1970."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def from_milliseconds(milliseconds: int) -> datetime:
    """Converts milliseconds since 1970 to a time in UTC."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


class Timeline(BaseModel):
    """The common query parameters of lists ordered by time."""

    recorded_from: Annotated[
        QueryInstant | None, Field(alias="from", description="Recorded at this time or later.")
    ] = None
    recorded_to: Annotated[
        QueryInstant | None, Field(alias="to", description="Recorded before this time.")
    ] = None
    limit: Limit = 100
    cursor: Cursor = None


Row = TypeVar("Row")
Key = TypeVar("Key")


def cursor_for(rows: Sequence[Row], limit: int, key: Callable[[Row], Any]) -> str | None:
    """Returns the cursor of the next page, or None if this page is not full."""
    return None if len(rows) < limit else encode_cursor(key(rows[-1]))


def encode_cursor(key: object) -> str:
    """Returns the cursor of a key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode()


def parse_cursor(cursor: str | None, type: type[Key]) -> Key | None:
    """Decodes the key in a cursor. Raises Invalid: it is not a cursor of this list."""
    if cursor is None:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=type)
    except ValueError as error:
        raise Invalid("cursor", "is not a cursor of this list") from error
