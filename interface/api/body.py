"""Reading JSON that clients wrote: lenient where one element would fail them all.

One bad byte, a NaN, a number beyond what a machine holds or half a surrogate pair must not keep the
rest of a batch from being recorded, so these are left to the element's own check.
"""

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final, NamedTuple, TypeVar

import msgspec
from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from application.access.principal import Principal
from application.parsing.batch import Arrival, Batch, parse_batch
from application.parsing.fields import ElementFields, FieldNames, FieldWarning
from application.parsing.spellings import read_instant
from interface.api.problems import RequestProblem, malformed_body
from interface.composition import Services

MAX_INTEGER_DIGITS: Final = 20
"""Digits. A longer number is out of every bound of the API, whatever it is."""

THREAD_FROM_BYTES: Final = 32_768
"""Bytes. A body from this size on is read in a thread, so that others need not wait for it; the
trip there would cost more than reading a smaller one."""

BATCH: Final = FieldNames("a batch", ("transactions", "items", "after", "limit", "sent_at"))

Read = TypeVar("Read")


class SentBatch(NamedTuple):
    """A batch, and what its sender wants to be told besides, which is still to be decided."""

    batch: Batch
    warnings: list[FieldWarning]
    """What was passed over beside its elements."""
    after: object
    """None where the sender wants no changes."""
    limit: object


async def _read_json(request: Request) -> Any:
    return await _read(request, _json)


async def read_batch(request: Request) -> SentBatch:
    """The batch in the body. Raises RequestProblem where it is none, or too long."""
    return await _read(request, partial(_batch, request))


def arrival(request: Request, sent_at: datetime | None = None) -> Arrival:
    """When the request came: when its headers were complete, as a body may take a while."""
    services: Services = request.app.state.services
    principal: Principal = request.state.principal
    on_its_way = timedelta(seconds=time.perf_counter() - request.state.started)
    return Arrival(services.clock() - on_its_way, sent_at, principal.device)


JSONBody = Annotated[Any, Depends(_read_json)]
"""The body, decoded. Whatever is not JSON is answered with MALFORMED_BODY."""


async def _read(request: Request, read: Callable[[bytes], Read]) -> Read:
    body = await request.body()
    return read(body) if len(body) < THREAD_FROM_BYTES else await run_in_threadpool(read, body)


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return _lenient(body)


def _batch(request: Request, body: bytes) -> SentBatch:
    services: Services = request.app.state.services
    envelope = _json(body)
    if not isinstance(envelope, dict):
        raise malformed_body('the body must be an object with a list "transactions"')
    fields = ElementFields(envelope, BATCH, must_be_json=False)
    elements, items = (_list(fields, name) for name in ("transactions", "items"))
    if elements is None and items is None:
        raise malformed_body('the body must be an object with a list "transactions"')
    _require_size([*(elements or ()), *(items or ())], services.settings.max_batch)
    fields.warn_of_unknown()
    sent_at = fields.descriptive("sent_at", read_instant)
    batch = parse_batch(elements or (), arrival(request, sent_at), items or ())
    return SentBatch(batch, fields.warnings, fields.values.get("after"), fields.values.get("limit"))


def _list(fields: ElementFields, name: str) -> list[Any] | None:
    """None where it is left out. Raises RequestProblem."""
    value = fields.values.get(name)
    if value is not None and not isinstance(value, list):
        raise malformed_body(f'the body must be an object with a list "{name}"')
    return value


def _require_size(elements: list[Any], max_batch: int) -> None:
    """Raises RequestProblem."""
    if len(elements) > max_batch:
        raise RequestProblem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "BATCH_TOO_LARGE",
            f"a batch holds at most {max_batch} transactions and items: send it in parts",
            limit=max_batch,
            sent=len(elements),
        )


def _lenient(body: bytes) -> Any:
    try:
        text = body.decode(json.detect_encoding(body), "surrogateescape")
        return json.loads(text, strict=False, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise malformed_body(
            f"the body is not JSON: line {error.lineno}, column {error.colno}: {error.msg}",
            line=error.lineno,
            column=error.colno,
            reason=error.msg,
        ) from error
    except (ValueError, RecursionError) as error:
        raise malformed_body("the body is not JSON, or nested too deeply") from error


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_INTEGER_DIGITS else float("inf")
