"""Shared parts of all schemas: camelCase names, timestamps, quantities and ids."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from application.parsing.transactions import SENT_NUMBER, WIRE_CONFIG, Instant
from application.parsing.values import (
    did_you_mean,
    read_quantity,
    read_uuid,
    read_whole_number,
)
from domain.limits import printable


@lru_cache(maxsize=1024)
def wire_time(instant: datetime) -> str:
    """Formats a timestamp in UTC, to the millisecond (RFC 3339).

    Cached, because events that are recorded together share one timestamp.
    """
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[
    datetime,
    PlainSerializer(wire_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]

QueryInstant = Annotated[
    Instant,
    # An unescaped + in a query is decoded as a space.
    BeforeValidator(lambda text: text.replace(" ", "+") if isinstance(text, str) else text),
]


SentQuantity = Annotated[int | Decimal, BeforeValidator(read_quantity), WithJsonSchema(SENT_NUMBER)]
"""A quantity: a JSON number, or a text."""

SentWholeNumber = Annotated[
    int, BeforeValidator(read_whole_number), WithJsonSchema({"type": "integer"})
]
"""A whole number in any JSON spelling."""

SentId = Annotated[
    UUID, BeforeValidator(read_uuid), WithJsonSchema({"type": "string", "format": "uuid"})
]
"""A UUID in any spelling."""

DeviceTime = Annotated[
    str | None,
    Field(
        description="`occurredAt` as it was sent, if the server changed it. Empty if none was sent."
    ),
]


CoveredAt = Annotated[
    Timestamp | None,
    Field(
        description="The moment of the stock-take that covers this movement. A covered movement "
        "changes nothing on hand."
    ),
]


SCHEMA_REFERENCE = "#/components/schemas/{model}"
"""The reference to a schema in the OpenAPI document."""


class Wire(BaseModel):
    """The base of all schemas."""

    model_config = WIRE_CONFIG


class RequestBody(Wire):
    """The base of request bodies. Refuses unknown fields.

    Without such a field, the request would mean something else.
    """

    model_config = WIRE_CONFIG | ConfigDict(strict=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _require_known_fields(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        known = {
            spelling
            for name, field in cls.model_fields.items()
            for spelling in (name, to_camel(name), field.alias or name)
        }
        for given in values:
            if given not in known:
                wire_names = [
                    field.alias or to_camel(name) for name, field in cls.model_fields.items()
                ]
                raise PydanticCustomError(
                    "unknown_field",
                    "is not a field here{meant}",
                    {"field": printable(given), "meant": did_you_mean(given, wire_names)},
                )
        return values


def is_none(value: object) -> bool:
    """Excludes empty optional fields from an answer."""
    return value is None


def example(**values: Any) -> ConfigDict:
    """Adds an example to a schema."""
    return ConfigDict(json_schema_extra={"examples": [values]})


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """Describes the request body of an endpoint that decodes the body itself."""
    schema = {"$ref": SCHEMA_REFERENCE.format(model=model.__name__)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
