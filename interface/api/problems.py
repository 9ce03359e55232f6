"""Errors as problems (RFC 9457): one table says which status a rejection has."""

import logging
from collections.abc import Mapping
from functools import singledispatch
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from eventsourcing.persistence import MapperDeserialisationError
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from application.access.errors import Unauthenticated
from application.access.tokens import REFETCH_SECONDS, IdentityProviderUnavailable
from application.clock import ClockStepped
from application.persistence.errors import ReadCancelled, StoreUnavailable
from application.recording.group_commit import Overloaded
from domain import errors as rejections
from domain.errors import Detail, Rejection
from interface.api.codes import STATUS, ProblemCode
from interface.api.validation import invalid

RETRY_AFTER_SECONDS: Final = 1

_LOG = logging.getLogger("stockledger")


class _Unavailable(NamedTuple):
    """How an error is answered that passes by itself: with 503."""

    code: str
    message: str | None
    """None for the error's own."""
    retry_after: int
    """Seconds."""
    log_level: int | None
    """None where it is not logged."""


UNAVAILABLE: Final[Mapping[type[Exception], _Unavailable]] = {
    StoreUnavailable: _Unavailable(
        "STORE_UNAVAILABLE",
        "the database can't be reached now: send this again, what is recorded stays recorded once",
        retry_after=RETRY_AFTER_SECONDS,
        log_level=logging.WARNING,
    ),
    ReadCancelled: _Unavailable(
        "READ_TIMED_OUT",
        "this takes too long to read: ask for less, by a filter or a shorter time",
        retry_after=5,
        log_level=None,
    ),
    ClockStepped: _Unavailable("CLOCK_STEPPED", None, retry_after=60, log_level=logging.ERROR),
    Overloaded: _Unavailable(
        "OVERLOADED",
        "too much is waiting to be recorded: send this again, nothing of it was recorded",
        retry_after=RETRY_AFTER_SECONDS,
        log_level=None,
    ),
    IdentityProviderUnavailable: _Unavailable(
        "IDENTITY_PROVIDER_UNAVAILABLE",
        "the identity provider's keys can't be had now, so tokens can't be checked",
        retry_after=REFETCH_SECONDS,
        log_level=None,
    ),
}
"""Errors of the server that are answered with 503 and Retry-After."""


class Problem(BaseModel):
    """An error. `code` is for programs and stable; `title` and `detail` are for people."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Unprocessable Content",
                    "status": 422,
                    "code": "INVALID",
                    "detail": "localIds[1]: must be a UUID",
                    "retryable": False,
                    "details": {"field": "localIds[1]", "problem": "must be a UUID"},
                }
            ]
        }
    )

    type: str = "about:blank"
    title: str
    status: int
    code: ProblemCode
    detail: str
    retryable: bool = Field(default=False, description="The same request may succeed later.")
    details: dict[str, Any] = {}


class RequestProblem(Exception):
    """A request that is turned away before anybody looks at what it asks for."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        *,
        retry_after: int | None = None,
        **details: Detail,
    ) -> None:
        """`retry_after`: seconds after which the same request may succeed."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.details = details


def malformed_body(message: str, **details: Detail) -> RequestProblem:
    """The body can't be read at all."""
    return RequestProblem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "MALFORMED_BODY", message, retry_after=None, **details
    )


class ProblemResponse(JSONResponse):
    """A problem on the wire, whose code the request's log entry takes up."""

    media_type = "application/problem+json"

    def __init__(self, problem: Problem, headers: Mapping[str, str]) -> None:
        super().__init__(problem.model_dump(mode="json"), problem.status, headers)
        self._code = problem.code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["outcome"] = self._code
        await super().__call__(scope, receive, send)


def wire_details(details: Mapping[str, Detail]) -> dict[str, Detail]:
    """The details of a rejection in the words of the API."""
    return {to_camel(name): value for name, value in details.items()}


def install(app: FastAPI) -> None:
    """Makes every error of an endpoint a problem. What no handler knows passes on to the
    middleware that holds the request."""
    known = (
        Rejection,
        RequestProblem,
        RequestValidationError,
        MapperDeserialisationError,
        HTTPException,
        *UNAVAILABLE,
    )
    for error_type in known:
        app.add_exception_handler(error_type, lambda _, error: answer_to(error))


def documented(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """The problems that an endpoint may answer with, for the OpenAPI document."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status.value: {"description": status.phrase, "content": content}
        for status in (*statuses, HTTPStatus.SERVICE_UNAVAILABLE)
    }


@singledispatch
def answer_to(error: Exception) -> ProblemResponse:
    """The problem that an error is to the client."""
    _LOG.error("a request failed", exc_info=error)
    return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "the server has a fault")


@answer_to.register
def _rejection(error: Rejection) -> ProblemResponse:
    return _problem(
        STATUS[type(error)],
        error.code,
        error.message,
        wire_details(error.details),
        retry_after=RETRY_AFTER_SECONDS if error.retryable else None,
    )


@answer_to.register
def _unauthenticated(error: Unauthenticated) -> ProblemResponse:
    # RFC 6750, section 3: who showed no credential is not told of an error.
    challenge = "Bearer" if error.reason == "missing" else 'Bearer error="invalid_token"'
    return _problem(
        HTTPStatus.UNAUTHORIZED,
        "UNAUTHENTICATED",
        str(error),
        {"reason": error.reason},
        headers={"WWW-Authenticate": challenge},
    )


@answer_to.register
def _request_problem(error: RequestProblem) -> ProblemResponse:
    details = wire_details(error.details)
    return _problem(error.status, error.code, str(error), details, retry_after=error.retry_after)


@answer_to.register
def _validation_error(error: RequestValidationError) -> ProblemResponse:
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return answer_to(_malformed_at(str(error.body), first["loc"][-1], first["ctx"]["error"]))
    return answer_to(invalid(first))


@answer_to.register
def _unreadable_event(error: MapperDeserialisationError) -> ProblemResponse:
    _LOG.error("%s", error)
    return _problem(
        HTTPStatus.CONFLICT,
        rejections.LedgerDamaged.code,
        "an event can't be read that this depends on: the ledger must be repaired first",
    )


@answer_to.register(ReadCancelled)
@answer_to.register(ClockStepped)
@answer_to.register(Overloaded)
@answer_to.register(IdentityProviderUnavailable)
@answer_to.register(StoreUnavailable)
def _unavailable(error: Exception) -> ProblemResponse:
    kind = next(kind for kind in type(error).__mro__ if kind in UNAVAILABLE)
    row = UNAVAILABLE[kind]
    if row.log_level is not None:
        _LOG.log(row.log_level, "%s: %s", row.code, error)
    return _problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        row.code,
        row.message or str(error),
        retry_after=row.retry_after,
    )


@answer_to.register
def _http_exception(error: HTTPException) -> ProblemResponse:
    if error.status_code == HTTPStatus.BAD_REQUEST:  # FastAPI's word for what json can't read.
        reason = "it holds bytes that are no text, or is nested too deeply"
        return answer_to(malformed_body(f"the body is not JSON: {reason}"))
    status = HTTPStatus(error.status_code)
    return _problem(status, status.name, str(error.detail), headers=error.headers)


def _malformed_at(body: str, place: int, reason: str) -> RequestProblem:
    line = body.count("\n", 0, place) + 1
    column = place - body.rfind("\n", 0, place)
    return malformed_body(
        f"the body is not JSON: line {line}, column {column}: {reason}",
        line=line,
        column=column,
        reason=reason,
    )


def _problem(
    status: HTTPStatus,
    code: str,
    detail: str,
    details: Mapping[str, Any] | None = None,
    *,
    retry_after: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> ProblemResponse:
    problem = Problem(
        title=status.phrase,
        status=status,
        code=code,
        detail=detail,
        retryable=retry_after is not None,
        details=dict(details or {}),
    )
    waiting = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    return ProblemResponse(problem, {**(headers or {}), **waiting})
