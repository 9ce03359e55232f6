"""Schemas of items and of the requests that change them."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from application.parsing.transactions import WholeNumber
from application.projections.stock_levels import StockLevel
from domain.stock_item import StockItem
from interface.api.schemas.base import RequestBody, SentQuantity, Timestamp, Wire, example


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


class DetailsChange(RequestBody):
    """The details to change. At least one is required; the others stay the same."""

    model_config = example(name="Green tea 250 g, organic")

    name: str = ""
    unit: str = ""
    safety_stock: SentQuantity = 0

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
    )

    item_id: UUID
    location: str
    sku: str
    name: str
    unit: str
    safety_stock: WholeNumber
    on_hand: WholeNumber
    version: Annotated[int, Field(description="The number of the item's events.")]
    active: bool
    updated_at: Timestamp

    @classmethod
    def of_level(cls, level: StockLevel) -> "Item":
        return cls.model_construct(**{name: getattr(level, name) for name in cls.model_fields})

    @classmethod
    def of_item(cls, item: StockItem) -> "Item":
        return cls(
            item_id=item.id,
            location=item.location,
            sku=item.sku,
            name=item.name,
            unit=item.unit,
            safety_stock=item.safety_stock,
            on_hand=item.on_hand,
            version=item.version,
            active=item.active,
            updated_at=item.modified_on,
        )


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
