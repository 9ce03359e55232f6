"""Movements: recording one online, and the journal."""

from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse

from application.access.roles import Permission
from application.files.exports import ListName
from application.parsing.batch import parse_batch
from application.parsing.transactions import MovementElement
from application.persistence.filters import MovementFilter
from application.projections.movements import Movement
from domain.errors import Invalid
from domain.transaction import TransactionType
from interface.api.dependencies import CanRead, Exports, Proofs, Reads, needs
from interface.api.exporting import EXPORTED, AcceptedFormat, exported
from interface.api.problems import documented
from interface.api.request_json import arrival, read_json
from interface.api.route_classes import DirectRoute, strict_router
from interface.api.schemas.base import json_body
from interface.api.schemas.movements import MovementPage, MovementRecord
from interface.api.schemas.paging import (
    Position,
    Timeline,
    WantedLabel,
    WantedText,
    cursor_for,
    parse_cursor,
)
from interface.api.schemas.sync import SyncedTransaction, synced_answer
from interface.composition import Services

router = strict_router(tags=["movements"])
direct_router = APIRouter(tags=["movements"], route_class=DirectRoute)

_INVALID = HTTPStatus.UNPROCESSABLE_ENTITY


class ItemJournalQuery(Timeline):
    """The filter of an item's journal."""

    type: TransactionType | None = None
    actor: WantedText = None
    device: WantedText = None
    reference: WantedText = None
    was_refused: Annotated[
        bool,
        Query(
            alias="wasRefused",
            description="Only what the ledger refused first, and recorded later by itself.",
        ),
    ] = False

    def movement_filter(self) -> MovementFilter:
        """Converts the query to a filter of the read model."""
        return MovementFilter(**self.model_dump(exclude={"location", "limit", "cursor"}))


class JournalQuery(ItemJournalQuery):
    """The filter of the journal."""

    location: WantedLabel = None


@direct_router.post(
    "/items/{item_id}/movements",
    summary="Record a movement",
    operation_id="recordMovement",
    status_code=HTTPStatus.CREATED,
    dependencies=[needs(Permission.RECORD)],
    response_model=SyncedTransaction,
    responses={
        200: {"model": SyncedTransaction, "description": "Already recorded: a duplicate"},
        **documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, _INVALID),
    },
    openapi_extra=json_body(MovementElement),
)
async def record_movement(request: Request, item_id: UUID) -> Response:
    """Records a movement of the item, by the same rules as a batch of one."""
    services: Services = request.app.state.services
    body = await read_json(request)
    if not isinstance(body, dict):
        raise Invalid("transaction", "must be an object")
    fields = {name: value for name, value in body.items() if name not in {"itemId", "item_id"}}
    batch = parse_batch([{**fields, "itemId": str(item_id)}], arrival(request))
    result = await services.sync.record(batch, request.state.principal, is_answered=True)
    if result.failed:
        raise result.failed[0].rejection
    return synced_answer(result)


@router.get(
    "/movements",
    summary="List movements",
    response_model=MovementPage,
    responses={**EXPORTED, **documented(_INVALID)},
)
def list_movements(
    request: Request,
    caller: CanRead,
    reads: Reads,
    exports: Exports,
    query: Annotated[JournalQuery, Query()],
    format: AcceptedFormat,
) -> MovementPage | Response:
    """Lists recorded transactions at the caller's locations, the newest first."""
    wanted = query.movement_filter()
    if format is not None:
        export = exports.movements(wanted, caller, query.location)
        return exported(request, ListName.MOVEMENTS, export, format, query.cursor)
    before = parse_cursor(query.cursor, Position)
    rows = reads.movements(
        wanted, caller, location=query.location, before=before, limit=query.limit
    )
    return _page(rows, reads, query.limit)


@router.get(
    "/items/{item_id}/movements",
    summary="List an item's movements",
    response_model=MovementPage,
    responses={**EXPORTED, **documented(HTTPStatus.NOT_FOUND, _INVALID)},
)
def list_item_movements(
    request: Request,
    item_id: UUID,
    caller: CanRead,
    reads: Reads,
    exports: Exports,
    query: Annotated[ItemJournalQuery, Query()],
    format: AcceptedFormat,
) -> MovementPage | Response:
    """Lists the item's recorded transactions, the newest first."""
    wanted = query.movement_filter()
    if format is not None:
        item = reads.item(item_id, caller)
        export = exports.movements(replace(wanted, item_id=item.item_id), caller, item.location)
        return exported(request, ListName.MOVEMENTS, export, format, query.cursor)
    before = parse_cursor(query.cursor, Position)
    rows = reads.movements_of(item_id, wanted, caller, before=before, limit=query.limit)
    return _page(rows, reads, query.limit)


@router.get(
    "/movements/{local_id}/proof",
    summary="Prove a movement",
    tags=["proof"],
    response_class=PlainTextResponse,
    responses=documented(
        HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE, _INVALID
    ),
)
def get_movement_proof(local_id: UUID, caller: CanRead, proofs: Proofs) -> PlainTextResponse:
    """Returns the proof that the ledger has this transaction, as a text file
    (c2sp.org/tlog-proof). `stockledger check` checks it without the network."""
    return PlainTextResponse(
        proofs.inclusion(local_id, caller).text,
        headers={"Content-Disposition": f'attachment; filename="{local_id}.tlog-proof"'},
    )


def _page(rows: Sequence[Movement], reads: Reads, limit: int) -> MovementPage:
    voids = reads.voids_of(rows)
    return MovementPage(
        items=[MovementRecord.of_row(row, voids.get(row.local_id)) for row in rows],
        next_cursor=cursor_for(rows, limit, lambda row: row.position),
    )
