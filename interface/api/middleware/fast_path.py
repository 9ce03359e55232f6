"""The fast path: one layer in place of the whole stack, for the usual requests that record.

A small batch costs less than the layers around it. So this layer stands before them, and does what
they do for a request that is usual in every respect: a bearer credential in memory, a small JSON
body in one piece, a permission for the route. It passes every other request on to the stack before
it has had any effect, so the stack stays the definition of what is right.
"""

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, cast

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from application.access.errors import Unauthenticated
from application.access.principal import Principal
from application.maintenance.upgrade import BackgroundUpgrade
from interface.api.middleware.authentication import bearer_credential
from interface.api.middleware.rate_limit import RateLimit
from interface.api.middleware.request_body import is_json
from interface.api.middleware.request_log import log_request, request_id_of
from interface.api.middleware.response_compression import GZIP_FROM_BYTES, compressed
from interface.api.middleware.security_headers import SecurityHeaders
from interface.api.problems import RequestProblem, answer_to
from interface.api.refusals import REFUSALS, answer_refusal
from interface.api.route_classes import DirectRoute
from interface.composition import Services

MAX_BODY_BYTES: Final = 16_384
"""Bytes. For a larger body, the layers are a small part of the cost."""

_ASK_FOR_MORE: Final = (b"content-encoding", b"transfer-encoding", b"origin")
"""Headers of requests that need the stack."""

Headers = Mapping[bytes, bytes]


class _Endpoint(NamedTuple):
    """A route, and the parameters of its path."""

    route: DirectRoute
    values: Mapping[str, Any]


class _WholeRequest(Request):
    """A request whose body has arrived."""

    def __init__(self, scope: Scope, receive: Receive, body: bytes) -> None:
        super().__init__(scope, receive)
        self._whole = body

    async def body(self) -> bytes:
        return self._whole


class FastPath:
    """The layer.

    Args:
        stack: all other layers, and the routes.
        routes: the routes that it serves, all of POST.
        requests: the limit of the requests of one caller, shared with the stack.
        security: the security headers.
        body_timeout: seconds for a body to arrive.
    """

    def __init__(
        self,
        stack: ASGIApp,
        *,
        routes: Sequence[DirectRoute],
        requests: RateLimit,
        security: SecurityHeaders,
        body_timeout: int,
    ) -> None:
        self._stack = stack
        self._routes = [(route.path_regex.match, route) for route in routes]
        self._requests = requests
        self._security = security
        self._body_timeout = body_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        endpoint = self._endpoint(scope["path"]) if _is_usual(scope) else None
        if endpoint is None:
            await self._stack(scope, receive, send)
            return
        # As Starlette: of a repeated header, the first one counts.
        headers = dict(reversed(scope["headers"]))
        caller = _usual_caller(scope, headers, endpoint.route)
        message = None if caller is None else await self._first_message(receive)
        limits = None if caller is None or message is None else self._admitted(message, caller)
        if message is None or limits is None:
            await self._stack(scope, _replayed(message, receive), send)
            return
        state = scope.setdefault("state", {})
        state |= {
            "started": started,
            "principal": caller,
            "limits": limits,
            "request_id": request_id_of(headers.get(b"x-request-id", b"").decode("latin-1")),
        }
        await self._serve(endpoint, _WholeRequest(scope, receive, message.get("body", b"")), send)

    def _endpoint(self, path: str) -> _Endpoint | None:
        """Returns what answers requests of that path; None if the stack must find it."""
        for match, route in self._routes:
            found = match(path)
            if found is not None:
                with suppress(RequestValidationError):
                    return _Endpoint(route, route.values(found.groupdict()))
        return None

    async def _first_message(self, receive: Receive) -> Message | None:
        message = _message_at_once(receive)
        if message is not None:
            return message
        with suppress(TimeoutError):
            async with asyncio.timeout(self._body_timeout):
                return await receive()
        return None

    def _admitted(self, message: Message, caller: Principal) -> Mapping[str, str] | None:
        """Takes a token of the caller, and returns the header fields about its limit.

        None if no token is left: the stack finds none either. None if the body is not whole.
        """
        if message["type"] != "http.request" or message.get("more_body"):
            return None
        with suppress(RequestProblem):
            return self._requests.spend(caller.limit_key)
        return None

    async def _serve(self, endpoint: _Endpoint, request: Request, send: Send) -> None:
        scope = request.scope
        status = 0
        added = [(b"x-request-id", request.state.request_id.encode())]
        limits = request.state.limits.items()
        added += [(name.lower().encode(), value.encode()) for name, value in limits]

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = [*message["headers"], *added]
                message["headers"] = self._security.merged(scope, given)
            await send(message)

        try:
            response = await _response(endpoint, request)
            is_small = len(response.body) < GZIP_FROM_BYTES
            answer: ASGIApp = response if is_small else compressed(response)
            await answer(scope, request.receive, send_with_headers)
        finally:
            log_request(scope, status, time.perf_counter() - request.state.started)


def _is_usual(scope: Scope) -> bool:
    upgrade: BackgroundUpgrade = scope["app"].state.upgrade
    return scope["method"] == "POST" and not scope["query_string"] and upgrade.waits_for is None


def _usual_caller(scope: Scope, headers: Headers, route: DirectRoute) -> Principal | None:
    """Returns the caller of a usual request; None if the request is not one."""
    length = headers.get(b"content-length", b"")
    is_small = length.isdigit() and 0 < int(length) <= MAX_BODY_BYTES
    if not is_small or any(name in headers for name in _ASK_FOR_MORE):
        return None
    if not is_json(headers.get(b"content-type", b"").decode("latin-1")):
        return None
    try:
        credential = bearer_credential(headers.get(b"authorization", b"").decode("latin-1"))
    except Unauthenticated:
        return None
    services: Services = scope["app"].state.services
    caller = services.authenticator.remembered(credential)
    may = caller is not None and all(caller.may(need.permission) for need in route.needs)
    return caller if may else None


def _message_at_once(receive: Receive) -> Message | None:
    """Returns the next message if it has arrived; None if the caller must wait for it.

    Without a timer, which would cost more than the rest. A `receive` that must wait has taken
    nothing yet, so the next one gets the message.
    """
    waiting = cast("Coroutine[Any, Any, Message]", receive())
    try:
        waiting.send(None)
    except StopIteration as arrived:
        message: Message = arrived.value
        return message
    waiting.close()
    return None


def _replayed(message: Message | None, receive: Receive) -> Receive:
    """Returns a `receive` that gives a message once more."""
    pending = [] if message is None else [message]

    async def receive_replayed() -> Message:
        return pending.pop() if pending else await receive()

    return receive_replayed


async def _response(endpoint: _Endpoint, request: Request) -> Response:
    """Returns the answer of the route; that of a problem if it fails."""
    try:
        response: Response = await endpoint.route.endpoint(request, **endpoint.values)
    except REFUSALS as refusal:
        return await run_in_threadpool(answer_refusal, request, refusal)
    except Exception as error:  # noqa: BLE001 -- no outer layer answers errors
        return answer_to(error)
    return response
