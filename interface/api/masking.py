"""Masking of credentials in logged texts, in case one was sent in the path by mistake."""

import re
from typing import Final

_CREDENTIAL: Final = re.compile(r"slk_[0-9A-Za-z_]*|eyJ[\w-]{8,}(\.[\w-]*){0,2}", re.ASCII)
"""Complete or partial API keys, and JSON Web Tokens (RFC 7519)."""


def masked(text: str) -> str:
    """Replaces anything that may be a credential with `***`."""
    return _CREDENTIAL.sub("***", text)
