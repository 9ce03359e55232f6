"""Why a rejected transaction can't be closed as asked.

Rejection
  UnknownRejection     nothing was rejected under that name
  AlreadyRecorded      it was recorded after all
"""

from uuid import UUID

from domain.rejections import Rejection


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
