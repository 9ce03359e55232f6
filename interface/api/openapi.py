"""The OpenAPI document, with what endpoints read and answer by themselves."""

import re
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema

from application.parsing.transactions import MovementElement
from interface.api.codes import OPEN_ENUMERATIONS
from interface.api.middleware.authentication import PUBLIC
from interface.api.problems import Problem, documented
from interface.api.schemas.base import SCHEMA_REFERENCE, Wire
from interface.api.schemas.sync import SyncRequest

_AT_THE_DOOR = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
_WITH_A_BODY = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)

_NOT_TOLD: Final = frozenset({"default", "title"})

_PARAMETER: Final = re.compile(r"\{(\w+)\}")

DESCRIPTION = """
An inventory ledger for devices that lose the network. Send what a device recorded offline to
`POST /sync/transactions`, as often as it takes: each transaction is recorded exactly once, under
the `localId` that the device made for it, which is its idempotency key: sending is idempotent.

Quantities are numbers: whole ones by now, decimals some day. Codes are open: there may be more some
day, and a client goes by the other fields of what it does not know. The same holds for fields.

What a GET answers has an `ETag`. Who asks again with it in `If-None-Match` is answered 304, without
a body, where nothing has changed.

Field names are camelCase; snake_case is understood as well. Errors are
`application/problem+json` with a stable `code`.
"""


def operation_id(route: APIRoute) -> str:
    """What generated clients call the operation: the endpoint's name."""
    return to_camel(route.name)


def install(app: FastAPI) -> None:
    """Makes the app's document name the models that FastAPI does not see, and keeps it to what
    generators of clients understand."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        license_info={"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        servers=[{"url": "/"}],
    )
    models: list[tuple[type[BaseModel], Any]] = [
        (SyncRequest, "validation"),
        (MovementElement, "validation"),
        (Problem, "serialization"),
    ]
    _, definitions = models_json_schema(models, ref_template=SCHEMA_REFERENCE)
    schemas = document["components"]["schemas"]
    schemas.update(definitions["$defs"])
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for model in _models(Wire):
        extra = model.model_config.get("json_schema_extra")
        if isinstance(extra, dict) and model.__name__ in schemas:
            schemas[model.__name__] |= extra  # FastAPI leaves nulls out of examples.
    named = {name: _plain(schema) for name, schema in schemas.items()} | OPEN_ENUMERATIONS
    document["components"]["schemas"] = dict(sorted(named.items()))
    document["paths"] = {
        _PARAMETER.sub(_camel, path): _plain_operations(operations)
        for path, operations in document["paths"].items()
    }
    _document_access(document)
    return document


def _models(root: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in root.__subclasses__():
        yield model
        yield from _models(model)


def _plain_operations(operations: dict[str, Any]) -> dict[str, Any]:
    for operation in operations.values():
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _plain_parameter(parameter["schema"])
            if parameter["in"] == "path":
                parameter["name"] = to_camel(parameter["name"])
        for response in operation["responses"].values():
            # An `itemSchema` is a word of OpenAPI 3.2.
            if "text/event-stream" in response.get("content", {}):
                response["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    return operations


def _plain_parameter(schema: dict[str, Any]) -> dict[str, Any]:
    """A default that is one is worth telling here. No query has a null."""
    plain: dict[str, Any] = _plain(schema)
    some = [one for one in plain.pop("anyOf", ()) if one != {"type": "null"}]
    plain |= some[0] if len(some) == 1 else {"anyOf": some} if some else {}
    return plain | ({"default": schema["default"]} if schema.get("default") is not None else {})


def _plain(schema: Any) -> Any:
    """Without the defaults of what may be left out, for which generators make it a field that must
    be there; and without titles, which repeat its name."""
    match schema:
        case list():
            return [_plain(one) for one in schema]
        case dict():
            for name, enumeration in OPEN_ENUMERATIONS.items():
                if schema.get("anyOf") == enumeration["anyOf"]:
                    return {"$ref": SCHEMA_REFERENCE.format(model=name)}
            return {
                name: _PLAINLY.get(name, _plain)(value)
                for name, value in schema.items()
                if name not in _NOT_TOLD
            }
    return schema


def _plain_properties(properties: dict[str, Any]) -> dict[str, Any]:
    """Their names may be those of words of a schema."""
    return {name: _plain(schema) for name, schema in properties.items()}


_PLAINLY: Final[Mapping[str, Callable[[Any], Any]]] = {
    "properties": _plain_properties,
    "examples": lambda examples: examples,
}


def _camel(parameter: re.Match[str]) -> str:
    return f"{{{to_camel(parameter[1])}}}"


def _document_access(document: dict[str, Any]) -> None:
    """What holds for every operation behind the door, and need not be said at each."""
    document["components"]["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, or a token of the identity provider.",
        }
    }
    for path, operations in document["paths"].items():
        if path in PUBLIC:
            continue
        for operation in operations.values():
            operation["security"] = [{"bearer": []}]
            common = (*_AT_THE_DOOR, *(_WITH_A_BODY if "requestBody" in operation else ()))
            for status, response in documented(*common).items():
                operation["responses"].setdefault(str(status), response)
            operation["responses"] = dict(sorted(operation["responses"].items()))
