"""Talking to the server: every request is tried again as long as that may help, and no longer."""

import gzip
import json
from collections.abc import Callable
from typing import Any, Final

import httpx2
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from interface.client.errors import RequestFailed, Unreachable
from interface.client.shapes import Shape, matches

RETRYABLE: Final = frozenset({408, 429, 502, 503, 504})
"""Statuses after which the same request may succeed. Sending a batch again is always safe."""

GZIP_FROM_BYTES: Final = 1_000
"""Bytes from which on a body is worth packing."""

MAX_PAUSE_SECONDS: Final = 30.0
"""Seconds between two attempts."""


How = Callable[[], dict[str, Any]]
"""What one attempt sends besides method and path."""


class _Later(Exception):
    """Worth another attempt. `after`: seconds that the server asked for."""

    def __init__(self, why: str, after: float = 0) -> None:
        super().__init__(why)
        self.after = after


class Server:
    """The API at `url`."""

    def __init__(
        self,
        url: str,
        key: str | None,
        *,
        attempts: int,
        first_pause: float,
        transport: httpx2.BaseTransport | None,
    ) -> None:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._http = httpx2.Client(
            base_url=url, headers=headers, timeout=60, transport=transport, follow_redirects=False
        )
        self._jittered = wait_random_exponential(multiplier=first_pause, max=MAX_PAUSE_SECONDS)
        self._retrying = Retrying(
            retry=retry_if_exception_type(_Later),
            wait=self._pause,
            stop=stop_after_attempt(attempts),
            reraise=True,
        )

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, shape: Shape, **params: Any) -> dict[str, Any]:
        """An answer of that shape. Raises Unreachable, RequestFailed."""
        given = {name: value for name, value in params.items() if value is not None}
        return self._request("GET", path, shape, lambda: {"params": given})

    def post(self, path: str, shape: Shape, body: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """An answer of that shape; `body` is made anew for each attempt. Raises Unreachable,
        RequestFailed."""
        return self._request("POST", path, shape, lambda: _packed(body()))

    def _request(self, method: str, path: str, shape: Shape, how: How) -> dict[str, Any]:
        """The answer, known as the ledger's by its shape."""
        try:
            return self._retrying.copy()(self._attempt, method, path, shape, how)
        except _Later as error:
            raise Unreachable(str(error)) from error

    def _attempt(self, method: str, path: str, shape: Shape, how: How) -> dict[str, Any]:
        try:
            answer = self._http.request(method, path, **how())
        except httpx2.RequestError as error:
            raise _Later(f"{type(error).__name__}: {error}") from error
        if answer.status_code in RETRYABLE:
            raise _Later(f"the server answered {answer.status_code}", _retry_after(answer))
        if answer.is_redirect:  # The ledger never does: some network's login page does.
            raise _Later("the answer is not the ledger's")
        if not answer.is_success:
            raise _refused(answer)
        return _object(answer, shape)

    def _pause(self, state: RetryCallState) -> float:
        """What the server asked for at the least, and some more, so that not all devices of a shop
        come back at once."""
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.after if isinstance(error, _Later) else 0
        return asked + self._jittered(state)


def _packed(body: dict[str, Any]) -> dict[str, Any]:
    content = json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    if len(content) >= GZIP_FROM_BYTES:
        content, headers["Content-Encoding"] = gzip.compress(content), "gzip"
    return {"content": content, "headers": headers}


def _retry_after(answer: httpx2.Response) -> float:
    asked = answer.headers.get("Retry-After", "0")
    return min(float(asked), MAX_PAUSE_SECONDS) if asked.isdigit() else 0


def _object(answer: httpx2.Response, shape: Shape) -> dict[str, Any]:
    try:
        found: dict[str, Any] = answer.json()
    except (ValueError, RecursionError) as error:
        raise _Later("the answer is not the ledger's") from error
    if not matches(found, shape):
        raise _Later("the answer is not the ledger's")
    return found


def _refused(answer: httpx2.Response) -> RequestFailed:
    try:
        problem = answer.json()
        code, message, details = problem["code"], problem["detail"], dict(problem["details"])
    except (ValueError, KeyError, TypeError, RecursionError):
        code, message, details = "UNKNOWN", f"the server answered {answer.status_code}", {}
    return RequestFailed(answer.status_code, code, message, details)
