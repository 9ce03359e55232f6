"""What all schemas share: names in camelCase, instants, quantities, ids."""

from datetime import UTC, datetime
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

from application.parsing.spellings import did_you_mean, read_uuid, read_whole_number
from application.parsing.transactions import WIRE_CONFIG, Instant, WholeNumber
from domain.limits import printable


@lru_cache(maxsize=1024)
def wire_time(instant: datetime) -> str:
    """In UTC, to the millisecond. Cached: what is recorded together bears one instant."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[
    datetime,
    PlainSerializer(wire_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]

QueryInstant = Annotated[
    Instant,
    # An unescaped + in a query is a space by the time it gets here.
    BeforeValidator(lambda text: text.replace(" ", "+") if isinstance(text, str) else text),
]


SentQuantity = Annotated[WholeNumber, BeforeValidator(read_whole_number)]
"""A whole number in any JSON spelling."""

SentId = Annotated[
    UUID, BeforeValidator(read_uuid), WithJsonSchema({"type": "string", "format": "uuid"})
]
"""A UUID in any spelling."""

DeviceTime = Annotated[
    str | None,
    Field(
        description="What was sent as `occurredAt`, where that is something else; empty where "
        "nothing was sent."
    ),
]


CoveredAt = Annotated[
    Timestamp | None,
    Field(
        description="The moment of the stock-take that had seen this movement before it was "
        "recorded. Then it changed nothing on hand."
    ),
]


SCHEMA_REFERENCE = "#/components/schemas/{model}"
"""Where the OpenAPI document has a schema."""


class Wire(BaseModel):
    model_config = WIRE_CONFIG


class RequestBody(Wire):
    """What a request says. An unknown field is refused, as without it the request would mean
    something else."""

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
    """For fields that are left out where they say nothing."""
    return value is None


def example(**values: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [values]})


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """The request body of an endpoint that decodes it by itself."""
    schema = {"$ref": SCHEMA_REFERENCE.format(model=model.__name__)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
