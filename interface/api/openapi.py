"""The OpenAPI document, with what endpoints read and answer by themselves."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from application.transaction_parser import MovementElement
from interface.api.problems import Problem
from interface.api.schemas import SyncRequest

_REFERENCE = "#/components/schemas/{model}"

DESCRIPTION = """
An inventory ledger for devices that lose the network. Send what a device recorded offline to
`POST /sync/transactions`, as often as it takes: each transaction is recorded exactly once, under
the `localId` that the device made for it.

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
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
