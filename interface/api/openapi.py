"""The OpenAPI document, with what endpoints read and answer by themselves."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from application.transaction_parser import MovementElement
from interface.api.middleware.authentication import PUBLIC
from interface.api.problems import Problem, documented
from interface.api.sync_schemas import SyncRequest

_AT_THE_DOOR = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
_WITH_A_BODY = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)

_REFERENCE = "#/components/schemas/{model}"

DESCRIPTION = """
An inventory ledger for devices that lose the network. Send what a device recorded offline to
`POST /sync/transactions`, as often as it takes: each transaction is recorded exactly once, under
the `localId` that the device made for it.

What a GET answers has an `ETag`. Who asks again with it in `If-None-Match` is answered 304, without
a body, where nothing has changed.

Field names are camelCase; snake_case is understood as well. Errors are
`application/problem+json` with a stable `code`.
"""


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """The request body of an endpoint that decodes it by itself."""
    schema = {"$ref": _REFERENCE.format(model=model.__name__)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def install(app: FastAPI) -> None:
    """Makes the app's document name the models that FastAPI does not see."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            models: list[tuple[type[BaseModel], Any]] = [
                (SyncRequest, "validation"),
                (MovementElement, "validation"),
                (Problem, "serialization"),
            ]
            _, definitions = models_json_schema(models, ref_template=_REFERENCE)
            document["components"]["schemas"].update(definitions["$defs"])
            _document_access(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


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
                operation["responses"].setdefault(str(status), _without_model(response))
            operation["responses"] = dict(sorted(operation["responses"].items()))


def _without_model(response: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in response.items() if name != "model"}
