"""Parsing of an element of a batch into a transaction, or into a rejection.

A fact that happened is recorded. A field that does not affect stock never causes a rejection if it
can't be read: the element gets a warning.
"""

import json
import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

from pydantic import (
    AliasChoices,
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from application.parsing.descriptions import (
    MAX_METADATA_BYTES,
    MAX_METADATA_PAIRS,
    MAX_UNIT_LENGTH,
    REASON_CODE,
    information,
    read_entered,
    read_metadata,
    read_scanned,
    read_unit_cost,
    require_cost_of_goods_in,
    split_reason,
)
from application.parsing.fields import MAX_SHOWN_LENGTH, ElementFields, FieldNames, FieldWarning
from application.parsing.values import (
    read_flag,
    read_instant,
    read_quantity,
    read_seconds,
    read_text,
    read_uuid,
)
from domain.device_clock import MAX_OFFLINE
from domain.errors import Unsupported
from domain.limits import (
    MAX_NOTE_LENGTH,
    MAX_TEXT_LENGTH,
    MAX_TIME_LENGTH,
    printable,
)
from domain.quantities import Quantity
from domain.transaction import (
    NO_LINKS,
    NOTHING_SENT,
    Information,
    Links,
    Transaction,
    TransactionType,
    UnitCost,
)

_WORD: Final = re.compile(r"[\w-]{1,32}")
"""A text that may name a type of a later version."""

Instant = Annotated[
    datetime,
    BeforeValidator(read_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A date and time with its offset from UTC, as `read_instant` reads it."""

WIRE_CONFIG = ConfigDict(
    alias_generator=AliasGenerator(
        validation_alias=lambda name: AliasChoices(to_camel(name), name),
        serialization_alias=to_camel,
    ),
    populate_by_name=True,
)
"""camelCase out; camelCase and snake_case in."""


Number = Annotated[int | float, WithJsonSchema({"type": "number"})]
"""A quantity in an answer: a whole number as `int`."""

SENT_NUMBER: Final = {"anyOf": [{"type": "number"}, {"type": "string"}]}
"""The JSON schema of a quantity in a request."""

SentNumber = Annotated[Any, WithJsonSchema(SENT_NUMBER)]
"""A decimal in a request: a JSON number, or a text."""


class UnitCostElement(BaseModel):
    """The cost of one unit."""

    amount: SentNumber
    currency: Annotated[str, Field(description="ISO 4217, such as EUR.")]


class EnteredElement(BaseModel):
    """A quantity in the unit that the clerk used."""

    quantity: SentNumber
    unit: Annotated[str, Field(max_length=MAX_UNIT_LENGTH)]
    per: Annotated[SentNumber, Field(description="Base units in one of this unit.")]


# Only the description of the API uses it. `read_element` and plain.py read elements.
class MovementElement(BaseModel):
    """A transaction as a client writes it, without the id of its item."""

    model_config = WIRE_CONFIG

    local_id: Annotated[
        UUID,
        Field(description="The idempotency key: made by the client, the same for every retry."),
    ]
    type: TransactionType
    quantity: Annotated[
        Any,
        WithJsonSchema(SENT_NUMBER),
        Field(
            description="With at most as many decimal places as the item's `scale`. INBOUND, "
            "OUTBOUND: more than 0. ADJUST: a signed difference other than 0. COUNT: what was "
            "counted, 0 or more. VOID: left out.",
        ),
    ] = None
    occurred_at: Annotated[Instant | None, Field(description="By the client's clock.")] = None
    reason: Annotated[
        str | None,
        Field(
            pattern=rf"^{REASON_CODE}$",
            description="A code, such as `damaged`. Any code is recorded. Prose becomes a note.",
        ),
    ] = None
    note: Annotated[str | None, Field(json_schema_extra={"maxLength": MAX_NOTE_LENGTH})] = None
    reference: Annotated[str | None, Field(json_schema_extra={"maxLength": MAX_TEXT_LENGTH})] = None
    device: Annotated[str | None, Field(json_schema_extra={"maxLength": MAX_TEXT_LENGTH})] = None
    voids: Annotated[
        UUID | None,
        Field(
            description="VOID: the `localId` of the transaction that never happened. The VOID's "
            "own `localId` is the UUIDv5 of it and the name `void`."
        ),
    ] = None
    corrects: Annotated[
        UUID | None,
        Field(
            description="COUNT: the `localId` of the mistaken stock-take that this one replaces."
        ),
    ] = None
    returns: Annotated[
        UUID | None,
        Field(description="INBOUND: the `localId` of the transaction whose goods came back."),
    ] = None
    override: Annotated[
        bool | None,
        Field(
            description="Whether the quantity on hand may end below the floor. Needs a role that "
            "may adjust, and a reason."
        ),
    ] = None
    scanned: Annotated[
        str | None,
        Field(
            json_schema_extra={"maxLength": MAX_TEXT_LENGTH},
            description="The raw code from the scanner.",
        ),
    ] = None
    metadata: Annotated[
        dict[str, str] | None,
        Field(
            max_length=MAX_METADATA_PAIRS,
            description=f"Any texts, by name: at most {MAX_METADATA_BYTES} bytes of JSON.",
        ),
    ] = None
    unit_cost: Annotated[
        UnitCostElement | None, Field(description="The cost of one unit. Only for INBOUND.")
    ] = None
    entered: Annotated[
        EnteredElement | None,
        Field(description="The quantity as it was entered, in a unit of `per` base units."),
    ] = None
    age: Annotated[
        float | None,
        Field(
            ge=0,
            le=MAX_OFFLINE.total_seconds(),
            description="Seconds since it happened, by a monotonic clock of the device that also "
            "counts while it sleeps. Computed for each attempt; takes precedence over "
            "`occurredAt`.",
        ),
    ] = None
    requires: Annotated[
        list[str] | None,
        Field(
            description="Fields that the server must know. If it does not, it does not record the "
            "transaction, and answers `UNSUPPORTED`."
        ),
    ] = None


class TransactionElement(MovementElement):
    """One element of a batch."""

    item_id: UUID
    group: Annotated[
        UUID | None,
        Field(
            description="The transactions of a group, all in one batch, are recorded together, or "
            "none of them."
        ),
    ] = None


class ReadElement(NamedTuple):
    """A parsed element."""

    transaction: Transaction
    age: timedelta | None
    """The time since it happened, if its device sent it."""
    warnings: list[FieldWarning]


TRANSACTION: Final = FieldNames("a transaction", TransactionElement.model_fields)

_TYPES: Final = frozenset(kind.value for kind in TransactionType)


def read_element(element: object) -> ReadElement:
    """Reads one element, in any accepted spelling.

    Raises:
        Invalid: a decisive field is missing, or can't be read.
        Unsupported: it has a type, or requires a field, that this version does not know.
    """
    fields = ElementFields(element, TRANSACTION)
    fields.require_unambiguous()
    local_id = fields.required("local_id", read_uuid)
    _require_known_needs(fields)
    kind = fields.required("type", _read_type)
    item_id = fields.required("item_id", read_uuid)
    quantity = _read_quantity(fields, kind)
    age = fields.descriptive("age", read_age)
    occurred_at, device_time = _read_time(
        fields, must_be_known=kind is TransactionType.COUNT and age is None
    )
    reason, note = _read_reason_and_note(fields)
    info = _read_information(fields, kind)
    links = _read_links(fields, kind)
    if kind is TransactionType.COUNT:
        fields.require_no_slips()
    transaction = Transaction(
        local_id=local_id,
        type=kind,
        item_id=item_id,
        quantity=quantity,
        occurred_at=occurred_at,
        device_time=device_time,
        reason=reason,
        note=note,
        reference=_read_shortened(fields, "reference", MAX_TEXT_LENGTH),
        device=_read_shortened(fields, "device", MAX_TEXT_LENGTH),
        info=info,
        links=links,
        override=bool(fields.descriptive("override", read_flag)),
    )
    fields.warn_of_unknown()
    return ReadElement(transaction, age, fields.warnings)


def _require_known_needs(fields: ElementFields) -> None:
    """Raises Unsupported: the type or a required field is unknown; Invalid: `requires` is wrong."""
    named = fields.values.get("type")
    if isinstance(named, str) and _WORD.fullmatch(named) and named.upper() not in _TYPES:
        raise Unsupported(type=named)
    for name in fields.decisive("requires", _read_names) or ():
        if name not in TRANSACTION.accepted:
            raise Unsupported(requires=printable(name[:MAX_SHOWN_LENGTH]))


def _read_names(value: object) -> list[str]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("must be a list of names")
    return names


def _read_type(value: object) -> TransactionType:
    try:
        return TransactionType(str(value).strip().upper())
    except ValueError:
        raise ValueError(f"must be one of {', '.join(TransactionType)}") from None


def read_age(value: object) -> timedelta:
    """Reads an age in seconds. Raises ValueError: it is not between 0 and MAX_OFFLINE."""
    age = read_seconds(value)
    if not timedelta() <= age <= MAX_OFFLINE:
        raise ValueError(f"must lie between 0 and {MAX_OFFLINE.total_seconds():.0f} seconds")
    return age


def _read_time(fields: ElementFields, *, must_be_known: bool) -> tuple[datetime | None, str | None]:
    """Returns the time by the device's clock, and the sent text if that is not a time."""
    value = fields.values.get("occurred_at")
    if must_be_known and value is not None:
        return fields.required("occurred_at", read_instant), None
    occurred_at = fields.descriptive("occurred_at", read_instant)
    if value is None or occurred_at is not None:
        return occurred_at, None
    text = value if isinstance(value, str) else _one_spelling(value)
    return None, text[:MAX_TIME_LENGTH] or NOTHING_SENT


def _one_spelling(value: object) -> str:
    """Returns one standard spelling of a value that is not a text: the same for equal values."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)


def _read_quantity(fields: ElementFields, kind: TransactionType) -> Quantity:
    """Reads the quantity. A VOID needs none."""
    if kind is TransactionType.VOID:
        return 0
    return fields.required("quantity", read_quantity)


def _read_links(fields: ElementFields, kind: TransactionType) -> Links:
    def returned(value: object) -> UUID:
        if kind is not TransactionType.INBOUND:
            raise ValueError(f"is for {TransactionType.INBOUND} only")
        return read_uuid(value)

    links = Links(
        voids=fields.decisive("voids", read_uuid),
        corrects=fields.decisive("corrects", read_uuid),
        returns=fields.descriptive("returns", returned),
        group=fields.decisive("group", read_uuid),
    )
    return links if links.named() else NO_LINKS


def _read_reason_and_note(fields: ElementFields) -> tuple[str | None, str | None]:
    """Reads both. A reason that is prose becomes the beginning of the note."""
    text = fields.descriptive("reason", read_text)
    code, prose = (None, None) if text is None else split_reason(text)
    if prose is None or not prose.strip():
        return code, _read_shortened(fields, "note", MAX_NOTE_LENGTH)
    fields.warn("MOVED", "reason", "is not a code; it is recorded in the note")
    note = fields.descriptive("note", read_text)
    both = prose if note is None else f"{prose}\n{note}"
    return None, _shortened(fields, "note", both, MAX_NOTE_LENGTH)


def _read_information(fields: ElementFields, kind: TransactionType) -> Information | None:
    def cost(value: object) -> UnitCost:
        require_cost_of_goods_in(kind)
        return read_unit_cost(value)

    return information(
        scanned=fields.descriptive("scanned", read_scanned),
        metadata=fields.descriptive("metadata", read_metadata),
        unit_cost=fields.descriptive("unit_cost", cost),
        entered=fields.descriptive("entered", read_entered),
    )


def _read_shortened(fields: ElementFields, name: str, longest: int) -> str | None:
    text = fields.descriptive(name, read_text)
    return None if text is None else _shortened(fields, name, text, longest)


def _shortened(fields: ElementFields, name: str, text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    fields.warn("CUT", to_camel(name), f"has {len(text)} characters; the first {longest} are kept")
    return text[:longest]
