"""Errors as problems (RFC 9457): one table says which status a rejection has."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from pydantic.alias_generators import to_camel
from starlette.exceptions import HTTPException

from application.persistence.port import StoreUnavailable
from domain import rejections
from domain.rejections import Detail, Rejection

STATUS: Final[Mapping[type[Rejection], HTTPStatus]] = {
    rejections.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    rejections.UnknownItem: HTTPStatus.NOT_FOUND,
    rejections.UnknownVersion: HTTPStatus.NOT_FOUND,
    rejections.ItemDiscontinued: HTTPStatus.CONFLICT,
    rejections.ItemDiffers: HTTPStatus.CONFLICT,
    rejections.InsufficientStock: HTTPStatus.CONFLICT,
    rejections.StockLimitExceeded: HTTPStatus.CONFLICT,
    rejections.LocalIdReused: HTTPStatus.CONFLICT,
    rejections.Conflict: HTTPStatus.CONFLICT,
}

RETRY_AFTER_SECONDS: Final = 1

_LOG = logging.getLogger("stockledger")


class Problem(BaseModel):
    """An error. `code` is for programs and stable; `title` and `detail` are for people."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    retryable: bool = Field(default=False, description="The same request may succeed later.")
    details: dict[str, Any] = {}


class RequestProblem(Exception):
    """A request that can't be read at all."""

    def __init__(self, status: HTTPStatus, code: str, message: str, **details: Detail) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details


def wire_details(details: Mapping[str, Detail]) -> dict[str, Detail]:
    """The details of a rejection in the words of the API."""
    return {to_camel(name): value for name, value in details.items()}


def install(app: FastAPI) -> None:
    """Makes every error that leaves the app a problem."""
    app.add_exception_handler(Rejection, _rejection)
    app.add_exception_handler(RequestProblem, _request_problem)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(StoreUnavailable, _store_unavailable)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(Exception, _internal_error)


def documented(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """The problems that an endpoint may answer with, for the OpenAPI document."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status.value: {"description": status.phrase, "content": content, "model": Problem}
        for status in (*statuses, HTTPStatus.SERVICE_UNAVAILABLE)
    }


def _rejection(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Rejection)  # noqa: S101 -- what it is registered for
    return _problem(
        STATUS[type(error)],
        error.code,
        error.message,
        wire_details(error.details),
        retryable=error.retryable,
    )


def _request_problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestProblem)  # noqa: S101
    return _problem(error.status, error.code, str(error), wire_details(error.details))


def _validation_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return _malformed_body()
    field = to_camel(str(first["loc"][-1]))
    message = first["msg"].removeprefix("Value error, ")
    return _problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "INVALID",
        f"{field}: {message}",
        {"field": field, "problem": message},
    )


def _store_unavailable(_: Request, error: Exception) -> JSONResponse:
    _LOG.warning("the database is unavailable: %s", error)
    return _problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "STORE_UNAVAILABLE",
        "the database can't be reached now: send this again, what is recorded stays recorded once",
        retryable=True,
    )


def _http_exception(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == HTTPStatus.BAD_REQUEST:  # FastAPI's word for bytes that are no text.
        return _malformed_body()
    status = HTTPStatus(error.status_code)
    return _problem(status, status.name, str(error.detail), headers=error.headers)


def _internal_error(_: Request, error: Exception) -> JSONResponse:
    _LOG.error("a request failed", exc_info=error)
    return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "the server has a fault")


def _malformed_body() -> JSONResponse:
    return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, "MALFORMED_BODY", "the body is not JSON")


def _problem(
    status: HTTPStatus,
    code: str,
    detail: str,
    details: Mapping[str, Any] | None = None,
    *,
    retryable: bool = False,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    problem = Problem(
        title=status.phrase,
        status=status,
        code=code,
        detail=detail,
        retryable=retryable,
        details=dict(details or {}),
    )
    retry_after = {"Retry-After": str(RETRY_AFTER_SECONDS)} if retryable else {}
    return JSONResponse(
        problem.model_dump(mode="json"),
        status_code=status,
        headers={**(headers or {}), **retry_after},
        media_type="application/problem+json",
    )
