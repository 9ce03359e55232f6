"""/items: the stock list, and the life cycle of items."""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, Field

from application.persistence.filters import ItemFilter
from domain.errors import Invalid
from domain.item_details import ItemDetails
from domain.quantities import MAX_QUANTITY
from interface.api.dependencies import CanManageItems, CanRead, Following, Items, Reads
from interface.api.problems import documented
from interface.api.route_classes import strict_router
from interface.api.schemas.base import QueryInstant
from interface.api.schemas.items import DetailsChange, Item, ItemPage, Registration
from interface.api.schemas.paging import (
    Cursor,
    KeyText,
    Limit,
    WantedLabel,
    WantedText,
    cursor_for,
    parse_cursor,
)

router = strict_router(prefix="/items", tags=["items"])

_INVALID = HTTPStatus.UNPROCESSABLE_ENTITY


class StockQuery(BaseModel):
    """The filter of the stock list."""

    location: WantedLabel = None
    sku: WantedLabel = None
    q: Annotated[WantedText, Field(description="Part of the SKU or name, case-insensitive.")] = None
    active: Annotated[
        bool | None,
        Field(description="`false`: only discontinued items. `true`: only active ones."),
    ] = None
    negative: Annotated[bool, Field(description="Only items with less than 0 on hand.")] = False
    below_safety_stock: Annotated[
        bool,
        Field(alias="belowSafetyStock", description="Only active items below their safety stock."),
    ] = False
    limit: Limit = 100
    cursor: Cursor = None


@router.post(
    "",
    summary="Register an item",
    status_code=HTTPStatus.CREATED,
    responses={
        200: {"model": Item, "description": "The same item is already registered"},
        **documented(HTTPStatus.CONFLICT, _INVALID),
    },
)
def register_item(
    registration: Registration, items: Items, caller: CanManageItems, response: Response
) -> Item:
    """Registers an item: 201 if it is new, 200 if it exists, 409 if it exists with other details.

    The `itemId` is computed from `location` and `sku`, so a device can compute it offline.
    """
    details = registration.details(items.default_floor)
    item, is_new = items.register(registration.location, registration.sku, details, caller)
    if is_new:
        response.headers["Location"] = f"/items/{item.id}"
    else:
        response.status_code = HTTPStatus.OK
    return Item.of_item(item)


@router.get("", summary="List stock levels", responses=documented(_INVALID))
def list_items(
    caller: CanRead, reads: Reads, follower: Following, query: Annotated[StockQuery, Query()]
) -> ItemPage:
    """Lists stock levels at the caller's locations, ordered by location and SKU.

    The levels include every transaction recorded so far. All pages together are a first copy.
    Writes during the listing neither hide an item nor show it twice. They are among the changes
    after `nextAfter`, which is the same on each page. Skip a change if your copy already has its
    `version`.
    """
    wanted = ItemFilter(
        sku=query.sku,
        text=query.q,
        active=query.active,
        below_safety_stock=query.below_safety_stock,
        negative=query.negative,
    )
    cursor = parse_cursor(query.cursor, tuple[KeyText, KeyText, KeyText, UUID])
    # Taken before the read: later writes are among the changes after this bookmark.
    next_after, after = (cursor[0], cursor[1:]) if cursor else (str(follower.feed.head()), None)
    levels = reads.items(wanted, caller, location=query.location, after=after, limit=query.limit)
    return ItemPage(
        items=[Item.of_level(level) for level in levels],
        next_cursor=cursor_for(
            levels,
            query.limit,
            lambda level: (next_after, level.location, level.sku, level.item_id),
        ),
        next_after=next_after,
    )


@router.get(
    "/{item_id}", summary="Get an item", responses=documented(HTTPStatus.NOT_FOUND, _INVALID)
)
def get_item(
    item_id: UUID,
    caller: CanRead,
    items: Items,
    reads: Reads,
    version: Annotated[int | None, Query(ge=1, le=MAX_QUANTITY)] = None,
    as_of: Annotated[QueryInstant | None, Query(alias="asOf")] = None,
) -> Item:
    """Returns the current item, the item at `version`, or the item as recorded at `asOf`."""
    if version is not None and as_of is not None:
        raise Invalid("version", "can't be given together with asOf")
    if version is not None:
        return Item.of_item(items.at_version(item_id, version, caller))
    if as_of is not None:
        return Item.of_item(items.as_of(item_id, as_of, caller))
    return Item.of_level(reads.item(item_id, caller))


@router.patch(
    "/{item_id}",
    summary="Change an item's details",
    responses=documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, _INVALID),
)
def change_item(item_id: UUID, change: DetailsChange, items: Items, caller: CanManageItems) -> Item:
    """Changes the details in the body. The others stay the same."""
    changed = change.model_dump(exclude_unset=True)

    def apply(details: ItemDetails) -> ItemDetails:
        return replace(details, **changed)

    return Item.of_item(items.change_details(item_id, apply, caller))


_LIFE_CYCLE_PROBLEMS = documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, _INVALID)


@router.post(
    "/{item_id}/discontinue", summary="Discontinue an item", responses=_LIFE_CYCLE_PROBLEMS
)
def discontinue_item(item_id: UUID, items: Items, caller: CanManageItems) -> Item:
    """Stops the item's movements until it is reactivated. Idempotent."""
    return Item.of_item(items.discontinue(item_id, caller))


@router.post("/{item_id}/reactivate", summary="Reactivate an item", responses=_LIFE_CYCLE_PROBLEMS)
def reactivate_item(item_id: UUID, items: Items, caller: CanManageItems) -> Item:
    """Allows movements of a discontinued item again. Idempotent."""
    return Item.of_item(items.reactivate(item_id, caller))
