"""Credentials that somebody put where they do not belong, such as a path, stay out of the log."""

import re
from typing import Final

_CREDENTIAL: Final = re.compile(r"slk_[0-9A-Za-z_]*|eyJ[\w-]{8,}(\.[\w-]*){0,2}", re.ASCII)
"""API keys, whole or in part, and JSON web tokens."""


def masked(text: str) -> str:
    """The text without what may be a credential."""
    return _CREDENTIAL.sub("***", text)
