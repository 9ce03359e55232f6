"""The codes of the contract, as open enumerations of the OpenAPI document.

A later version may add codes. A client must accept an unknown code, and use the other fields of the
row or the problem.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

from pydantic import WithJsonSchema

from application.access import errors as access
from application.files.import_problems import AlreadyOpened
from application.following.changes import ChangesUnavailable, UnknownPosition
from application.recording import rejection_errors as rejected
from application.sealing import errors as sealing
from application.tabular.errors import UnreadableFile
from domain import errors as rejections
from domain.errors import Rejection

STATUS: Final[Mapping[type[Rejection], HTTPStatus]] = {
    rejections.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    rejections.Unsupported: HTTPStatus.UNPROCESSABLE_ENTITY,
    rejections.UnknownItem: HTTPStatus.NOT_FOUND,
    rejections.UnknownVersion: HTTPStatus.NOT_FOUND,
    rejections.ItemDiscontinued: HTTPStatus.CONFLICT,
    rejections.ItemDiffers: HTTPStatus.CONFLICT,
    rejections.TooManyProvisionalItems: HTTPStatus.TOO_MANY_REQUESTS,
    rejections.UnknownCode: HTTPStatus.NOT_FOUND,
    rejections.CodeTaken: HTTPStatus.CONFLICT,
    rejections.CodeWasRetired: HTTPStatus.CONFLICT,
    rejections.InsufficientStock: HTTPStatus.CONFLICT,
    rejections.StockLimitExceeded: HTTPStatus.CONFLICT,
    rejections.UnknownTransaction: HTTPStatus.CONFLICT,
    rejections.GroupFailed: HTTPStatus.CONFLICT,
    rejections.LocalIdReused: HTTPStatus.CONFLICT,
    rejections.Conflict: HTTPStatus.CONFLICT,
    rejections.LedgerDamaged: HTTPStatus.CONFLICT,
    access.Forbidden: HTTPStatus.FORBIDDEN,
    access.ItemElsewhere: HTTPStatus.NOT_FOUND,
    access.UnknownKey: HTTPStatus.NOT_FOUND,
    access.KeyNotActive: HTTPStatus.CONFLICT,
    access.SignInTooOld: HTTPStatus.FORBIDDEN,
    UnknownPosition: HTTPStatus.GONE,
    ChangesUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    AlreadyOpened: HTTPStatus.CONFLICT,
    UnreadableFile: HTTPStatus.UNPROCESSABLE_ENTITY,
    sealing.NoCheckpoint: HTTPStatus.NOT_FOUND,
    sealing.NotRecorded: HTTPStatus.NOT_FOUND,
    sealing.NotSealedYet: HTTPStatus.SERVICE_UNAVAILABLE,
    sealing.UnknownSize: HTTPStatus.CONFLICT,
    sealing.TreeDamaged: HTTPStatus.CONFLICT,
    rejected.UnknownRejection: HTTPStatus.NOT_FOUND,
    rejected.AlreadyRecorded: HTTPStatus.CONFLICT,
    rejected.TooManyRejections: HTTPStatus.TOO_MANY_REQUESTS,
}
"""The HTTP status of each rejection outside a batch."""

OF_REQUESTS: Final = (
    "BATCH_TOO_LARGE",
    "BODY_TOO_LARGE",
    "CLOCK_STEPPED",
    "HEADERS_TOO_LARGE",
    "IDENTITY_PROVIDER_UNAVAILABLE",
    "INTERNAL_ERROR",
    "MALFORMED_BODY",
    "MALFORMED_REQUEST",
    "METHOD_NOT_ALLOWED",
    "NOT_FOUND",
    "OVERLOADED",
    "RATE_LIMITED",
    "READ_TIMED_OUT",
    "REQUEST_TIMEOUT",
    "STORE_UNAVAILABLE",
    "TLS_REQUIRED",
    "TOO_MANY_STREAMS",
    "UNAUTHENTICATED",
    "UNKNOWN_HOST",
    "UNSUPPORTED_ENCODING",
    "UNSUPPORTED_MEDIA_TYPE",
    "UPGRADING",
)
"""Codes of requests that were refused before their content was processed."""

WARNINGS: Final = ("UNKNOWN_FIELD", "UNREADABLE", "CUT", "MOVED", "NOT_ALLOWED", "PART_OF_GROUP")


def _open(*codes: str) -> dict[str, Any]:
    """Returns the JSON Schema of an open enumeration: known codes, or any other string."""
    return {"anyOf": [{"type": "string", "enum": sorted(set(codes))}, {"type": "string"}]}


_REJECTION_CODES: Final = [rejection.code for rejection in STATUS]

OPEN_ENUMERATIONS: Final = {
    "RejectionCode": _open(*_REJECTION_CODES),
    "ProblemCode": _open(*_REJECTION_CODES, *OF_REQUESTS),
    "WarningCode": _open(*WARNINGS),
}
"""Schemas of the open enumerations, by name."""

RejectionCode = Annotated[str, WithJsonSchema(OPEN_ENUMERATIONS["RejectionCode"])]
ProblemCode = Annotated[str, WithJsonSchema(OPEN_ENUMERATIONS["ProblemCode"])]
WarningCode = Annotated[str, WithJsonSchema(OPEN_ENUMERATIONS["WarningCode"])]
