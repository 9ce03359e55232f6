"""Lists a page at a time: a cursor is opaque, and names the last row of the page before."""

import base64
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, TypeVar

import msgspec
from pydantic import AfterValidator, BaseModel, Field

from domain.errors import Invalid
from domain.labels import kept_form
from domain.limits import MAX_QUANTITY, MAX_TEXT_LENGTH
from interface.api.schemas.base import QueryInstant

MAX_ROWS_PER_PAGE: Final = 1_000

Limit = Annotated[int, Field(ge=1, le=MAX_ROWS_PER_PAGE, description="Rows a page.")]
Cursor = Annotated[str | None, Field(max_length=2_000, description="`nextCursor` of a page.")]

WantedText = Annotated[str | None, Field(max_length=MAX_TEXT_LENGTH, pattern=r"^[^\x00]*$")]
"""What a column is compared with. No database has a NUL to compare."""

WantedLabel = Annotated[WantedText, AfterValidator(lambda text: text and kept_form(text))]
"""A label that a column is compared with, in the form in which it is kept."""

KeyText = Annotated[str, msgspec.Meta(pattern=r"^[^\x00]*$")]
"""A part of the key of a list."""

Position = Annotated[int, msgspec.Meta(ge=0, le=MAX_QUANTITY)]
"""The key of a list that is ordered by the ledger's positions."""


Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]
"""The key of a list that is ordered by time: since 1970, up to the last year that can be stored."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_milliseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def from_milliseconds(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


class Timeline(BaseModel):
    """What is asked of a list of what happened."""

    recorded_from: Annotated[
        QueryInstant | None, Field(alias="from", description="Recorded then or later.")
    ] = None
    recorded_to: Annotated[
        QueryInstant | None, Field(alias="to", description="Recorded before then.")
    ] = None
    limit: Limit = 100
    cursor: Cursor = None


Row = TypeVar("Row")
Key = TypeVar("Key")


def cursor_for(rows: Sequence[Row], limit: int, key: Callable[[Row], Any]) -> str | None:
    """The cursor behind a full page; None behind the last one."""
    if len(rows) < limit:
        return None
    return base64.urlsafe_b64encode(msgspec.json.encode(key(rows[-1]))).decode()


def parse_cursor(cursor: str | None, type: type[Key]) -> Key | None:
    """The key in a cursor. Raises Invalid."""
    if cursor is None:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=type)
    except ValueError as error:
        raise Invalid("cursor", "is not one that this list has given") from error
