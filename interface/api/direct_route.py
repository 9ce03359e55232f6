"""A route for the requests that come in the greatest number.

FastAPI looks up, orders and calls what an endpoint asks for in its signature anew for each request.
That was half of what the server spent on a small batch (docs/performance.md). An endpoint behind
this route takes the request alone, and gets from it what it needs.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from interface.api.dependencies import Needs


class DirectRoute(APIRoute):
    """Checks what the route declares that its caller must be allowed to do, and calls the endpoint,
    a coroutine that takes the request and returns the response."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        declared = [dependency.call for dependency in self.dependant.dependencies]
        needs = [call for call in declared if isinstance(call, Needs)]
        if not needs or needs != declared:
            raise TypeError(f"{self.path}: a direct route declares what it needs, and nothing else")
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            for need in needs:
                await need(request)
            response: Response = await endpoint(request)
            return response

        return handle
