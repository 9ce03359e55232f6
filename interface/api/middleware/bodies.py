"""Request bodies: unpacked, and bounded in size and time, before anything else sees them."""

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
"""Bodies of one caller that are on their way."""

JSON_VALUES_PER_ELEMENT: Final = 64
SPARE_JSON_VALUES: Final = 100_000
"""Commas, braces and brackets: a transaction has some ten, and its note may have many."""

_JSON: Final = re.compile(r"application/(?:[\w.-]+\+)?json", re.ASCII)

_GZIP: Final = 16 + zlib.MAX_WBITS
_GZIP_NAMES: Final = frozenset({"gzip", "x-gzip"})

MAX_GZIP_MEMBERS: Final = 1_000
"""Of a gzip body: each costs time, however small it is."""


class ClientGone(Exception):
    """The client hung up before its body was complete."""


class HeldBytes:
    """How much of bodies is in memory, of each caller and of all, and how many are on their way."""

    def __init__(self, of_a_caller: int, of_all: int) -> None:
        self._of_a_caller = of_a_caller
        self._of_all = of_all
        self._held: Counter[str] = Counter()
        self._arriving: Counter[str] = Counter()

    @contextmanager
    def arriving(self, who: str) -> Iterator[None]:
        """One more body of this caller, until the end of the block. Raises RequestProblem."""
        if self._arriving[who] >= MAX_ARRIVING_BODIES:
            raise RequestProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "RATE_LIMITED",
                f"{MAX_ARRIVING_BODIES} bodies of yours are on their way already",
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
        """Raises RequestProblem where it is too much."""
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
                "too much is being sent at once: send this again, nothing of it was recorded",
                retry_after=RETRY_AFTER_SECONDS,
            )

    def shrink(self, who: str, size: int) -> None:
        self._held[who] -= size
        if not self._held[who]:
            del self._held[who]


class BodyMiddleware:
    """Reads the body of a request whole, and hands it on in one piece.

    Args:
        app: what is behind it.
        max_batch: transactions in a batch; the objects, lists and values of a body are bounded by
            it before they are made, as each takes more memory than its bytes.
        max_bytes: in one body, unpacked. A caller may have twice as much in all requests at work,
            and all callers together 16 times.
        timeout_seconds: in which a body must have arrived.
    """

    def __init__(
        self, app: ASGIApp, *, max_bytes: int, max_batch: int, timeout_seconds: int
    ) -> None:
        self._app = app
        self._max_parts = JSON_VALUES_PER_ELEMENT * max_batch + SPARE_JSON_VALUES
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
        body = _Body(principal.limit_key, self._held)
        try:
            await self._serve(scope, receive, send, body)
        finally:
            body.release()

    async def _serve(self, scope: Scope, receive: Receive, send: Send, held: "_Body") -> None:
        try:
            body = await self._read(scope, receive, held)
        except ClientGone:
            scope["state"]["outcome"] = "CLIENT_GONE"
            return
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_whole() -> Message:
            return pending.pop() if pending else await receive()

        await self._app(scope, receive_whole, send)

    async def _read(self, scope: Scope, receive: Receive, held: "_Body") -> bytes:
        """Raises ClientGone, RequestProblem."""
        headers = MutableHeaders(scope=scope)
        self._require_size(int(_digits(headers)))
        gathered = self._unpacking(headers)
        try:
            with held.arriving():
                async with asyncio.timeout(self._timeout_seconds):
                    async for chunk in _chunks(receive):
                        gathered.add(chunk)
                        held.grow_to(gathered.size)
        except TimeoutError as error:
            raise RequestProblem(
                HTTPStatus.REQUEST_TIMEOUT,
                "REQUEST_TIMEOUT",
                f"the body did not arrive within {self._timeout_seconds} s",
                retry_after=1,
            ) from error
        body = gathered.end()
        if body:
            _require_json(headers)
            self._require_few_parts(body)
        return body

    def _require_few_parts(self, body: bytes) -> None:
        """Raises RequestProblem. Texts that are full of these signs count too, and don't matter."""
        parts = body.count(b",") + body.count(b"{") + body.count(b"[")
        if parts > self._max_parts:
            raise RequestProblem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "BODY_TOO_LARGE",
                "the body has more objects, lists and values than a batch can have: send it in "
                "parts",
                limit=self._max_parts,
            )

    def _unpacking(self, headers: MutableHeaders) -> "_Plain":
        encoding = headers.get("Content-Encoding", "identity").strip().lower()
        if encoding == "identity":
            return _Plain(self._max_bytes)
        if encoding in _GZIP_NAMES:
            del headers["Content-Encoding"]
            return _Gzip(self._max_bytes)
        raise RequestProblem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_ENCODING",
            "a body may be packed with gzip, and in no other way",
        )

    def _require_size(self, announced: int) -> None:
        if announced > self._max_bytes:
            raise _too_large(self._max_bytes)


class _Body:
    """What a request holds."""

    def __init__(self, who: str, held: HeldBytes) -> None:
        self._who = who
        self._held = held
        self._size = 0

    def arriving(self) -> AbstractContextManager[None]:
        """Raises RequestProblem where too many are."""
        return self._held.arriving(self._who)

    def grow_to(self, size: int) -> None:
        """Raises RequestProblem."""
        grown, self._size = size - self._size, size
        self._held.grow(self._who, grown)

    def release(self) -> None:
        self._held.shrink(self._who, self._size)


class _Plain:
    """A body as it is, up to a limit."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._gathered = bytearray()

    def add(self, chunk: bytes) -> None:
        self._gathered += chunk
        if len(self._gathered) > self._max_bytes:
            raise _too_large(self._max_bytes)

    @property
    def size(self) -> int:
        return len(self._gathered)

    def end(self) -> bytes:
        return bytes(self._gathered)


class _Gzip(_Plain):
    """A body unpacked as it comes, never further than to the limit."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes)
        self._unpacker = zlib.decompressobj(_GZIP)
        self._members = 1

    def add(self, chunk: bytes) -> None:
        rest = chunk
        while rest:
            if self._unpacker.eof:
                rest = rest.lstrip(b"\0")  # As gzip may fill up a block.
                if not rest:
                    return
                self._begin_member()
            rest = self._unpack(rest)

    def _unpack(self, packed: bytes) -> bytes:
        """What is left behind the end of a member. Raises RequestProblem."""
        room = self._max_bytes - len(self._gathered) + 1
        try:
            super().add(self._unpacker.decompress(packed, room))
        except zlib.error as error:
            raise _not_gzip() from error
        return self._unpacker.unused_data

    def _begin_member(self) -> None:
        self._members += 1
        if self._members > MAX_GZIP_MEMBERS:
            raise _not_gzip()
        self._unpacker = zlib.decompressobj(_GZIP)

    def end(self) -> bytes:
        if not self._unpacker.eof:
            raise _not_gzip()
        return super().end()


def _require_no_body(headers: Headers) -> None:
    """Raises RequestProblem: nothing that is public takes a body, and none is read."""
    if "Transfer-Encoding" in headers or _digits(headers).strip("0"):
        raise RequestProblem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "BODY_TOO_LARGE",
            "this path takes no body",
            limit=0,
        )


def _require_json(headers: Headers) -> None:
    """Raises RequestProblem for a body of another type: a page on the web can send those to a
    server that it may not read from."""
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


def _digits(headers: Headers) -> str:
    length = headers.get("Content-Length", "")
    return length if length.isascii() and length.isdigit() else "0"


def _too_large(limit: int) -> RequestProblem:
    return RequestProblem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "BODY_TOO_LARGE",
        f"a body may have {limit} bytes, unpacked: send the batch in parts",
        limit=limit,
    )


def _not_gzip() -> RequestProblem:
    return RequestProblem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "MALFORMED_BODY",
        f"the body is not gzip, whole and of at most {MAX_GZIP_MEMBERS} members",
    )
