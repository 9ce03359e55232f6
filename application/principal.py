"""Who is asking."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller, as every event that comes of the call names it."""

    actor: str


ANONYMOUS = Principal("anonymous")
"""Whoever reaches a server that asks nobody who they are."""
