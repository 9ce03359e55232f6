"""Audit of refused writes: a missing permission is recorded in the audit trail."""

from typing import Final

from fastapi import FastAPI, Request, Response

from application.access.audit import Action
from application.access.errors import Forbidden, ItemElsewhere
from interface.api.dependencies import origin_of
from interface.api.masking import masked
from interface.api.problems import answer_to
from interface.composition import Services

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


REFUSALS: Final = (Forbidden, ItemElsewhere)
"""The errors of a missing permission."""


def install(app: FastAPI) -> None:
    """Registers the handler that records refused writes."""
    for refusal in REFUSALS:
        app.add_exception_handler(refusal, answer_refusal)


def answer_refusal(request: Request, error: Exception) -> Response:
    """Returns the answer to a refusal, and records that of a write. Writes to the database."""
    if request.method not in _SAFE_METHODS:
        services: Services = request.app.state.services
        detail = f"{request.method} {masked(request.url.path)[:200]}: {error}"
        services.audit.record(Action.WRITE_REFUSED, origin_of(request), detail)
    return answer_to(error)
