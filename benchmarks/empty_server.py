"""Empty ASGI application: uvicorn runs it in place of the API, to measure the cost of HTTP alone.

It reads a request and answers at once.
"""

from starlette.types import Receive, Scope, Send

ANSWER = b'{"synced":[],"failed":[]}'
HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(ANSWER)).encode()),
]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    del scope
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})
