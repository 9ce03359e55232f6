"""Problem details for errors (RFC 9457). The table STATUS gives the status of each rejection."""

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
from application.persistence.errors import ReadCancelled, StoreUnavailable
from application.recording.group_commit import Overloaded
from application.server_clock import ClockStepped
from domain import errors as rejections
from domain.errors import Detail, Rejection
from interface.api.codes import STATUS, ProblemCode
from interface.api.validation import invalid

RETRY_AFTER_SECONDS: Final = 1

_LOG = logging.getLogger("stockledger")


class _Unavailable(NamedTuple):
    """The answer to a temporary error, with status 503."""

    code: str
    message: str | None
    """None for the message of the error itself."""
    retry_after: int
    """Seconds."""
    log_level: int | None
    """None if the error is not logged."""


UNAVAILABLE: Final[Mapping[type[Exception], _Unavailable]] = {
    StoreUnavailable: _Unavailable(
        "STORE_UNAVAILABLE",
        "the database is unreachable: send this again, each transaction is recorded only once",
        retry_after=RETRY_AFTER_SECONDS,
        log_level=logging.WARNING,
    ),
    ReadCancelled: _Unavailable(
        "READ_TIMED_OUT",
        "the read took too long: ask for less, with a filter or a shorter period",
        retry_after=5,
        log_level=None,
    ),
    ClockStepped: _Unavailable("CLOCK_STEPPED", None, retry_after=60, log_level=logging.ERROR),
    Overloaded: _Unavailable(
        "OVERLOADED",
        "too many transactions wait for a commit: send this again, each transaction is recorded "
        "only once",
        retry_after=RETRY_AFTER_SECONDS,
        log_level=None,
    ),
    IdentityProviderUnavailable: _Unavailable(
        "IDENTITY_PROVIDER_UNAVAILABLE",
        "the keys of the identity provider are unreachable, so tokens cannot be checked",
        retry_after=REFETCH_SECONDS,
        log_level=None,
    ),
}
"""Temporary errors, answered with 503 and Retry-After."""


class Problem(BaseModel):
    """An error (RFC 9457). Programs use the stable `code`; `title` and `detail` are for people."""

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
    """A request refused before its content is processed."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        *,
        retry_after: int | None = None,
        **details: Detail,
    ) -> None:
        """`retry_after`: seconds after which the same request may succeed, or None."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.details = details


def malformed_body(message: str, **details: Detail) -> RequestProblem:
    """Returns the problem of an unreadable body."""
    return RequestProblem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "MALFORMED_BODY", message, retry_after=None, **details
    )


class ProblemResponse(JSONResponse):
    """The response with a problem. Its code becomes the outcome in the access log."""

    media_type = "application/problem+json"

    def __init__(self, problem: Problem, headers: Mapping[str, str]) -> None:
        super().__init__(problem.model_dump(mode="json"), problem.status, headers)
        self._code = problem.code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["outcome"] = self._code
        await super().__call__(scope, receive, send)


def wire_details(details: Mapping[str, Detail]) -> dict[str, Detail]:
    """Converts the names of a rejection's details to camelCase."""
    return {to_camel(name): value for name, value in details.items()}


def install(app: FastAPI) -> None:
    """Registers the handlers that answer errors of endpoints with problems.

    Other errors pass on to RequestLogMiddleware.
    """
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
    """Describes the problems of an endpoint for the OpenAPI document. 503 is always included."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status.value: {"description": status.phrase, "content": content}
        for status in (*statuses, HTTPStatus.SERVICE_UNAVAILABLE)
    }


@singledispatch
def answer_to(error: Exception) -> ProblemResponse:
    """Converts an error to the problem for the client. Logs an unexpected error."""
    _LOG.error("a request failed", exc_info=error)
    return _problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "INTERNAL_ERROR",
        "internal error: the log of the server has the details",
    )


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
    # RFC 6750, section 3: no error code if the request has no credential.
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
        return answer_to(_json_error_at(str(error.body), first["loc"][-1], first["ctx"]["error"]))
    return answer_to(invalid(first))


@answer_to.register
def _unreadable_event(error: MapperDeserialisationError) -> ProblemResponse:
    _LOG.error("%s", error)
    return _problem(
        HTTPStatus.CONFLICT,
        rejections.LedgerDamaged.code,
        "a stored event that this depends on is unreadable: the ledger must be repaired first",
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
    if error.status_code == HTTPStatus.BAD_REQUEST:  # FastAPI's answer if json fails.
        reason = "it has bytes that are not text, or is nested too deeply"
        return answer_to(malformed_body(f"the body is not JSON: {reason}"))
    status = HTTPStatus(error.status_code)
    return _problem(status, status.name, str(error.detail), headers=error.headers)


def _json_error_at(body: str, place: int, reason: str) -> RequestProblem:
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
    retry_header = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    return ProblemResponse(problem, {**(headers or {}), **retry_header})
