"""Strict routes: an unknown query parameter is refused, never ignored.

A misspelt parameter would give a plausible but wrong answer: the whole journal for `refrence`.
snake_case is accepted as camelCase, as in bodies. Otherwise `as_of` would give today's stock.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from starlette.types import Receive, Scope, Send

from application.parsing.values import did_you_mean
from domain.errors import Invalid
from domain.limits import printable
from interface.api.dependencies import Needs

MAX_SHOWN_LENGTH: Final = 100
"""Characters of a parameter name in an error message."""


class StrictRoute(APIRoute):
    """A route that refuses unknown and repeated query parameters."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["query_string"] and scope["method"] in (self.methods or ()):
            scope["query_string"] = self._normalised(scope["query_string"])
        await super().handle(scope, receive, send)

    def _normalised(self, query: bytes) -> bytes:
        """Converts names to camelCase. Raises Invalid: a parameter is unknown or repeated."""
        given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        known = [(self._known_spelling(name), value) for name, value in given]
        names = [name for name, _ in known]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise Invalid(twice, "is given more than once")
        return query if known == given else urlencode(known).encode()

    def _known_spelling(self, name: str) -> str:
        """Returns the documented spelling of a name. Raises Invalid: it is unknown."""
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
    """A fast route without dependency injection, for the most frequent requests.

    It checks the declared permissions and calls the endpoint, a coroutine from the request, and the
    parameters of the path, to a response.
    FastAPI would resolve the dependencies of an endpoint again for each request, and open contexts
    to close them afterwards. That was half the cost of a small batch
    (docs/decisions/0014-fast-path.md). An endpoint of this route takes its
    services from the request and has nothing to close. Its OpenAPI description and its errors work
    as on other routes.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)
            return
        if scope["query_string"]:
            self._normalised(scope["query_string"])
        request = Request(scope, receive, send)
        for need in self.needs:
            await need(request)
        response: Response = await self.endpoint(request, **self.values(scope["path_params"]))
        await response(scope, receive, send)

    def values(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Reads the parameters of the path. Raises RequestValidationError, as other routes do."""
        values, errors = request_params_to_args(self.dependant.path_params, given)
        if errors:
            raise RequestValidationError(errors)
        return values

    @cached_property
    def needs(self) -> list[Needs]:
        """The declared permissions."""
        declared = [dependency.call for dependency in self.dependant.dependencies]
        found = [call for call in declared if isinstance(call, Needs)]
        if not found or found != declared:
            raise TypeError(
                f"{self.path}: a direct route must declare permissions, and nothing else"
            )
        return found


def strict_router(**declared: Any) -> APIRouter:
    """A router of strict routes."""
    return APIRouter(route_class=StrictRoute, **declared)


def _parameters_of(dependant: Dependant) -> Iterator[str]:
    """Yields the names of all query parameters of an endpoint and its dependencies.

    A parameter that is a model counts as its fields.
    """
    for dependency in dependant.dependencies:
        yield from _parameters_of(dependency)
    for parameter in dependant.query_params:
        annotation = parameter.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            for name, field in annotation.model_fields.items():
                yield field.alias or name
        else:
            yield parameter.alias
