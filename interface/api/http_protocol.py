"""uvicorn's HTTP protocol, with bounds on what a connection costs before its sender is known.

uvicorn's own keeps all bytes of a request's head, however long; waits for ever for the first
request; and turns everybody away, health checks too, as long as enough connections are open.
"""

import asyncio
import json
from http import HTTPStatus
from time import monotonic
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 32_768
"""In the request line and all headers, or trailers; a bearer token may have 16,384 of them."""

MAX_HEADERS: Final = 100

MAX_PIPELINED_REQUESTS: Final = 8
"""Requests that wait behind the one at work. A browser sends none, a proxy few."""

RESERVED_CONNECTIONS: Final = 32
"""Beyond the limit, for health checks while all others are at work."""

MAX_UNREAD_SECONDS: Final = 30.0
"""How long a client may read nothing of its answer. One that reads slowly is left alone."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection.

    A request's head is bounded in bytes, and in time by `timeout_keep_alive`. Beyond
    `limit_concurrency` connections, a new one takes the place of the one that was idle longest.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._max_connections = self.limit_concurrency
        self.limit_concurrency = None  # It would turn away whoever comes, health checks too.
        self.idle_since = monotonic()
        """Or when the request at work began."""
        self._head_deadline: asyncio.TimerHandle | None = None
        self._unparsed_bytes = 0
        self._head_bytes = 0
        self._is_refused = False
        self._abort_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._limit_head()
        if self._max_connections is not None and len(self.connections) > self._max_connections:
            self._make_room(self._max_connections)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unlimit_head()
        self._cancel_abort()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self.is_idle:
            self._limit_head()
        self._unparsed_bytes += len(data)
        super().data_received(data)
        if self._unparsed_bytes > MAX_HEAD_BYTES:
            self._refuse_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._unparsed_bytes = self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        if self._is_within_bounds(len(url)):
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Trailers come here too."""
        if self._is_within_bounds(len(name) + len(value)) and len(self.headers) < MAX_HEADERS:
            super().on_header(name, value)
        else:
            self._refuse_head()

    def on_headers_complete(self) -> None:
        if self._is_refused:
            return
        self._unparsed_bytes = 0
        self._unlimit_head()
        if len(self.pipeline) >= MAX_PIPELINED_REQUESTS:
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS, "RATE_LIMITED", "too many requests at once")
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
        self._refuse(HTTPStatus.BAD_REQUEST, "MALFORMED_REQUEST", "this is not HTTP")

    def timeout_keep_alive_handler(self) -> None:
        """Also for a client that does not read what it was answered."""
        super().timeout_keep_alive_handler()
        self._abort_later()

    def pause_writing(self) -> None:
        """More is answered than the client has read."""
        super().pause_writing()
        self._abort_later()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._cancel_abort()

    @property
    def is_idle(self) -> bool:
        """Whether no request is at work: none has come yet, or the last one is answered."""
        return self.cycle is None or self.cycle.response_complete

    def _is_within_bounds(self, size: int) -> bool:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse_head()
        return not self._is_refused

    def _limit_head(self) -> None:
        if self._head_deadline is None:
            self._head_deadline = self.loop.call_later(self.timeout_keep_alive, self._end_waiting)

    def _unlimit_head(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _end_waiting(self) -> None:
        self.transport.close()
        self._abort_later()

    def _abort_later(self) -> None:
        """Unless the client reads."""
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
        """Whatever is still to be sent."""
        if self.cycle is not None:
            self.cycle.disconnected = True  # What it answers from here on goes nowhere.
        self.transport.abort()

    def _make_room(self, limit: int) -> None:
        others = [
            one for one in self.connections if isinstance(one, type(self)) and one is not self
        ]
        # Silence costs the silent; where nobody is silent, it costs who sends or reads slowly.
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
            f"a request may have {MAX_HEAD_BYTES} bytes and {MAX_HEADERS} headers before its body",
        )

    def _refuse(self, status: HTTPStatus, code: str, detail: str) -> None:
        """Answers with a problem and ends the connection, unless an answer is on its way."""
        if self._is_refused:
            return
        self._is_refused = True
        if self.is_idle:
            self.transport.write(_problem(status, code, detail))
        self.transport.close()
        self._abort_later()


def _problem(status: HTTPStatus, code: str, detail: str) -> bytes:
    """As interface/api/problems.py has them; there is no application yet to make it."""
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
