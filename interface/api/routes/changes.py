"""/sync/changes and /sync/stream: changes for devices that follow the ledger."""

from collections.abc import AsyncIterator
from functools import partial
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import Depends, Header, Query, Request
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from application.following.changes import ChangePage
from interface.api.dependencies import CanRead, Configured, Following, Slots, UnslottedReads
from interface.api.problems import documented
from interface.api.read_slots import read_in_slot
from interface.api.route_classes import strict_router
from interface.api.schemas.changes import (
    MAX_BOOKMARK_LENGTH,
    ChangeList,
    PageWanted,
    StreamWanted,
    page_json,
)
from interface.api.streaming import OpenRejections, still_known, stream_of, wait_for_changes

router = strict_router(prefix="/sync", tags=["sync"])

_HEARTBEAT: Final = ServerSentEvent(comment="heartbeat")

_PROBLEMS = documented(
    HTTPStatus.GONE, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.TOO_MANY_REQUESTS
)


@router.get(
    "/changes",
    summary="List changes after a bookmark",
    response_model=ChangeList,
    responses=_PROBLEMS,
)
async def list_changes(
    request: Request,
    caller: CanRead,
    follower: Following,
    slots: Slots,
    query: Annotated[PageWanted, Query()],
) -> Response:
    """Lists changes at the caller's locations, ordered by position, without gaps.

    With `wait`, a request without changes waits for the next one. The answer is 410
    `UNKNOWN_POSITION` if this ledger does not have the bookmark `after`: take a new first copy.
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


async def _open_stream(
    request: Request,
    caller: CanRead,
    follower: Following,
    slots: Slots,
    settings: Configured,
    query: Annotated[StreamWanted, Query()],
    reads: UnslottedReads,
    last_event_id: Annotated[
        str | None,
        Header(max_length=MAX_BOOKMARK_LENGTH, description="Takes precedence over `after`."),
    ] = None,
) -> AsyncIterator[AsyncIterator[ChangePage | OpenRejections | None]]:
    """Opens a stream. Refusals come before its first byte, so they are still problems."""
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
            partial(slots.counts.count, caller.scope(query.location), reads.open_rejections)
            if query.rejections
            else None,
        )


@router.get(
    "/stream",
    summary="Stream changes",
    response_class=EventSourceResponse,
    responses=_PROBLEMS,
)
async def stream_changes(
    pages: Annotated[AsyncIterator[ChangePage | OpenRejections | None], Depends(_open_stream)],
) -> AsyncIterator[ServerSentEvent]:
    """Streams changes as server-sent events.

    Each event `changes` is a page as in GET /sync/changes. Without changes, a comment is sent every
    10 seconds. The id of an event is its `nextAfter`. A client that reconnects with this id as
    `Last-Event-ID` misses nothing; an `EventSource` does this by itself. The stream ends when its
    key is revoked or the server stops.

    With `rejections=true`, an event `rejections` has the number of open rejected transactions, at
    the start and within seconds after it changed: `{"open": 3}`. It counts up to 1,000.
    """
    async for news in pages:
        yield _HEARTBEAT if news is None else _event_of(news)


def _event_of(news: ChangePage | OpenRejections) -> ServerSentEvent:
    if isinstance(news, OpenRejections):
        return ServerSentEvent(data={"open": news.number}, event="rejections")
    return ServerSentEvent(raw_data=page_json(news), event="changes", id=str(news.next_after))
