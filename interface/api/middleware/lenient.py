"""HEAD for every GET (RFC 9110, 9.3.2), and trailing slashes of paths."""

import asyncio
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class LenientMiddleware:
    """Answers HEAD like GET, without the body, and ignores trailing slashes of a path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if scope["path"].endswith("/") and len(scope["path"]) > 1:
                scope["path"] = scope["path"].rstrip("/") or "/"
            if scope["method"] == "HEAD":
                await self._answer_head(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _answer_head(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers_sent = asyncio.Event()

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                headers_sent.set()

        async def receive_until_sent() -> Message:
            """Reports a disconnect after the headers are sent, to end an endless answer, such as a
            stream."""
            return await _first_message(receive(), _disconnect_after(headers_sent))

        scope.setdefault("state", {})["method"] = "HEAD"
        await self._app({**scope, "method": "GET"}, receive_until_sent, send_head)


async def _disconnect_after(headers_sent: asyncio.Event) -> Message:
    await headers_sent.wait()
    return {"type": "http.disconnect"}


async def _first_message(*awaited: Awaitable[Message]) -> Message:
    tasks = [asyncio.ensure_future(one) for one in awaited]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task in done).result()
    finally:
        for task in tasks:
            task.cancel()
