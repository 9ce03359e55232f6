"""Exports over HTTP: a whole list as CSV or NDJSON, if the client asks for it (RFC 9110, 12.5)."""

import logging
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Response
from fastapi.responses import StreamingResponse

from application.files.exports import Export, ListName
from application.files.formats import CHUNKS, Format
from application.persistence.errors import ReadCancelled, StoreUnavailable
from domain.errors import Invalid
from interface.api.problems import ProblemResponse, RequestProblem, answer_to
from interface.api.read_slots import read_in_slot

CSV: Final = "text/csv"
NDJSON: Final = "application/x-ndjson"

_FORMATS: Final = {
    CSV: Format.CSV,
    NDJSON: Format.NDJSON,
    "application/ndjson": Format.NDJSON,
    "application/jsonl": Format.NDJSON,
}

_CONTENT_TYPES: Final = {Format.CSV: f"{CSV}; charset=utf-8; header=present", Format.NDJSON: NDJSON}

EXPORTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {media_type: {"schema": {"type": "string"}} for media_type in (CSV, NDJSON)},
        "description": "A page. As CSV or NDJSON: the whole list, without `limit` and `cursor`.",
    }
}
"""The description of a list's answer."""


_VARY: Final = {"Vary": "Accept"}
"""Tells caches that one URL has answers in several formats."""

_LOG = logging.getLogger("stockledger")


class ExportBroken(Exception):
    """An export ended in the middle. Its answer has begun, so it can be no problem: the connection
    ends without the last chunk, and the client learns from it that the file is not whole."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause) or type(cause).__name__)
        self.cause = cause


@answer_to.register
def _export_broken(error: ExportBroken) -> ProblemResponse:
    _LOG.warning("an export was broken off: %s", error)
    return answer_to(error.cause)


async def _accepted(request: Request, response: Response) -> Format | None:
    response.headers.update(_VARY)
    return accepted_format(", ".join(request.headers.getlist("Accept")))


AcceptedFormat = Annotated[Format | None, Depends(_accepted)]
"""The format in which the client wants the whole list; None for a page of JSON."""


def accepted_format(accept: str) -> Format | None:
    """Returns the format of an Accept header: the media type with the highest weight. None for
    JSON, and for anything that is not known."""
    best, best_weight = None, 0.0
    for media_range in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in media_range.split(";"))
        weight = _weight(parameters)
        is_known = media_type in _FORMATS or media_type in {"application/json", "*/*"}
        if is_known and weight > best_weight:
            best, best_weight = _FORMATS.get(media_type), weight
    return best


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0
    return 1


def exported(
    request: Request, name: ListName, export: Export, format: Format, cursor: str | None
) -> StreamingResponse:
    """Returns the whole list as a file. Reads its first page at once, so that a refusal is a
    problem, not a broken file. Call it in a read slot; each further page takes one of its own.

    Raises:
        Invalid: there is a cursor.
    """
    if cursor is not None:
        raise Invalid("cursor", f"is for pages: as {format.value}, the list comes as a whole")
    chunks = CHUNKS[format](export)
    first = list(islice(chunks, 2))
    return StreamingResponse(
        _stream(request, first, chunks),
        media_type=_CONTENT_TYPES[format],
        headers={
            "Content-Disposition": f'attachment; filename="{name.value}.{format.value}"',
            **_VARY,
        },
    )


async def _stream(
    request: Request, first: list[bytes], rest: Iterator[bytes]
) -> AsyncIterator[bytes]:
    """Yields the chunks. Raises ExportBroken: the rest can't be read."""
    for chunk in first:
        yield chunk
    try:
        while (found := await read_in_slot(request, next, rest, None)) is not None:
            yield found
    except (ReadCancelled, RequestProblem, StoreUnavailable) as error:
        if await request.is_disconnected():
            request.state.outcome = "CLIENT_GONE"
            return
        request.state.outcome = "BROKEN_OFF"
        raise ExportBroken(error) from error
