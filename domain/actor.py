"""Who did something, as events name it."""

from typing import NamedTuple


class Actor(NamedTuple):
    """A person, a device or a program."""

    name: str
    key_id: str | None = None
    """The API key that was shown, where it was one."""
