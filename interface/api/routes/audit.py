"""/audit: the audit trail."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from application.access.audit import Action
from application.files.exports import ListName
from application.persistence.filters import AuditFilter
from interface.api.dependencies import Audit, CanReadAudit, Exports
from interface.api.exporting import EXPORTED, AcceptedFormat, exported
from interface.api.problems import documented
from interface.api.route_classes import strict_router
from interface.api.schemas.access import AuditPage, AuditRecord
from interface.api.schemas.paging import Timeline, WantedText, cursor_for, parse_cursor

router = strict_router(tags=["access"])

_INVALID = HTTPStatus.UNPROCESSABLE_ENTITY


class AuditQuery(Timeline):
    """The filter of the audit trail."""

    action: Action | None = None
    actor: WantedText = None


@router.get(
    "/audit",
    summary="List audit entries",
    response_model=AuditPage,
    responses={**EXPORTED, **documented(_INVALID)},
)
def list_audit_entries(
    request: Request,
    caller: CanReadAudit,
    audit: Audit,
    exports: Exports,
    query: Annotated[AuditQuery, Query()],
    format: AcceptedFormat,
) -> AuditPage | Response:
    """Lists failed authentications, refused writes, dismissed rejections and changes of keys.

    The newest entries come first.
    """
    wanted = AuditFilter(**query.model_dump(exclude={"limit", "cursor"}))
    if format is not None:
        return exported(
            request, ListName.AUDIT, exports.audit(wanted, caller), format, query.cursor
        )
    entries = audit.entries(wanted, before=parse_cursor(query.cursor, UUID), limit=query.limit)
    return AuditPage(
        items=[AuditRecord.of(entry) for entry in entries],
        next_cursor=cursor_for(entries, query.limit, lambda entry: entry.entry_id),
    )
