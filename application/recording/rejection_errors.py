"""Errors of rejected transactions: one cannot be stored, or not closed as requested.

Rejection
  UnknownRejection     no rejected transaction has this id
  AlreadyRecorded      the transaction is already recorded
  TooManyRejections    the sender's limit of open rejected transactions is reached
"""

from uuid import UUID

from domain.errors import Rejection


class UnknownRejection(Rejection):
    """No rejected transaction at the caller's locations has this id."""

    code = "UNKNOWN_REJECTION"

    def __init__(self, name: UUID) -> None:
        super().__init__(f"no rejected transaction has the id {name}", local_id=str(name))


class AlreadyRecorded(Rejection):
    """The transaction was recorded after its rejection: there is nothing to dismiss or retry."""

    code = "ALREADY_RECORDED"

    def __init__(self, name: UUID) -> None:
        super().__init__(f"{name} is already recorded", local_id=str(name))


class TooManyRejections(Rejection):
    """The transaction was rejected, and its sender has too many open rejections to store this one.
    The device must keep it until some of them are closed."""

    code = "TOO_MANY_REJECTIONS"
    retryable = True

    def __init__(self, rejection: Rejection, limit: int) -> None:
        super().__init__(
            f"{rejection.message}; {limit} of your rejected transactions are open already: keep "
            "this one, and send it again when some are closed",
            rejected_as=rejection.code,
            limit=limit,
        )
