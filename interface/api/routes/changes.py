"""/sync/changes and /sync/stream: what a device follows that has a copy."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import Depends, Header, Query, Request
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from application.following.changes import ChangePage
from interface.api.dependencies import CanRead, Configured, Following, Slots
from interface.api.problems import documented
from interface.api.read_slots import read_in_slot
from interface.api.route_classes import strict_router
from interface.api.schemas.changes import (
    MAX_BOOKMARK_LENGTH,
    ChangeList,
    PageWanted,
    Wanted,
    page_json,
)
from interface.api.streaming import still_known, stream_of, wait_for_changes

router = strict_router(prefix="/sync", tags=["sync"])

_HEARTBEAT: Final = ServerSentEvent(comment="heartbeat")

_ANSWERS = documented(
    HTTPStatus.GONE, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.TOO_MANY_REQUESTS
)


@router.get("/changes", summary="What changed since", response_model=ChangeList, responses=_ANSWERS)
async def list_changes(
    request: Request,
    caller: CanRead,
    follower: Following,
    slots: Slots,
    query: Annotated[PageWanted, Query()],
) -> Response:
    """What happened at the caller's locations, in the ledger's order. Nothing is ever skipped. With
    `wait` the answer comes as soon as there is something.

    410 `UNKNOWN_POSITION` where this ledger never was at `after`: then take a new first copy.
    """
    subscription = follower.subscribe(caller, query.location)
    after = await read_in_slot(request, subscription.known, query.after)
    if query.wait:
        with slots.taken_by(caller):
            page = await wait_for_changes(
                request, subscription, slots.reads, after, query.limit, query.wait
            )
    else:
        page = await read_in_slot(request, subscription.page, after, query.limit)
    content = await run_in_threadpool(page_json, page)
    return Response(content, media_type="application/json")


async def _opened(
    request: Request,
    caller: CanRead,
    follower: Following,
    slots: Slots,
    settings: Configured,
    query: Annotated[Wanted, Query()],
    last_event_id: Annotated[
        str | None, Header(max_length=MAX_BOOKMARK_LENGTH, description="Wins over `after`.")
    ] = None,
) -> AsyncIterator[AsyncIterator[ChangePage | None]]:
    """All that may be refused is refused before the stream begins."""
    subscription = follower.subscribe(caller, query.location)
    after = await read_in_slot(request, subscription.known, last_event_id or query.after)
    with slots.taken_by(caller) as slot:
        yield stream_of(
            subscription,
            slots.reads,
            after,
            slot,
            lambda: still_known(request),
            settings.key_cache,
        )


@router.get(
    "/stream",
    summary="Changes as they happen",
    response_class=EventSourceResponse,
    responses=_ANSWERS,
)
async def stream_changes(
    pages: Annotated[AsyncIterator[ChangePage | None], Depends(_opened)],
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events named `changes`, each a page like those of GET /sync/changes, as soon as
    there is something, and a comment every 10 seconds where there is nothing. The id of an event is
    its `nextAfter`: a client that comes back with it as `Last-Event-ID`, as an `EventSource` does
    by itself, misses nothing. The stream ends when its key is revoked, or the server stops.
    """
    async for page in pages:
        yield _HEARTBEAT if page is None else _event_of(page)


def _event_of(page: ChangePage) -> ServerSentEvent:
    return ServerSentEvent(raw_data=page_json(page), event="changes", id=str(page.next_after))
