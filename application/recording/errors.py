"""Why a rejected transaction can't be kept, or closed as asked.

Rejection
  UnknownRejection     nothing was rejected under that name
  AlreadyRecorded      it was recorded after all
  TooManyRejections    the sender has so many open ones that no more are kept
"""

from uuid import UUID

from domain.errors import Rejection


class UnknownRejection(Rejection):
    """Nothing was rejected under that name, at a location of the caller's."""

    code = "UNKNOWN_REJECTION"

    def __init__(self, name: UUID) -> None:
        super().__init__(f"nothing was rejected under {name}", local_id=str(name))


class AlreadyRecorded(Rejection):
    """The transaction was recorded later on: there is nothing to dismiss."""

    code = "ALREADY_RECORDED"

    def __init__(self, name: UUID) -> None:
        super().__init__(f"{name} was recorded after all", local_id=str(name))


class TooManyRejections(Rejection):
    """The transaction was rejected, and its sender has so many open rejections that this one is
    not kept: the device keeps it, until somebody has worked through some of them."""

    code = "TOO_MANY_REJECTIONS"
    retryable = True

    def __init__(self, rejection: Rejection, limit: int) -> None:
        super().__init__(
            f"{rejection.message}; and {limit} rejected transactions of yours wait for somebody "
            "already: keep this one, and send it again when some are dealt with",
            rejected_as=rejection.code,
            limit=limit,
        )
