"""A route for the requests that come in the greatest number.

FastAPI looks up, orders and calls what an endpoint asks for in its signature anew for each request,
in contexts for what must be closed behind it. That was half of what the server spent on a small
batch (docs/decisions/0014-spend-little-on-a-transaction.md). An endpoint behind this route takes
the request alone, gets from it what it needs, and has nothing to close. It is described, and its
errors are answered, like others.
"""

from functools import cached_property

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from interface.api.dependencies import Needs


class DirectRoute(APIRoute):
    """Checks what the route declares that its caller must be allowed to do, and calls the endpoint,
    a coroutine that takes the request and returns the response."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.methods and scope["method"] not in self.methods:
            await super().handle(scope, receive, send)
            return
        request = Request(scope, receive, send)
        for need in self._needs:
            await need(request)
        response: Response = await self.endpoint(request)
        await response(scope, receive, send)

    @cached_property
    def _needs(self) -> list[Needs]:
        declared = [dependency.call for dependency in self.dependant.dependencies]
        needs = [call for call in declared if isinstance(call, Needs)]
        if not needs or needs != declared:
            raise TypeError(f"{self.path}: a direct route declares what it needs, and nothing else")
        return needs
