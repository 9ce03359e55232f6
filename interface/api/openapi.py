"""The OpenAPI document, including models that endpoints read and write without FastAPI."""

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
from interface.api.middleware.authentication import is_public
from interface.api.problems import Problem, documented
from interface.api.schemas.base import SCHEMA_REFERENCE, Wire
from interface.api.schemas.sync import SyncRequest

_AUTHENTICATION_STATUSES = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
)
_BODY_STATUSES = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)

_REMOVED_KEYWORDS: Final = frozenset({"default", "title"})

_PARAMETER: Final = re.compile(r"\{(\w+)\}")

DESCRIPTION = """
An inventory ledger for devices that lose the network. Send the transactions that a device recorded
offline to `POST /sync/transactions`. Repeat the request until it succeeds: each transaction is
recorded exactly once. Its `localId`, made by the device, is its idempotency key.

Quantities are numbers: whole numbers today, perhaps decimals later. Codes are open: later versions
may add more. If a client does not know a code, it uses the other fields. Later versions may also
add fields. A client ignores a field that it does not know.

A GET answer has an `ETag`. If the client sends it in `If-None-Match`, and nothing has changed, the
answer is 304 without a body.

Field names are camelCase; snake_case is accepted as well. Errors are `application/problem+json`
(RFC 9457) with a stable `code`.
"""


def operation_id(route: APIRoute) -> str:
    """Returns the operation id, which generated clients use: the endpoint's name in camelCase."""
    return to_camel(route.name)


def install(app: FastAPI) -> None:
    """Replaces the app's OpenAPI document.

    Adds the models that FastAPI does not see, and uses only features that client generators
    understand.
    """

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
            schemas[model.__name__] |= extra  # FastAPI drops nulls from examples.
    named = {name: _simplified(schema) for name, schema in schemas.items()} | OPEN_ENUMERATIONS
    document["components"]["schemas"] = dict(sorted(named.items()))
    document["paths"] = {
        _PARAMETER.sub(_camel_placeholder, path): _simplified_operations(operations)
        for path, operations in document["paths"].items()
    }
    _add_security(document)
    return document


def _models(root: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in root.__subclasses__():
        yield model
        yield from _models(model)


def _simplified_operations(operations: dict[str, Any]) -> dict[str, Any]:
    for operation in operations.values():
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _simplified_parameter(parameter["schema"])
            if parameter["in"] == "path":
                parameter["name"] = to_camel(parameter["name"])
        for response in operation["responses"].values():
            # `itemSchema` exists only from OpenAPI 3.2.
            if "text/event-stream" in response.get("content", {}):
                response["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    return operations


def _simplified_parameter(schema: dict[str, Any]) -> dict[str, Any]:
    """Simplifies a parameter schema: keeps its default, and drops null, which no query can have."""
    simplified: dict[str, Any] = _simplified(schema)
    variants = [one for one in simplified.pop("anyOf", ()) if one != {"type": "null"}]
    simplified |= variants[0] if len(variants) == 1 else {"anyOf": variants} if variants else {}
    return simplified | (
        {"default": schema["default"]} if schema.get("default") is not None else {}
    )


def _simplified(schema: Any) -> Any:
    """Removes defaults and titles from a schema.

    Generators turn a field with a default into a required field. Titles only repeat the name.
    """
    match schema:
        case list():
            return [_simplified(one) for one in schema]
        case dict():
            for name, enumeration in OPEN_ENUMERATIONS.items():
                if schema.get("anyOf") == enumeration["anyOf"]:
                    return {"$ref": SCHEMA_REFERENCE.format(model=name)}
            return {
                name: _SIMPLIFY_BY_KEYWORD.get(name, _simplified)(value)
                for name, value in schema.items()
                if name not in _REMOVED_KEYWORDS
            }
    return schema


def _simplified_properties(properties: dict[str, Any]) -> dict[str, Any]:
    """Simplifies the schemas of properties. Their names may equal JSON Schema keywords."""
    return {name: _simplified(schema) for name, schema in properties.items()}


_SIMPLIFY_BY_KEYWORD: Final[Mapping[str, Callable[[Any], Any]]] = {
    "properties": _simplified_properties,
    "examples": lambda examples: examples,
}


def _camel_placeholder(parameter: re.Match[str]) -> str:
    return f"{{{to_camel(parameter[1])}}}"


def _add_security(document: dict[str, Any]) -> None:
    """Adds the security scheme and the common problems to all operations that need a credential."""
    document["components"]["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, or a token of the identity provider.",
        }
    }
    for path, operations in document["paths"].items():
        if is_public(path):
            continue
        for operation in operations.values():
            operation["security"] = [{"bearer": []}]
            common = (
                *_AUTHENTICATION_STATUSES,
                *(_BODY_STATUSES if "requestBody" in operation else ()),
            )
            for status, response in documented(*common).items():
                operation["responses"].setdefault(str(status), response)
            operation["responses"] = dict(sorted(operation["responses"].items()))
