"""/items: the stock list, and the life cycle of items."""

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from application.files.exports import ListName
from application.persistence.filters import ItemFilter
from application.reads import ReadService
from domain.errors import Invalid
from domain.item_details import ItemDetails
from domain.quantities import MAX_QUANTITY
from domain.stock_item import StockItem
from interface.api.dependencies import (
    CanManageItems,
    CanRead,
    CanRegister,
    Exports,
    Following,
    Items,
    Reads,
    UnslottedReads,
)
from interface.api.exporting import EXPORTED, AcceptedFormat, exported
from interface.api.problems import documented
from interface.api.route_classes import strict_router
from interface.api.schemas.base import QueryInstant
from interface.api.schemas.codes import CodeAssignment, CodeRetirement, ItemCode, RetiredCode
from interface.api.schemas.items import Confirmation, DetailsChange, Item, ItemPage, Registration
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
    provisional: Annotated[
        bool, Field(description="Only items that a manager has still to confirm.")
    ] = False
    code: Annotated[WantedLabel, Field(description="Only the items that this code belongs to.")] = (
        None
    )
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
    registration: Registration,
    items: Items,
    caller: CanRegister,
    reads: UnslottedReads,
    response: Response,
) -> Item:
    """Registers an item: 201 if it is new, 200 if it exists, 409 if it exists with other details.

    The `itemId` is computed from `location` and `sku`, so a device can compute it offline. What a
    `device` or a `clerk` registers is provisional. A manager confirms it, or registers it again
    with other details.
    """
    item, is_new = items.register(registration.requested, caller)
    if is_new:
        response.headers["Location"] = f"/items/{item.id}"
    else:
        response.status_code = HTTPStatus.OK
    return _item(item, reads)


@router.get(
    "",
    summary="List stock levels",
    response_model=ItemPage,
    responses={**EXPORTED, **documented(_INVALID)},
)
def list_items(
    request: Request,
    caller: CanRead,
    reads: Reads,
    exports: Exports,
    follower: Following,
    query: Annotated[StockQuery, Query()],
    format: AcceptedFormat,
) -> ItemPage | Response:
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
        provisional=query.provisional,
        code=query.code,
    )
    if format is not None:
        export = exports.stock(wanted, caller, query.location)
        return exported(request, ListName.STOCK, export, format, query.cursor)
    cursor = parse_cursor(query.cursor, tuple[KeyText, KeyText, KeyText, UUID])
    # Taken before the read: later writes are among the changes after this bookmark.
    next_after, after = (cursor[0], cursor[1:]) if cursor else (str(follower.feed.head()), None)
    levels = reads.items(wanted, caller, location=query.location, after=after, limit=query.limit)
    codes = reads.codes_of([level.item_id for level in levels])
    return ItemPage(
        items=[Item.of_level(level, codes[level.item_id]) for level in levels],
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
        return _item(items.at_version(item_id, version, caller), reads)
    if as_of is not None:
        return _item(items.as_of(item_id, as_of, caller), reads)
    level = reads.item(item_id, caller)
    return Item.of_level(level, reads.codes_of([item_id])[item_id])


@router.patch(
    "/{item_id}",
    summary="Change an item's details",
    responses=documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, _INVALID),
)
def change_item(
    item_id: UUID,
    change: DetailsChange,
    items: Items,
    caller: CanManageItems,
    reads: UnslottedReads,
) -> Item:
    """Changes the details in the body. The others stay the same."""
    return _item(items.change_details(item_id, _applying(change), caller), reads)


def _applying(change: Confirmation) -> Callable[[ItemDetails], ItemDetails]:
    changed = change.model_dump(exclude_unset=True)
    return lambda details: replace(details, **changed)


@router.post(
    "/{item_id}/confirm",
    summary="Confirm a provisional item",
    responses=documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, _INVALID),
)
def confirm_item(
    item_id: UUID,
    items: Items,
    caller: CanManageItems,
    reads: UnslottedReads,
    details: Confirmation | None = None,
) -> Item:
    """Confirms an item that a device or a clerk registered, and changes the details in the body, if
    there is one. Idempotent."""
    change = _applying(details or Confirmation())
    return _item(items.confirm(item_id, caller, change), reads)


@router.post(
    "/{item_id}/codes",
    summary="Assign a code to an item",
    status_code=HTTPStatus.CREATED,
    responses={
        200: {"model": ItemCode, "description": "It is assigned in this way already"},
        **documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, _INVALID),
    },
)
def assign_code(
    item_id: UUID,
    assignment: CodeAssignment,
    items: Items,
    caller: CanRegister,
    response: Response,
) -> ItemCode:
    """Assigns a code to the item: 201 if this changes it, 200 if it is assigned already, 409 if it
    belongs to another SKU at the location. Then retire it there first."""
    assigned, is_new = items.assign_code(item_id, assignment.code, assignment.per, caller)
    if not is_new:
        response.status_code = HTTPStatus.OK
    return ItemCode.of_event(assigned)


@router.post(
    "/{item_id}/codes/retire",
    summary="Retire a code of an item",
    responses=documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, _INVALID),
)
def retire_code(
    item_id: UUID, retirement: CodeRetirement, items: Items, caller: CanManageItems
) -> RetiredCode:
    """Frees a code, so that it can be assigned to another item. Idempotent."""
    return RetiredCode.of(items.retire_code(item_id, retirement.code, caller))


_LIFE_CYCLE_PROBLEMS = documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, _INVALID)


@router.post(
    "/{item_id}/discontinue", summary="Discontinue an item", responses=_LIFE_CYCLE_PROBLEMS
)
def discontinue_item(
    item_id: UUID, items: Items, caller: CanManageItems, reads: UnslottedReads
) -> Item:
    """Stops the item's movements until it is reactivated. Idempotent."""
    return _item(items.discontinue(item_id, caller), reads)


@router.post("/{item_id}/reactivate", summary="Reactivate an item", responses=_LIFE_CYCLE_PROBLEMS)
def reactivate_item(
    item_id: UUID, items: Items, caller: CanManageItems, reads: UnslottedReads
) -> Item:
    """Allows movements of a discontinued item again. Idempotent."""
    return _item(items.reactivate(item_id, caller), reads)


def _item(item: StockItem, reads: ReadService) -> Item:
    return Item.of_item(item, reads.codes_of([item.id])[item.id])
