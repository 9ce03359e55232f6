"""From an element of a batch, whatever it holds, to a transaction, or to what is wrong with it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

from pydantic import (
    AliasChoices,
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from domain.limits import MAX_NOTE_LENGTH, MAX_QUANTITY, MAX_TEXT_LENGTH, printable
from domain.rejections import Invalid
from domain.transaction import Transaction, TransactionType


def _parse_instant(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("must be a text")  # noqa: TRY004 -- pydantic reports ValueErrors
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError("must name its offset from UTC, as in 2026-01-08T09:14:03+09:00")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the years that can be stored") from None


Instant = Annotated[
    datetime,
    BeforeValidator(_parse_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An ISO 8601 date and time with its offset from UTC."""

WIRE_CONFIG = ConfigDict(
    alias_generator=AliasGenerator(
        validation_alias=lambda name: AliasChoices(to_camel(name), name),
        serialization_alias=to_camel,
    ),
    populate_by_name=True,
)
"""camelCase out; camelCase and snake_case in."""


class MovementElement(BaseModel):
    """A transaction as a client writes it, but for the item that it is about."""

    model_config = WIRE_CONFIG | ConfigDict(strict=True)

    local_id: Annotated[
        UUID, Field(strict=False, description="Made by the client; the same for every retry.")
    ]
    type: Annotated[TransactionType, Field(strict=False)]
    quantity: Annotated[
        int,
        Field(
            description="Whole units. INBOUND, OUTBOUND: 1 or more. ADJUST: a signed difference "
            "other than 0. COUNT: what was counted, 0 or more.",
            json_schema_extra={"minimum": -MAX_QUANTITY, "maximum": MAX_QUANTITY},
        ),
    ]
    occurred_at: Annotated[Instant | None, Field(description="By the client's clock.")] = None
    reason: Annotated[str | None, Field(json_schema_extra={"maxLength": MAX_TEXT_LENGTH})] = None
    note: Annotated[str | None, Field(json_schema_extra={"maxLength": MAX_NOTE_LENGTH})] = None
    reference: Annotated[str | None, Field(json_schema_extra={"maxLength": MAX_TEXT_LENGTH})] = None
    device: Annotated[str | None, Field(json_schema_extra={"maxLength": MAX_TEXT_LENGTH})] = None


class TransactionElement(MovementElement):
    """One element of a batch."""

    item_id: Annotated[UUID, Field(strict=False)]


_ELEMENTS = TypeAdapter(list[TransactionElement]).validator


def parse_transactions(elements: Sequence[object]) -> list[Transaction]:
    """What all the elements ask for, at half the cost of one by one. Raises ValidationError or
    Invalid where any of them is malformed."""
    return [Transaction(**parsed.__dict__) for parsed in _ELEMENTS.validate_python(elements)]


def parse_transaction(element: object) -> Transaction:
    """The transaction that the element asks for. Raises Invalid, naming the field."""
    try:
        parsed = TransactionElement.model_validate(element)
    except ValidationError as error:
        raise _invalid(error) from None
    return Transaction(**parsed.__dict__)


MAX_PROBLEM: Final = 200
"""Characters."""

_PROBLEMS = {"model_type": "must be an object", "missing": "is required"}


def _invalid(error: ValidationError) -> Invalid:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    problem = _PROBLEMS.get(first["type"], first["msg"].removeprefix("Value error, "))
    problem = printable(problem[:MAX_PROBLEM])  # It may quote what was sent.
    # Where no field is to blame, the element itself is.
    field = to_camel(str(first["loc"][0])) if first["loc"] else "transaction"
    return Invalid(field, problem)
