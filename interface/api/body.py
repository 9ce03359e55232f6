"""Reading JSON that clients wrote: strict as JSON, lenient where one element would fail them all.

A number beyond what a machine holds, or half a surrogate pair in a text, is still JSON. It must not
keep the rest of a batch from being recorded, so it is left to the element's own check.
"""

import json
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final, NamedTuple, NoReturn, TypeVar

import msgspec
from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from application.batch import Batch, parse_batch
from interface.api.problems import RequestProblem

LONGEST_INTEGER: Final = 20
"""Digits. A longer number is out of every bound of the API, whatever it is."""

LARGE: Final = 32_768
"""Bytes. A body from this size on is read in a thread, so that others need not wait for it; the
trip there would cost more than reading a smaller one."""

Read = TypeVar("Read")


class SentBatch(NamedTuple):
    """A batch, and what its sender wants to be told besides, which is still to be judged."""

    batch: Batch
    after: object
    """None where the sender wants no changes."""
    limit: object


async def _read_json(request: Request) -> Any:
    return await _read(request, _json)


async def read_batch(request: Request, max_batch: int) -> SentBatch:
    """The batch in the body. Raises RequestProblem where it is none, or longer than `max_batch`."""
    return await _read(request, partial(_batch, max_batch=max_batch))


JSONBody = Annotated[Any, Depends(_read_json)]
"""The body, decoded. Whatever is not JSON is answered with MALFORMED_BODY."""


async def _read(request: Request, read: Callable[[bytes], Read]) -> Read:
    body = await request.body()
    return read(body) if len(body) < LARGE else await run_in_threadpool(read, body)


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return _lenient(body)


def _batch(body: bytes, max_batch: int) -> SentBatch:
    envelope = _json(body)
    if not isinstance(envelope, dict) or not isinstance(envelope.get("transactions"), list):
        raise _malformed('the body must be an object with a list "transactions"')
    elements: list[Any] = envelope["transactions"]
    if len(elements) > max_batch:
        raise RequestProblem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "BATCH_TOO_LARGE",
            f"a batch holds at most {max_batch} transactions: send it in parts",
            limit=max_batch,
            sent=len(elements),
        )
    return SentBatch(parse_batch(elements), envelope.get("after"), envelope.get("limit"))


def _lenient(body: bytes) -> Any:
    try:
        return json.loads(body, parse_int=_integer, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise _malformed("the body is not JSON") from error


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_INTEGER else float("inf")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _malformed(message: str) -> RequestProblem:
    return RequestProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "MALFORMED_BODY", message)
