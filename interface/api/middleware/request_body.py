"""Request bodies: decompressed, and bounded in size and time, before any other layer reads them."""

import asyncio
import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from application.access.principal import Principal
from domain.limits import printable
from interface.api.middleware.body_memory import BodyMemory, HeldBody
from interface.api.middleware.decompression import buffer_for, too_large
from interface.api.problems import RequestProblem

JSON_VALUES_PER_ELEMENT: Final = 64
SPARE_JSON_VALUES: Final = 100_000
"""JSON values, counted by commas, braces and brackets. A transaction has about ten, but the text
of its note may have many."""

FILE_PATHS: Final = frozenset({"/items/import"})
"""Paths that take a file. All others take JSON."""

_CSV_TYPES: Final = frozenset(
    {
        "text/csv",
        "text/tab-separated-values",
        "application/vnd.ms-excel",  # What browsers on Windows send for CSV.
        "application/octet-stream",
    }
)

_JSON: Final = re.compile(r"application/(?:[\w.-]+\+)?json", re.ASCII)


class ClientGone(Exception):
    """The client disconnected before its body was complete."""


class BodyMiddleware:
    """Buffers the whole body of a request and passes it on in one message.

    Args:
        app: the next layer.
        max_batch: transactions in a batch. Bounds the number of JSON values in a body before they
            are decoded, because a decoded value takes more memory than its bytes.
        max_bytes: bytes of one decompressed body. The limit is twice as much for the concurrent
            requests of one caller, and 16 times as much for all callers together.
        timeout_seconds: time for a body to arrive.
    """

    def __init__(
        self, app: ASGIApp, *, max_bytes: int, max_batch: int, timeout_seconds: int
    ) -> None:
        self._app = app
        self._max_values = JSON_VALUES_PER_ELEMENT * max_batch + SPARE_JSON_VALUES
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout_seconds
        self._held = BodyMemory(2 * max_bytes, 16 * max_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        principal: Principal | None = scope["state"].get("principal")
        if principal is None:
            _require_no_body(Headers(scope=scope))
            await self._app(scope, receive, send)
            return
        body = HeldBody(principal.limit_key, self._held)
        try:
            await self._serve(scope, receive, send, body)
        finally:
            body.release()

    async def _serve(self, scope: Scope, receive: Receive, send: Send, held: HeldBody) -> None:
        try:
            body = await self._read(scope, receive, held)
        except ClientGone:
            scope["state"]["outcome"] = "CLIENT_GONE"
            return
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_whole() -> Message:
            return pending.pop() if pending else await receive()

        await self._app(scope, receive_whole, send)

    async def _read(self, scope: Scope, receive: Receive, held: HeldBody) -> bytes:
        """Reads and checks the body. Raises ClientGone, RequestProblem."""
        headers = MutableHeaders(scope=scope)
        self._require_size(int(_content_length(headers)))
        buffer = buffer_for(headers, self._max_bytes)
        try:
            with held.arriving():
                async with asyncio.timeout(self._timeout_seconds):
                    async for chunk in _chunks(receive):
                        buffer.add(chunk)
                        held.grow_to(buffer.size)
        except TimeoutError as error:
            raise RequestProblem(
                HTTPStatus.REQUEST_TIMEOUT,
                "REQUEST_TIMEOUT",
                f"the body did not arrive within {self._timeout_seconds} s",
                retry_after=1,
            ) from error
        body = buffer.end()
        if body and scope["path"] in FILE_PATHS:
            _require_csv(headers)
        elif body:
            _require_json(headers)
            self._require_few_values(body)
        return body

    def _require_few_values(self, body: bytes) -> None:
        """Raises RequestProblem: too many JSON values.

        Counts these characters inside strings too: an upper bound is enough here.
        """
        values = body.count(b",") + body.count(b"{") + body.count(b"[")
        if values > self._max_values:
            raise RequestProblem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "BODY_TOO_LARGE",
                "the body has more objects, lists and values than a batch can have: send it in "
                "parts",
                limit=self._max_values,
            )

    def _require_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise too_large(self._max_bytes)


def _require_no_body(headers: Headers) -> None:
    """Raises RequestProblem: there is a body. Public paths accept none, and none is read."""
    if "Transfer-Encoding" in headers or _content_length(headers).strip("0"):
        raise RequestProblem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "BODY_TOO_LARGE",
            "this path accepts no body",
            limit=0,
        )


def _require_json(headers: Headers) -> None:
    """Raises RequestProblem: the body has another media type.

    A web page can send other types, such as text/plain, to another origin without a CORS preflight.
    """
    content_type = headers.get("Content-Type", "")
    if not is_json(content_type):
        raise _unsupported(_media_type(content_type), "application/json")


def is_json(content_type: str) -> bool:
    """Whether a Content-Type header names JSON."""
    return _JSON.fullmatch(_media_type(content_type)) is not None


def _require_csv(headers: Headers) -> None:
    """Raises RequestProblem: the body has another media type."""
    media_type = _media_type(headers.get("Content-Type", ""))
    if media_type not in _CSV_TYPES:
        raise _unsupported(media_type, "text/csv")


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _unsupported(media_type: str, wanted: str) -> RequestProblem:
    return RequestProblem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "UNSUPPORTED_MEDIA_TYPE",
        f"send the body with the header Content-Type: {wanted}"
        + (f", not {printable(media_type)[:100]}" if media_type else ""),
    )


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        yield message.get("body", b"")
        more = message.get("more_body", False)


def _content_length(headers: Headers) -> str:
    length = headers.get("Content-Length", "")
    return length if length.isascii() and length.isdigit() else "0"
