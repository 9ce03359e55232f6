"""Lenient decoding of JSON bodies: one bad element must not fail the whole batch.

An invalid byte, a NaN, an oversized number or half a surrogate pair must not keep the other
elements from being recorded. The check of each element deals with them.
"""

import json
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final, Generic, NamedTuple, TypeVar

import msgspec
from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from application.access.principal import Principal
from application.parsing.batch import Arrival, Batch, batch_of_plain, parse_batch
from application.parsing.fields import ElementFields, FieldNames, FieldWarning
from application.parsing.plain import PlainElement, read_plain
from application.parsing.values import read_instant
from domain.errors import Rejection
from interface.api.problems import RequestProblem, malformed_body
from interface.composition import Services

MAX_INTEGER_DIGITS: Final = 20
"""Digits of an integer. A longer one exceeds every bound of the API."""

THREAD_FROM_BYTES: Final = 32_768
"""Bytes. A body of at least this size is decoded in a worker thread, so that other requests do not
wait. For a smaller body, the switch to a thread costs more than the decoding."""

BATCH: Final = FieldNames("a batch", ("transactions", "items", "after", "limit", "sent_at"))

Read = TypeVar("Read")


LARGE_FROM_BYTES: Final = 262_144
"""Bytes. The elements of a body of at least this size are decoded in parts, because other threads
wait while a part is decoded."""

ELEMENTS_PER_PART: Final = 500

Element = TypeVar("Element")


class _PlainBody(msgspec.Struct, Generic[Element], rename="camel", forbid_unknown_fields=True):
    """A body in its usual spelling, without items."""

    transactions: list[Element]
    sent_at: str | None = None
    after: str | None = None
    limit: int | None = None


_PLAIN_BODY: Final = msgspec.json.Decoder(_PlainBody[PlainElement])
_BODY_IN_PARTS: Final = msgspec.json.Decoder(_PlainBody[msgspec.Raw])
_PART: Final = msgspec.json.Decoder(list[PlainElement])


class SentBatch(NamedTuple):
    """A parsed batch, and the changes that its sender asks for. These are not validated yet."""

    batch: Batch
    warnings: list[FieldWarning]
    """About ignored fields of the batch itself, not of its elements."""
    after: object
    """None if the sender asks for no changes."""
    limit: object


async def read_json(request: Request) -> Any:
    """Returns the decoded body. Raises RequestProblem: it is not JSON."""
    return await _read_body(request, _decode_json)


async def read_batch(request: Request) -> SentBatch:
    """Reads the batch in the body. Raises RequestProblem: it is not a batch, or it is too long."""
    return await _read_body(request, partial(_parse_body, request))


def arrival(request: Request, sent_at: datetime | None = None) -> Arrival:
    """Returns the arrival of a request, at the moment when its headers were complete.

    The body may arrive later.
    """
    services: Services = request.app.state.services
    principal: Principal = request.state.principal
    elapsed = timedelta(seconds=time.perf_counter() - request.state.started)
    return Arrival(services.clock() - elapsed, sent_at, principal.device)


JSONBody = Annotated[Any, Depends(read_json)]
"""The decoded body. A body that is not JSON is answered with MALFORMED_BODY."""


async def _read_body(request: Request, read: Callable[[bytes], Read]) -> Read:
    body = await request.body()
    return read(body) if len(body) < THREAD_FROM_BYTES else await run_in_threadpool(read, body)


def _decode_json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return _decode_leniently(body)


def _parse_body(request: Request, body: bytes) -> SentBatch:
    try:
        return _parse_plain_body(request, body)
    except (ValueError, RecursionError, Rejection):
        return _parse_any_body(request, body)


def _parse_plain_body(request: Request, body: bytes) -> SentBatch:
    """Parses a body in its usual spelling. Raises ValueError, RecursionError, Rejection: it is
    not."""
    sent = _decode_plain(body)
    services: Services = request.app.state.services
    _require_size(sent.transactions, (), services.settings.max_batch)
    sent_at = None if sent.sent_at is None else read_instant(sent.sent_at)
    read = read_plain(sent.transactions)
    is_corrected = bool(read.ages) or sent_at is not None
    came = arrival(request, sent_at) if is_corrected else None
    batch = batch_of_plain(sent.transactions, read, came)
    return SentBatch(batch, [], sent.after, sent.limit)


def _decode_plain(body: bytes) -> _PlainBody[PlainElement]:
    """Decodes a body in its usual spelling. Raises ValueError, RecursionError: it is not."""
    if len(body) < LARGE_FROM_BYTES:
        return _PLAIN_BODY.decode(body)
    sent = _BODY_IN_PARTS.decode(body)
    elements: list[PlainElement] = []
    for start in range(0, len(sent.transactions), ELEMENTS_PER_PART):
        part = b",".join(sent.transactions[start : start + ELEMENTS_PER_PART])
        elements += _PART.decode(b"[" + part + b"]")
    return _PlainBody(elements, sent.sent_at, sent.after, sent.limit)


def _parse_any_body(request: Request, body: bytes) -> SentBatch:
    services: Services = request.app.state.services
    envelope = _decode_json(body)
    if not isinstance(envelope, dict):
        raise malformed_body('the body must be an object with a list "transactions"')
    fields = ElementFields(envelope, BATCH, must_be_json=False)
    elements, items = (_optional_list(fields, name) for name in ("transactions", "items"))
    if elements is None and items is None:
        raise malformed_body('the body must be an object with a list "transactions"')
    _require_size(elements or (), items or (), services.settings.max_batch)
    fields.warn_of_unknown()
    sent_at = fields.descriptive("sent_at", read_instant)
    batch = parse_batch(elements or (), arrival(request, sent_at), items or ())
    return SentBatch(batch, fields.warnings, fields.values.get("after"), fields.values.get("limit"))


def _optional_list(fields: ElementFields, name: str) -> list[Any] | None:
    """Returns None if the field is left out. Raises RequestProblem: it is not a list."""
    value = fields.values.get(name)
    if value is not None and not isinstance(value, list):
        raise malformed_body(f'the body must be an object with a list "{name}"')
    return value


def _require_size(elements: Sequence[Any], items: Sequence[Any], max_batch: int) -> None:
    """Raises RequestProblem: the batch is too long."""
    size = len(elements) + len(items) + sum(map(_number_of_codes, items))
    if size > max_batch:
        raise RequestProblem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "BATCH_TOO_LARGE",
            f"a batch may have at most {max_batch} transactions, items and codes: send it in parts",
            limit=max_batch,
            sent=size,
        )


def _number_of_codes(item: object) -> int:
    codes = item.get("codes") if isinstance(item, dict) else None
    return len(codes) if isinstance(codes, list) else 0


def _decode_leniently(body: bytes) -> Any:
    try:
        text = body.decode(json.detect_encoding(body), "surrogateescape")
        return json.loads(text, strict=False, parse_int=_parse_integer)
    except json.JSONDecodeError as error:
        raise malformed_body(
            f"the body is not JSON: line {error.lineno}, column {error.colno}: {error.msg}",
            line=error.lineno,
            column=error.colno,
            reason=error.msg,
        ) from error
    except (ValueError, RecursionError) as error:
        raise malformed_body("the body is not JSON, or is nested too deeply") from error


def _parse_integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_INTEGER_DIGITS else float("inf")
