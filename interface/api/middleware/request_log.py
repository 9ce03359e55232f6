"""Access log: one entry per request, with caller, path, address and outcome.

It never contains a credential. It leaves out the query, which may contain one by mistake.
"""

import logging
import re
import time
from random import getrandbits
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from application.access.principal import Principal
from domain.limits import printable
from interface.api.masking import masked
from interface.api.problems import answer_to

LOG: Final = logging.getLogger("stockledger.access")

_REQUEST_ID: Final = re.compile(r"[\w.-]{1,64}", re.ASCII)


class RequestLogMiddleware:
    """Assigns a request id, logs the outcome and answers the remaining errors.

    The id is the caller's X-Request-Id, if it is valid. Otherwise it is a new one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = request_id = request_id_of(
            Headers(scope=scope).get("X-Request-Id", "")
        )
        status = 0
        state["started"] = started = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.append("X-Request-Id", request_id)
                for name, value in state.get("limits", {}).items():
                    headers.append(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001 -- no outer layer answers errors
            answer = answer_to(error)
            if not status:
                await answer(scope, receive, send_with_headers)
        finally:
            log_request(scope, status, time.perf_counter() - started)


def request_id_of(sent: str) -> str:
    """Returns the id of a request: the one that was sent, if it is valid, or a new one."""
    # Not a uuid4, whose bytes come from the operating system: a system call in each request.
    return sent if _REQUEST_ID.fullmatch(sent) else f"{getrandbits(128):032x}"


def log_request(scope: Scope, status: int, seconds: float) -> None:
    """Writes the entry of a request that took this time."""
    state: dict[str, Any] = scope["state"]
    principal: Principal | None = state.get("principal")
    client = scope.get("client")
    entry = {
        "request_id": state["request_id"],
        "method": state.get("method", scope["method"]),
        "path": printable(masked(scope["path"])),
        "status": status,
        "outcome": state.get("outcome", "ok"),
        "ms": round(seconds * 1000, 1),
        "actor": principal.actor.name if principal else None,
        "key_id": principal.actor.key_id if principal else None,
        "address": printable(client[0]) if client else None,
    }
    LOG.info(
        "%(method)s %(path)s %(status)s %(outcome)s %(ms)s ms %(actor)s %(address)s %(request_id)s",
        entry,
        extra=entry,
    )
