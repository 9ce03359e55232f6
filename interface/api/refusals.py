"""Writes that were refused for want of permission leave a mark in the audit trail."""

from typing import Final

from fastapi import FastAPI, Request, Response

from application.access.audit import Action
from application.access.errors import Forbidden, ItemElsewhere
from interface.api.dependencies import origin_of
from interface.api.masking import masked
from interface.api.problems import answer_to
from interface.composition import Services

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def install(app: FastAPI) -> None:
    """Makes the app's own refusals leave their mark."""
    for refusal in (Forbidden, ItemElsewhere):
        app.add_exception_handler(refusal, _refused)


def _refused(request: Request, error: Exception) -> Response:
    if request.method not in _READING:
        services: Services = request.app.state.services
        detail = f"{request.method} {masked(request.url.path)[:200]}: {error}"
        services.audit.record(Action.WRITE_REFUSED, origin_of(request), detail)
    return answer_to(error)
