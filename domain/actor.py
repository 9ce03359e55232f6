"""The actor: the person, device or program that events name."""

from typing import NamedTuple


class Actor(NamedTuple):
    """A person, a device or a program."""

    name: str
    key_id: str | None = None
    """The id of the API key; None for another credential."""
