"""Request bodies: decompressed, and bounded in size and time, before any other layer reads them."""

import asyncio
import re
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from application.access.principal import Principal
from domain.limits import printable
from interface.api.problems import RequestProblem

RETRY_AFTER_SECONDS: Final = 1

MAX_ARRIVING_BODIES: Final = 32
"""Bodies that one caller may send at the same time."""

JSON_VALUES_PER_ELEMENT: Final = 64
SPARE_JSON_VALUES: Final = 100_000
"""JSON values, counted by commas, braces and brackets. A transaction has about ten, but the text
of its note may have many."""

_JSON: Final = re.compile(r"application/(?:[\w.-]+\+)?json", re.ASCII)

_GZIP: Final = 16 + zlib.MAX_WBITS
_GZIP_NAMES: Final = frozenset({"gzip", "x-gzip"})

MAX_GZIP_MEMBERS: Final = 1_000
"""Members of a gzip body (RFC 1952). Even an empty one costs time."""


class ClientGone(Exception):
    """The client disconnected before its body was complete."""


class HeldBytes:
    """Accounts for request bodies: bytes in memory, per caller and in total, and bodies in transit.

    Args:
        of_a_caller: bytes that one caller may hold.
        of_all: bytes that all callers together may hold.
    """

    def __init__(self, of_a_caller: int, of_all: int) -> None:
        self._of_a_caller = of_a_caller
        self._of_all = of_all
        self._held: Counter[str] = Counter()
        self._arriving: Counter[str] = Counter()

    @contextmanager
    def arriving(self, who: str) -> Iterator[None]:
        """Counts a body in transit. Raises RequestProblem: the caller has too many."""
        if self._arriving[who] >= MAX_ARRIVING_BODIES:
            raise RequestProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "RATE_LIMITED",
                f"you are already sending {MAX_ARRIVING_BODIES} bodies: send this one later",
                retry_after=RETRY_AFTER_SECONDS,
            )
        self._arriving[who] += 1
        try:
            yield
        finally:
            self._arriving[who] -= 1
            if not self._arriving[who]:
                del self._arriving[who]

    def grow(self, who: str, size: int) -> None:
        """Adds bytes to a caller's account. Raises RequestProblem: a limit is exceeded."""
        self._held[who] += size
        if self._held[who] > self._of_a_caller:
            raise RequestProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "RATE_LIMITED",
                f"you are sending more than {self._of_a_caller} bytes at once",
                retry_after=RETRY_AFTER_SECONDS,
            )
        if self._held.total() > self._of_all:
            raise RequestProblem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "OVERLOADED",
                "too many bodies are in memory: this request was not recorded, send it again",
                retry_after=RETRY_AFTER_SECONDS,
            )

    def shrink(self, who: str, size: int) -> None:
        """Takes bytes off a caller's account."""
        self._held[who] -= size
        if not self._held[who]:
            del self._held[who]


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
        self._held = HeldBytes(2 * max_bytes, 16 * max_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        principal: Principal | None = scope["state"].get("principal")
        if principal is None:
            _require_no_body(Headers(scope=scope))
            await self._app(scope, receive, send)
            return
        body = _HeldBody(principal.limit_key, self._held)
        try:
            await self._serve(scope, receive, send, body)
        finally:
            body.release()

    async def _serve(self, scope: Scope, receive: Receive, send: Send, held: "_HeldBody") -> None:
        try:
            body = await self._read(scope, receive, held)
        except ClientGone:
            scope["state"]["outcome"] = "CLIENT_GONE"
            return
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_whole() -> Message:
            return pending.pop() if pending else await receive()

        await self._app(scope, receive_whole, send)

    async def _read(self, scope: Scope, receive: Receive, held: "_HeldBody") -> bytes:
        """Reads and checks the body. Raises ClientGone, RequestProblem."""
        headers = MutableHeaders(scope=scope)
        self._require_size(int(_content_length(headers)))
        buffer = self._buffer_for(headers)
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
        if body:
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

    def _buffer_for(self, headers: MutableHeaders) -> "_PlainBuffer":
        encoding = headers.get("Content-Encoding", "identity").strip().lower()
        if encoding == "identity":
            return _PlainBuffer(self._max_bytes)
        if encoding in _GZIP_NAMES:
            del headers["Content-Encoding"]
            return _GzipBuffer(self._max_bytes)
        raise RequestProblem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_ENCODING",
            "a body must be plain or compressed with gzip",
        )

    def _require_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise _too_large(self._max_bytes)


class _HeldBody:
    """The bytes that one request holds, as part of the account of its caller."""

    def __init__(self, who: str, held: HeldBytes) -> None:
        self._who = who
        self._held = held
        self._size = 0

    def arriving(self) -> AbstractContextManager[None]:
        """Counts the body as in transit. Raises RequestProblem: the caller has too many."""
        return self._held.arriving(self._who)

    def grow_to(self, size: int) -> None:
        """Sets the size of the body. Raises RequestProblem: a limit is exceeded."""
        growth, self._size = size - self._size, size
        self._held.grow(self._who, growth)

    def release(self) -> None:
        self._held.shrink(self._who, self._size)


class _PlainBuffer:
    """The buffer of an uncompressed body, up to a limit."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    def add(self, chunk: bytes) -> None:
        self._buffer += chunk
        if len(self._buffer) > self._max_bytes:
            raise _too_large(self._max_bytes)

    @property
    def size(self) -> int:
        return len(self._buffer)

    def end(self) -> bytes:
        return bytes(self._buffer)


class _GzipBuffer(_PlainBuffer):
    """The buffer of a gzip body, decompressed as it arrives, never beyond the limit."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes)
        self._decompressor = zlib.decompressobj(_GZIP)
        self._members = 1

    def add(self, chunk: bytes) -> None:
        rest = chunk
        while rest:
            if self._decompressor.eof:
                rest = rest.lstrip(b"\0")  # gzip may pad the end of a file with zeros.
                if not rest:
                    return
                self._begin_member()
            rest = self._decompress(rest)

    def _decompress(self, packed: bytes) -> bytes:
        """Returns the bytes after a member. Raises RequestProblem: not gzip, or too large."""
        room = self._max_bytes - len(self._buffer) + 1
        try:
            super().add(self._decompressor.decompress(packed, room))
        except zlib.error as error:
            raise _not_gzip() from error
        return self._decompressor.unused_data

    def _begin_member(self) -> None:
        self._members += 1
        if self._members > MAX_GZIP_MEMBERS:
            raise _not_gzip()
        self._decompressor = zlib.decompressobj(_GZIP)

    def end(self) -> bytes:
        if not self._decompressor.eof:
            raise _not_gzip()
        return super().end()


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
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not _JSON.fullmatch(media_type):
        raise RequestProblem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            "send the body with the header Content-Type: application/json"
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


def _too_large(limit: int) -> RequestProblem:
    return RequestProblem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "BODY_TOO_LARGE",
        f"a body may have at most {limit} bytes uncompressed: send the batch in parts",
        limit=limit,
    )


def _not_gzip() -> RequestProblem:
    return RequestProblem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "MALFORMED_BODY",
        f"the body is not complete gzip, or has more than {MAX_GZIP_MEMBERS} members",
    )
