"""Request bodies: unpacked, and bounded in size and time, before anything else sees them."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interface.api.problems import RequestProblem

_GZIP: Final = 16 + zlib.MAX_WBITS


class ClientGone(Exception):
    """The client hung up amid its body."""


class BodyMiddleware:
    """Reads the body of a request whole, and hands it on in one piece."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, timeout_seconds: int) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except ClientGone:
            scope["state"]["outcome"] = "CLIENT_GONE"
            return
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_whole() -> Message:
            return pending.pop() if pending else await receive()

        await self._app(scope, receive_whole, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        """Raises ClientGone, RequestProblem."""
        headers = MutableHeaders(scope=scope)
        self._require_size(int(_digits(headers)))
        gathered = self._unpacking(headers)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                async for chunk in _chunks(receive):
                    gathered.add(chunk)
        except TimeoutError as error:
            raise RequestProblem(
                HTTPStatus.REQUEST_TIMEOUT,
                "REQUEST_TIMEOUT",
                f"the body did not arrive within {self._timeout_seconds} s",
                retry_after=1,
            ) from error
        return gathered.end()

    def _unpacking(self, headers: MutableHeaders) -> "_Plain":
        encoding = headers.get("Content-Encoding", "identity").strip().lower()
        if encoding == "identity":
            return _Plain(self._max_bytes)
        if encoding == "gzip":
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


class _Plain:
    """A body as it is, up to a limit."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._gathered = bytearray()

    def add(self, chunk: bytes) -> None:
        self._gathered += chunk
        if len(self._gathered) > self._max_bytes:
            raise _too_large(self._max_bytes)

    def end(self) -> bytes:
        return bytes(self._gathered)


class _Gzip(_Plain):
    """A body unpacked as it comes, never further than to the limit."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes)
        self._unpacker = zlib.decompressobj(_GZIP)

    def add(self, chunk: bytes) -> None:
        room = self._max_bytes - len(self._gathered) + 1
        try:
            super().add(self._unpacker.decompress(chunk, room))
        except zlib.error as error:
            raise _not_gzip() from error
        if self._unpacker.unused_data:
            raise _not_gzip()

    def end(self) -> bytes:
        if not self._unpacker.eof:
            raise _not_gzip()
        return super().end()


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
        HTTPStatus.UNPROCESSABLE_ENTITY, "MALFORMED_BODY", "the body is not one whole gzip member"
    )
