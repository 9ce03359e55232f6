"""Conditional GET: 304 for an answer that the client already has (RFC 9110, 13.1.2)."""

from hashlib import blake2b
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_OMITTED_FROM_304: Final = ("Content-Length", "Content-Type")

REVALIDATED: Final = b"private, no-cache"
"""Cache-Control of tagged answers: the client may cache them and must revalidate before reuse."""


class ConditionalGetMiddleware:
    """Adds an ETag to GET answers, and answers 304 if If-None-Match has the same tag.

    The tag is a hash of the body, so a 304 saves bandwidth but no work of the server. Chunked
    answers, such as streams, pass through without a tag.
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
                start = message  # Held back: the tag depends on the body.
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


def _tagged(start: Message, body: Message, request_headers: Headers) -> tuple[Message, Message]:
    # Weak, because the same answer may be compressed or not.
    tag = f'W/"{blake2b(body.get("body", b""), digest_size=16).hexdigest()}"'
    headers = MutableHeaders(raw=list(start["headers"]))
    headers["ETag"] = tag
    headers["Cache-Control"] = REVALIDATED.decode()
    client_tags = {
        name.strip().removeprefix("W/")
        for name in request_headers.get("If-None-Match", "").split(",")
    }
    if not client_tags & {tag.removeprefix("W/"), "*"}:
        return {**start, "headers": headers.raw}, body
    for name in _OMITTED_FROM_304:
        del headers[name]
    return {**start, "status": 304, "headers": headers.raw}, {**body, "body": b""}
