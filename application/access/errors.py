"""Errors of access control: one class for each reason, each with a stable code.

Rejection
  Forbidden          the caller may not do this, or not here
  ItemElsewhere      an UnknownItem that exists, but not at the caller's locations
  UnknownKey         there is no such API key
  KeyNotActive       the API key is revoked or has expired
  SignInTooOld       a session may do this only shortly after its sign-in

Unauthenticated      the caller is unknown; no Rejection, because no request was read
"""

from typing import Self

from domain.errors import Rejection, UnknownItem


class Unauthenticated(Exception):
    """The request has no valid credential. `reason` is for programs, and stable."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Forbidden(Rejection):
    """The caller may not do this, or not here."""

    code = "FORBIDDEN"

    @classmethod
    def to_do(cls, role: str, action: str) -> Self:
        """The role does not grant this action."""
        return cls(f"the role {role} may not {action}", role=role)

    @classmethod
    def at(cls, location: str) -> Self:
        """The location is not one of the caller's."""
        return cls(f"location {location} is not one of yours", location=location)


class ItemElsewhere(UnknownItem):
    """The item is not at one of the caller's locations. The caller gets the same answer as for an
    item that is not registered. Only the audit trail tells the difference."""


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


class SignInTooOld(Rejection):
    """A session may do this only shortly after its sign-in."""

    code = "SIGN_IN_TOO_OLD"

    def __init__(self, minutes: int) -> None:
        super().__init__(
            f"sign in again: keys are managed within {minutes} minutes of a sign-in",
            minutes=minutes,
        )
