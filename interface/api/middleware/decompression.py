"""Buffers of request bodies, plain or gzip, bounded in size."""

import zlib
from http import HTTPStatus
from typing import Final

from starlette.datastructures import MutableHeaders

from interface.api.problems import RequestProblem

_GZIP: Final = 16 + zlib.MAX_WBITS
_GZIP_NAMES: Final = frozenset({"gzip", "x-gzip"})

MAX_GZIP_MEMBERS: Final = 1_000
"""Members of a gzip body (RFC 1952). Even an empty one costs time."""


def buffer_for(headers: MutableHeaders, max_bytes: int) -> "PlainBuffer":
    """The buffer for a body's Content-Encoding; removes that header. Raises RequestProblem."""
    encoding = headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        return PlainBuffer(max_bytes)
    if encoding in _GZIP_NAMES:
        del headers["Content-Encoding"]
        return GzipBuffer(max_bytes)
    raise RequestProblem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "UNSUPPORTED_ENCODING",
        "a body must be plain or compressed with gzip",
    )


class PlainBuffer:
    """The buffer of an uncompressed body, up to a limit."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    def add(self, chunk: bytes) -> None:
        self._buffer += chunk
        if len(self._buffer) > self._max_bytes:
            raise too_large(self._max_bytes)

    @property
    def size(self) -> int:
        return len(self._buffer)

    def end(self) -> bytes:
        return bytes(self._buffer)


class GzipBuffer(PlainBuffer):
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


def too_large(limit: int) -> RequestProblem:
    """The problem of a body beyond the limit, in bytes."""
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
