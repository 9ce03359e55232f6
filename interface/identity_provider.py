"""Key set (JWKS, RFC 7517) of the identity provider, fetched over HTTP."""

from collections.abc import Mapping
from typing import Any, Final

import httpx2

from application.access.tokens import FetchKeys, IdentityProviderUnavailable

TIMEOUT_SECONDS: Final = 5
"""Timeout of the request, which a caller may be waiting for."""


def fetch_from(url: str) -> FetchKeys:
    """A function that fetches the JWKS document at `url`. It raises IdentityProviderUnavailable if
    the request fails, or the answer is not a JSON object.
    """

    def fetch() -> Mapping[str, Any]:
        try:
            answer = httpx2.get(url, timeout=TIMEOUT_SECONDS).raise_for_status()
            document = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise IdentityProviderUnavailable(f"{url}: {error}") from error
        if not isinstance(document, dict):
            raise IdentityProviderUnavailable(f"{url}: not a JWKS document")
        return document

    return fetch
