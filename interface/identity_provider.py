"""The identity provider's published keys, over HTTP."""

from collections.abc import Mapping
from typing import Any, Final

import httpx2

from application.access.tokens import FetchKeys, IdentityProviderUnavailable

TIMEOUT_SECONDS: Final = 5


def fetch_from(url: str) -> FetchKeys:
    """Fetches the JWKS document at `url`."""

    def fetch() -> Mapping[str, Any]:
        try:
            answer = httpx2.get(url, timeout=TIMEOUT_SECONDS).raise_for_status()
            document = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise IdentityProviderUnavailable(f"{url}: {error}") from error
        if not isinstance(document, dict):
            raise IdentityProviderUnavailable(f"{url}: this is no JWKS document")
        return document

    return fetch
