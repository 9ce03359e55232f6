"""Schemas of items and of the requests that change them."""

from collections.abc import Iterable
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from application.parsing.items import DEFAULT, code_requests
from application.parsing.items import Registration as RequestedRegistration
from application.parsing.transactions import Number
from application.projections.codes import Code
from application.projections.stock_levels import StockLevel
from domain.labels import label
from domain.quantities import MAX_SCALE, to_number
from domain.stock_item import StockItem, floor_number
from interface.api.schemas.base import (
    RequestBody,
    SentQuantity,
    SentWholeNumber,
    Timestamp,
    Wire,
    example,
)
from interface.api.schemas.codes import CodeAssignment, ItemCode

Scale = Annotated[
    SentWholeNumber,
    Field(
        ge=0,
        le=MAX_SCALE,
        description="Decimal places of the item's quantities. The first movement fixes it.",
    ),
]

Floor = Annotated[
    SentQuantity | None,
    Field(
        description="The least quantity that goods out may leave on hand: 0 or less, or null for "
        "no limit. The default for a new item is a setting of the server."
    ),
]


class Registration(RequestBody):
    """An item to register."""

    model_config = example(
        location="main", sku="TEA-250", name="Green tea 250 g", unit="box", safetyStock=5
    )

    location: str
    sku: str
    name: str
    unit: str
    safety_stock: SentQuantity = 0
    scale: Scale = 0
    floor: Floor = None
    codes: Annotated[list[CodeAssignment], Field(default_factory=list)]

    @property
    def requested(self) -> RequestedRegistration:
        """The request, as the application knows it. Raises Invalid: location or SKU is no label."""
        given = self.model_fields_set
        return RequestedRegistration(
            location=label("location", self.location),
            sku=label("sku", self.sku),
            name=self.name,
            unit=self.unit,
            safety_stock=self.safety_stock if "safety_stock" in given else None,
            scale=self.scale if "scale" in given else None,
            floor=self.floor if "floor" in given else DEFAULT,
            codes=code_requests((one.code, one.per) for one in self.codes),
        )


class Confirmation(RequestBody):
    """Details to change when an item is confirmed. The others stay the same."""

    model_config = example(name="Green tea 250 g", unit="box")

    name: str = ""
    unit: str = ""
    safety_stock: SentQuantity = 0
    scale: Scale = 0
    floor: Floor = None


class DetailsChange(Confirmation):
    """The details to change. At least one is required; the others stay the same."""

    model_config = example(name="Green tea 250 g, organic")

    @model_validator(mode="after")
    def _require_a_change(self) -> Self:
        if not self.model_fields_set:
            names = ", ".join(to_camel(name) for name in type(self).model_fields)
            raise PydanticCustomError("no_change", "must name one of {names}", {"names": names})
        return self


class Item(Wire):
    """A stock item."""

    model_config = example(
        itemId="25611397-d162-5417-9427-6c759c4ceb9c",
        location="main",
        sku="TEA-250",
        name="Green tea 250 g",
        unit="box",
        safetyStock=5,
        onHand=24,
        version=2,
        active=True,
        updatedAt="2026-01-08T00:20:11.482Z",
        scale=0,
        floor=0,
        provisional=False,
        codes=[{"code": "4006381333931", "per": 1, "version": 1}],
    )

    item_id: UUID
    location: str
    sku: str
    name: str
    unit: str
    safety_stock: Number
    on_hand: Annotated[Number, Field(description="May be below zero.")]
    version: Annotated[int, Field(description="The number of the item's events.")]
    active: bool
    updated_at: Timestamp
    scale: Annotated[int, Field(description="Decimal places of the item's quantities.")]
    floor: Annotated[
        Number | None,
        Field(
            description="The least quantity that goods out may leave on hand; null for no limit."
        ),
    ]
    provisional: Annotated[
        bool, Field(description="Whether a manager has still to confirm the item.")
    ]
    codes: Annotated[
        list[ItemCode],
        Field(
            description="The codes that belong to it now, also if an earlier state is asked for."
        ),
    ]

    @classmethod
    def of_level(cls, level: StockLevel, codes: Iterable[Code]) -> "Item":
        values = {name: getattr(level, name) for name in cls.model_fields if name != "codes"}
        of_codes = [ItemCode.of(code) for code in codes]
        return cls.model_construct(**(values | _quantities(level)), codes=of_codes)

    @classmethod
    def of_item(cls, item: StockItem, codes: Iterable[Code]) -> "Item":
        return cls(
            item_id=item.id,
            location=item.location,
            sku=item.sku,
            name=item.name,
            unit=item.unit,
            version=item.version,
            active=item.active,
            updated_at=item.modified_on,
            scale=item.scale,
            provisional=bool(item.provisional),
            codes=[ItemCode.of(code) for code in codes],
            **_quantities(item),
        )


def _quantities(item: StockLevel | StockItem) -> dict[str, Any]:
    return {
        "safety_stock": to_number(item.safety_stock, item.scale),
        "on_hand": to_number(item.on_hand, item.scale),
        "floor": floor_number(item.floor, item.scale),
    }


class ItemPage(Wire):
    """A page of stock levels."""

    items: list[Item]
    next_cursor: str | None
    next_after: Annotated[
        str,
        Field(
            description="Bookmark of the first page: `after` of GET /sync/changes, to follow "
            "the changes since then."
        ),
    ]
