"""Writes that were refused for want of permission leave a mark in the audit trail."""

from typing import Final

from fastapi import FastAPI, Request, Response

from application.access.audit import Action, AuditTrail, Origin
from application.access.errors import Forbidden, ItemElsewhere
from application.recording.sync import SyncResult
from domain.errors import Rejection
from interface.api.dependencies import origin_of
from interface.api.masking import masked
from interface.api.problems import answer_to
from interface.composition import Services

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def install(app: FastAPI) -> None:
    """Makes the app's own refusals leave their mark."""
    for refusal in (Forbidden, ItemElsewhere):
        app.add_exception_handler(refusal, _refused)


def forbidden_in(result: SyncResult) -> list[Rejection]:
    """Why the caller may not have had some of a batch recorded."""
    rejections = [
        *(failed.rejection for failed in result.failed),
        *(item.rejection for item in result.items),
    ]
    return [one for one in rejections if isinstance(one, Forbidden | ItemElsewhere)]


def record_forbidden(audit: AuditTrail, origin: Origin, result: SyncResult) -> None:
    """One entry for all such transactions of a batch."""
    if forbidden := forbidden_in(result):
        detail = f"{len(forbidden)} elements of a batch, the first because {forbidden[0].message}"
        audit.record(Action.WRITE_REFUSED, origin, detail)


def _refused(request: Request, error: Exception) -> Response:
    if request.method not in _READING:
        services: Services = request.app.state.services
        detail = f"{request.method} {masked(request.url.path)[:200]}: {error}"
        services.audit.record(Action.WRITE_REFUSED, origin_of(request), detail)
    return answer_to(error)
