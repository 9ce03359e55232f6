"""/tree: the ledger as a log that proves itself."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Query
from fastapi.responses import PlainTextResponse

from application.access.audit import Action
from interface.api.dependencies import Audit, CanRead, From, Proofs
from interface.api.problems import documented
from interface.api.route_classes import strict_router
from interface.api.schemas.tree import (
    AlarmReceipt,
    AlarmReport,
    DeclarationList,
    DeclarationRecord,
    LogState,
)
from proof.encoding import MAX_SIZE

router = strict_router(prefix="/tree", tags=["proof"])

OldSize = Annotated[
    int, Query(alias="from", ge=0, le=MAX_SIZE, description="The size of an older checkpoint.")
]

_PROBLEMS = documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)


@router.get("", summary="Get the state of the log", responses=documented())
def get_log_state(_caller: CanRead, proofs: Proofs) -> LogState:
    """Returns the name of the log, its keys, its newest checkpoint, and the last verification."""
    return LogState.of(*proofs.state())


@router.get(
    "/checkpoint",
    summary="Get the newest checkpoint",
    response_class=PlainTextResponse,
    responses=documented(HTTPStatus.NOT_FOUND),
)
def get_checkpoint(_caller: CanRead, proofs: Proofs) -> str:
    """Returns the newest checkpoint: the number of events and the root of their tree, as a signed
    note (c2sp.org/tlog-checkpoint)."""
    return proofs.checkpoint().note


@router.get(
    "/consistency",
    summary="Prove that the ledger only grew",
    response_class=PlainTextResponse,
    responses=_PROBLEMS,
)
def get_consistency(_caller: CanRead, proofs: Proofs, old_size: OldSize = 0) -> str:
    """Returns the newest checkpoint, with the proof that the log begins with the events of an older
    one: the body of `add-checkpoint` in c2sp.org/tlog-witness."""
    return proofs.consistency(old_size).text


@router.get("/declarations", summary="List the declarations of the log", responses=documented())
def list_declarations(_caller: CanRead, proofs: Proofs) -> DeclarationList:
    """Lists what the log declared about itself, each signed by a key from before: another key, or a
    restore from an archive."""
    return DeclarationList(items=[DeclarationRecord.of(one) for one in proofs.declarations()])


@router.post(
    "/alarms",
    summary="Report what a device found",
    status_code=HTTPStatus.CREATED,
    responses=documented(HTTPStatus.UNPROCESSABLE_ENTITY),
)
def report_alarm(report: AlarmReport, _caller: CanRead, audit: Audit, origin: From) -> AlarmReceipt:
    """Writes the report of a device into the audit trail. The device keeps its evidence."""
    detail = f"{report.alarm}: {report.message}"
    audit.record(Action.PROOF_FAILED, origin, f"{detail} {report.evidence}".rstrip())
    return AlarmReceipt()
