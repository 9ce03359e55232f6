"""uvicorn's HTTP protocol, with limits on the cost of unauthenticated connections.

uvicorn's own protocol has no limit on the size of a request head. It waits for the first request
without a timeout. At its connection limit, it refuses every request, health checks included.
"""

import asyncio
import json
from http import HTTPStatus
from time import monotonic
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 32_768
"""Bytes of the request line and all headers, or of the trailers. A bearer token may take 16,384."""

MAX_HEADERS: Final = 100

MAX_PIPELINED_REQUESTS: Final = 8
"""Pipelined requests that wait for the current one. A browser sends none, a proxy few."""

RESERVED_CONNECTIONS: Final = 32
"""Connections beyond the limit, for health checks while all other connections are busy."""

MAX_UNREAD_SECONDS: Final = 30.0
"""Seconds that a client may read nothing of its answer. A slow reader is not cut off."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """One HTTP connection, with a bounded request head.

    The head is bounded in bytes, and in time by `timeout_keep_alive`. Beyond `limit_concurrency`
    connections, a new connection evicts the one that was idle longest.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._max_connections = self.limit_concurrency
        self.limit_concurrency = None  # uvicorn would refuse every request, health checks too.
        self.idle_since = monotonic()
        """Monotonic seconds at the last start (connection or request) or end of an answer."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._unparsed_bytes = 0
        self._head_bytes = 0
        self._is_refused = False
        self._abort_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_head_timer()
        if self._max_connections is not None and len(self.connections) > self._max_connections:
            self._evict_connection(self._max_connections)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._cancel_abort()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self.is_idle:
            self._start_head_timer()
        self._unparsed_bytes += len(data)
        super().data_received(data)
        if self._unparsed_bytes > MAX_HEAD_BYTES:
            self._refuse_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._unparsed_bytes = self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        if self._head_fits(len(url)):
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Counts a header, or a trailer: the parser reports both here."""
        if self._head_fits(len(name) + len(value)) and len(self.headers) < MAX_HEADERS:
            super().on_header(name, value)
        else:
            self._refuse_head()

    def on_headers_complete(self) -> None:
        if self._is_refused:
            return
        self._unparsed_bytes = 0
        self._stop_head_timer()
        if len(self.pipeline) >= MAX_PIPELINED_REQUESTS:
            self._refuse(
                HTTPStatus.TOO_MANY_REQUESTS, "RATE_LIMITED", "too many pipelined requests"
            )
            return
        self.idle_since = monotonic()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unparsed_bytes = 0
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._unparsed_bytes = self._head_bytes = 0
        if not self._is_refused:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        self.idle_since = monotonic()
        super().on_response_complete()
        if self.transport.is_closing():
            self._abort_later()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- the library's signature
        self._refuse(HTTPStatus.BAD_REQUEST, "MALFORMED_REQUEST", "the request is not valid HTTP")

    def timeout_keep_alive_handler(self) -> None:
        """Also aborts later if the client does not read its answer."""
        super().timeout_keep_alive_handler()
        self._abort_later()

    def pause_writing(self) -> None:
        """Starts the abort timer: the client reads more slowly than the server answers."""
        super().pause_writing()
        self._abort_later()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._cancel_abort()

    @property
    def is_idle(self) -> bool:
        """Whether no request is in progress: none has come yet, or the last one is answered."""
        return self.cycle is None or self.cycle.response_complete

    def _head_fits(self, size: int) -> bool:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse_head()
        return not self._is_refused

    def _start_head_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.timeout_keep_alive, self._close_late_head)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _close_late_head(self) -> None:
        self.transport.close()
        self._abort_later()

    def _abort_later(self) -> None:
        """Aborts the connection after MAX_UNREAD_SECONDS, unless the client reads."""
        if self._abort_timer is None:
            unread = self.transport.get_write_buffer_size()
            self._abort_timer = self.loop.call_later(
                MAX_UNREAD_SECONDS, self._abort_unless_read, unread
            )

    def _abort_unless_read(self, unread_before: int) -> None:
        self._abort_timer = None
        if self.transport.get_write_buffer_size() < unread_before:
            self._abort_later()
        else:
            self.abort()

    def _cancel_abort(self) -> None:
        if self._abort_timer is not None:
            self._abort_timer.cancel()
            self._abort_timer = None

    def abort(self) -> None:
        """Closes the connection at once and discards unsent data."""
        if self.cycle is not None:
            self.cycle.disconnected = True  # The application must not send any more.
        self.transport.abort()

    def _evict_connection(self, limit: int) -> None:
        others = [
            one for one in self.connections if isinstance(one, type(self)) and one is not self
        ]
        # Evict an idle connection; if there is none, a slow sender or a slow reader.
        idle = [one for one in others if one.is_idle]
        evictable = idle or [one for one in others if one.cycle.more_body or one.flow.write_paused]
        if evictable:
            min(evictable, key=lambda one: one.idle_since).abort()
        elif len(self.connections) > limit + RESERVED_CONNECTIONS:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "OVERLOADED", "too many connections")

    def _refuse_head(self) -> None:
        self._refuse(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            "HEADERS_TOO_LARGE",
            f"the request line and headers may have at most {MAX_HEAD_BYTES} bytes and "
            f"{MAX_HEADERS} headers",
        )

    def _refuse(self, status: HTTPStatus, code: str, detail: str) -> None:
        """Closes the connection, with a problem as the answer if no other answer is in progress."""
        if self._is_refused:
            return
        self._is_refused = True
        if self.is_idle:
            self.transport.write(_problem(status, code, detail))
        self.transport.close()
        self._abort_later()


def _problem(status: HTTPStatus, code: str, detail: str) -> bytes:
    """Serialises a problem like interface/api/problems.py. No application is involved yet."""
    body = json.dumps(
        {
            "type": "about:blank",
            "title": status.phrase,
            "status": status,
            "code": code,
            "detail": detail,
            "retryable": status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE},
            "details": {},
        }
    ).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
