"""Routes that pass nothing misspelt over in silence.

A query parameter that nobody knows would give an answer that looks right and is not: today's stock
for `as_of`, the whole journal for `refrence`. So an unknown one is refused, and snake_case is taken
for camelCase, as it is in bodies.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from starlette.types import Receive, Scope, Send

from application.parsing.spellings import did_you_mean
from domain.errors import Invalid
from domain.limits import printable
from interface.api.dependencies import Needs

MAX_SHOWN_LENGTH: Final = 100
"""Characters of a parameter's name that are shown."""


class StrictRoute(APIRoute):
    """Refuses query parameters that it does not know, or that are given twice."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["query_string"] and scope["method"] in (self.methods or ()):
            scope["query_string"] = self._in_camel_case(scope["query_string"])
        await super().handle(scope, receive, send)

    def _in_camel_case(self, query: bytes) -> bytes:
        """Raises Invalid."""
        given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        known = [(self._known(name), value) for name, value in given]
        names = [name for name, _ in known]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise Invalid(twice, "is given more than once")
        return query if known == given else urlencode(known).encode()

    def _known(self, name: str) -> str:
        """Raises Invalid."""
        for spelling in (name, to_camel(name)):
            if spelling in self._parameters:
                return spelling
        shown = printable(name[:MAX_SHOWN_LENGTH])
        meant = did_you_mean(name, self._parameters)
        raise Invalid(shown, f"is not a parameter of this path{meant}")

    @cached_property
    def _parameters(self) -> frozenset[str]:
        return frozenset(_parameters_of(self.dependant))


class DirectRoute(StrictRoute):
    """For the requests that come in the greatest number: checks what the route declares that its
    caller must be allowed to do, and calls the endpoint, a coroutine that takes the request and
    returns the response.

    FastAPI looks up, orders and calls what an endpoint asks for in its signature anew for each
    request, in contexts for what must be closed behind it. That was half of what the server spent
    on a small batch (docs/decisions/0014-spend-little-on-a-transaction.md). An endpoint behind this
    route gets from the request what it needs, and has nothing to close. It is described, and its
    errors are answered, like others.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)
            return
        if scope["query_string"]:
            self._in_camel_case(scope["query_string"])
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


def strict_router(**declared: Any) -> APIRouter:
    """A router of strict routes."""
    return APIRouter(route_class=StrictRoute, **declared)


def _parameters_of(dependant: Dependant) -> Iterator[str]:
    """The names of the query parameters that an endpoint and what it asks for declare; those of a
    model are its fields'."""
    for dependency in dependant.dependencies:
        yield from _parameters_of(dependency)
    for parameter in dependant.query_params:
        annotation = parameter.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            for name, field in annotation.model_fields.items():
                yield field.alias or name
        else:
            yield parameter.alias
