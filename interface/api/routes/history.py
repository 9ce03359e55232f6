"""The history of an item: its events, and its quantity on hand over time."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from application.history import MAX_BUCKETS
from application.projections.movements import Movement
from interface.api.dependencies import CanRead, History, Reads
from interface.api.problems import documented
from interface.api.route_classes import strict_router
from interface.api.schemas.base import QueryInstant
from interface.api.schemas.history import ItemEventPage, OnHandHistory
from interface.api.schemas.paging import Cursor, Limit, Position, cursor_for, parse_cursor

router = strict_router(prefix="/items/{item_id}", tags=["items"])

_PROBLEMS = documented(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)


class EventQuery(BaseModel):
    """The page of an item's events."""

    limit: Limit = 100
    cursor: Cursor = None


class PeriodQuery(BaseModel):
    """The period of a history, and its resolution."""

    start: Annotated[
        QueryInstant | None,
        Field(alias="from", description="Inclusive. By default, since the registration."),
    ] = None
    end: Annotated[
        QueryInstant | None, Field(alias="to", description="Exclusive. By default, until now.")
    ] = None
    buckets: Annotated[
        int, Field(ge=1, le=MAX_BUCKETS, description="The number of equal parts of the period.")
    ] = 400


@router.get("/changes", summary="List an item's events", responses=_PROBLEMS)
def list_item_changes(
    item_id: UUID,
    caller: CanRead,
    history: History,
    reads: Reads,
    query: Annotated[EventQuery, Query()],
) -> ItemEventPage:
    """Lists everything that happened to the item, the newest first: movements, its life cycle and
    its codes. `items` and `codes` together have at most `limit` rows; sort them by `position`."""
    before = parse_cursor(query.cursor, Position)
    changes = history.changes(item_id, caller, before=before, limit=query.limit)
    voids = reads.voids_of([one for one in changes if isinstance(one, Movement)])
    return ItemEventPage.of(
        changes, voids, cursor_for(changes, query.limit, lambda change: change.position)
    )


@router.get("/history", summary="Get an item's quantity over time", responses=_PROBLEMS)
def get_history(
    item_id: UUID, caller: CanRead, history: History, query: Annotated[PeriodQuery, Query()]
) -> OnHandHistory:
    """Returns the quantity on hand by time of recording, as `asOf` tells it, for a chart.

    The period is divided into equal buckets. Between them, the quantity stays the same.
    """
    found = history.on_hand(
        item_id, caller, start=query.start, end=query.end, buckets=query.buckets
    )
    return OnHandHistory.of(found)
