"""Reading JSON that clients wrote: strict as JSON, lenient where one element would fail them all.

A number beyond what a machine holds, or half a surrogate pair in a text, is still JSON. It must not
keep the rest of a batch from being recorded, so it is left to the element's own check.
"""

import json
from http import HTTPStatus
from typing import Annotated, Any, Final, NamedTuple, NoReturn

import msgspec
from fastapi import Depends, Request

from interface.api.dependencies import Configured
from interface.api.problems import RequestProblem

LONGEST_INTEGER: Final = 20
"""Digits. A longer number is out of every bound of the API, whatever it is."""


async def _bytes(request: Request) -> bytes:
    return await request.body()


Body = Annotated[bytes, Depends(_bytes)]


def _json(body: Body) -> Any:
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return _lenient(body)


class Batch(NamedTuple):
    """A batch as it was sent, each of its parts still to be judged."""

    transactions: list[Any]
    after: object
    """None where the sender wants no changes."""
    limit: object


def _batch(body: Body, settings: Configured) -> Batch:
    envelope = _json(body)
    if not isinstance(envelope, dict) or not isinstance(envelope.get("transactions"), list):
        raise _malformed('the body must be an object with a list "transactions"')
    transactions: list[Any] = envelope["transactions"]
    if len(transactions) > settings.max_batch:
        raise RequestProblem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "BATCH_TOO_LARGE",
            f"a batch holds at most {settings.max_batch} transactions: send it in parts",
            limit=settings.max_batch,
            sent=len(transactions),
        )
    return Batch(transactions, envelope.get("after"), envelope.get("limit"))


JSONBody = Annotated[Any, Depends(_json)]
"""The body, decoded. Whatever is not JSON is answered with MALFORMED_BODY."""

SentBatch = Annotated[Batch, Depends(_batch)]


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
