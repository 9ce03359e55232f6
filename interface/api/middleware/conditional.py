"""Answers that a client has already are not sent again (RFC 9110, 13.1.2)."""

from hashlib import blake2b
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NOT_SENT_AGAIN: Final = ("Content-Length", "Content-Type")

REVALIDATED: Final = b"private, no-cache"
"""The Cache-Control of what has a tag: the client may keep it, and asks before it is used again."""


class ConditionalGetMiddleware:
    """Tags what a GET is answered by its bytes, and answers 304 where If-None-Match names the tag.

    Spares a slow line the answer, not the server the work. Answers that come in pieces, such as
    streams, are passed on as they come.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        start: Message | None = None

        async def send_tagged(message: Message) -> None:
            nonlocal start
            if _is_whole_answer(message):
                start = message  # Kept until its body tells what it is to say.
                return
            if start is not None:
                if not message.get("more_body"):
                    start, message = _tagged(start, message, Headers(scope=scope))
                await send(start)
                start = None
            await send(message)

        await self._app(scope, receive, send_tagged)


def _is_whole_answer(message: Message) -> bool:
    return (
        message["type"] == "http.response.start"
        and message["status"] == 200  # noqa: PLR2004
        and "Content-Length" in Headers(raw=message["headers"])
    )


def _tagged(start: Message, body: Message, asked: Headers) -> tuple[Message, Message]:
    # Weak, as the same answer may be packed or not.
    tag = f'W/"{blake2b(body.get("body", b""), digest_size=16).hexdigest()}"'
    headers = MutableHeaders(raw=list(start["headers"]))
    headers["ETag"] = tag
    headers["Cache-Control"] = REVALIDATED.decode()
    known = {name.strip().removeprefix("W/") for name in asked.get("If-None-Match", "").split(",")}
    if not known & {tag.removeprefix("W/"), "*"}:
        return {**start, "headers": headers.raw}, body
    for name in _NOT_SENT_AGAIN:
        del headers[name]
    return {**start, "status": 304, "headers": headers.raw}, {**body, "body": b""}
