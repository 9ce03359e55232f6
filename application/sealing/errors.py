"""Why a proof can't be given."""

from uuid import UUID

from domain.errors import Rejection


class NoCheckpoint(Rejection):
    """The ledger has signed no checkpoint yet, or this server does not know any key."""

    code = "NO_CHECKPOINT"

    def __init__(self) -> None:
        super().__init__("no checkpoint is signed yet: ask the operator for its key and its sealer")


class NotSealedYet(Rejection):
    """The transaction is recorded, but no checkpoint covers it yet."""

    code = "NOT_SEALED_YET"
    retryable = True

    def __init__(self, local_id: UUID) -> None:
        super().__init__(
            f"no checkpoint covers transaction {local_id} yet: ask again in some seconds",
            local_id=str(local_id),
        )


class NotRecorded(Rejection):
    """Nothing is recorded under this `localId`, at one of the caller's locations."""

    code = "NOT_RECORDED"

    def __init__(self) -> None:
        super().__init__("no such transaction is recorded at your locations")


class UnknownSize(Rejection):
    """The log was never so long: its end was lost, or it is another log."""

    code = "UNKNOWN_SIZE"

    def __init__(self, size: int, newest: int) -> None:
        super().__init__(
            f"the newest checkpoint has {newest} events, not {size}: the end of the ledger was "
            "lost, or this is another ledger",
            size=newest,
        )


class TreeDamaged(Rejection):
    """The tree of the ledger is damaged, so it proves nothing."""

    code = "TREE_DAMAGED"

    def __init__(self, reason: str) -> None:
        super().__init__(f"the ledger can't prove anything: {reason}")
