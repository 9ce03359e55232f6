"""Why a caller was turned away: one class a reason, each with a stable code.

Rejection
Forbidden          the caller may not do this, or not here
ItemElsewhere      an UnknownItem that is registered, where the caller may not be
UnknownKey         there is no such API key
KeyNotActive       the API key is revoked or has expired

Unauthenticated      nobody knows who is calling; no rejection, because no request was read
"""

from typing import Self

from domain.errors import Rejection, UnknownItem


class Unauthenticated(Exception):
    """The caller showed no credential that counts. `reason` is for programs and stable."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Forbidden(Rejection):
    """The caller may not do this, or not here."""

    code = "FORBIDDEN"

    @classmethod
    def to_do(cls, role: str, action: str) -> Self:
        return cls(f"the role {role} may not {action}", role=role)

    @classmethod
    def at(cls, location: str) -> Self:
        return cls(f"location {location} is not one of yours", location=location)


class ItemElsewhere(UnknownItem):
    """The item is at no location of the caller's. They are told the same as of one that is not
    registered; the audit trail knows."""


class UnknownKey(Rejection):
    """There is no such API key."""

    code = "UNKNOWN_KEY"

    def __init__(self, key_id: str) -> None:
        super().__init__(f"there is no key {key_id}", key_id=key_id)


class KeyNotActive(Rejection):
    """The API key is revoked or has expired."""

    code = "KEY_NOT_ACTIVE"

    def __init__(self, key_id: str) -> None:
        super().__init__(f"key {key_id} is revoked or has expired", key_id=key_id)
