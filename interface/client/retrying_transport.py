"""HTTP transport of the client, with retries for temporary errors only."""

import gzip
import json
from collections.abc import Callable
from typing import Any, Final, TypeVar

import httpx2
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from interface.client.answer_shapes import Shape, matches
from interface.client.errors import RequestFailed, Unreachable
from proof.errors import ProofError

RETRYABLE: Final = frozenset({408, 429, 502, 503, 504})
"""Retryable HTTP statuses. Every request is idempotent, also a batch, so a retry is safe."""

GZIP_FROM_BYTES: Final = 1_000
"""Minimum size in bytes of a body that is compressed."""

MAX_PAUSE_SECONDS: Final = 30.0
"""Upper bound of the random pause, and of the Retry-After that is obeyed."""


ONE_ATTEMPT_SECONDS: Final = 10.0
"""Timeout of a request that the next sync can make as well."""

MakeArguments = Callable[[], dict[str, Any]]
"""Makes the arguments of one attempt: query parameters, or headers and content."""

Found = TypeVar("Found")
Read = Callable[[httpx2.Response], Found]
"""Reads an answer. Raises _TemporaryError: it is not from the ledger."""


class _TemporaryError(Exception):
    """An attempt failed, and a retry may help. `after`: seconds in the Retry-After header."""

    def __init__(self, message: str, after: float = 0) -> None:
        super().__init__(message)
        self.after = after


class Server:
    """The REST API at `url`."""

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
            retry=retry_if_exception_type(_TemporaryError),
            wait=self._pause,
            stop=stop_after_attempt(attempts),
            reraise=True,
        )

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, shape: Shape, **params: Any) -> dict[str, Any]:
        """The answer, checked against the shape. Raises Unreachable, RequestFailed."""
        given = {name: value for name, value in params.items() if value is not None}
        return self._request("GET", path, _checked(shape), lambda: {"params": given})

    def post(self, path: str, shape: Shape, body: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The answer, checked against the shape. `body` is called for each attempt.

        Raises Unreachable, RequestFailed.
        """
        return self._request("POST", path, _checked(shape), lambda: _compressed(body()))

    def get_once(self, path: str, shape: Shape) -> dict[str, Any]:
        """The answer to one attempt, checked against the shape. Raises Unreachable,
        RequestFailed."""
        return self._request_once("GET", path, _checked(shape))

    def get_text_once(self, path: str, parse: Callable[[str], Found], **params: int) -> Found:
        """The text that answers one attempt, parsed.

        Args:
            path: of the resource.
            parse: raises ProofError if the text is not from the ledger.
            params: of the query.

        Raises:
            Unreachable, RequestFailed: as they say.
        """
        return self._request_once("GET", path, _parsed(parse), params=params)

    def post_once(self, path: str, shape: Shape, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to one attempt, checked against the shape. Raises Unreachable,
        RequestFailed."""
        return self._request_once("POST", path, _checked(shape), **_compressed(body))

    def _request(
        self, method: str, path: str, read: Read[Found], arguments: MakeArguments
    ) -> Found:
        """The answer, after up to `attempts` attempts. Raises Unreachable, RequestFailed."""
        try:
            found: Found = self._retrying.copy()(self._attempt, method, path, read, arguments)
        except _TemporaryError as error:
            raise Unreachable(str(error)) from error
        return found

    def _request_once(self, method: str, path: str, read: Read[Found], **arguments: Any) -> Found:
        """The answer to one attempt. Raises Unreachable, RequestFailed."""
        given = arguments | {"timeout": ONE_ATTEMPT_SECONDS}
        try:
            return self._attempt(method, path, read, lambda: given)
        except _TemporaryError as error:
            raise Unreachable(str(error)) from error

    def _attempt(
        self, method: str, path: str, read: Read[Found], arguments: MakeArguments
    ) -> Found:
        try:
            answer = self._http.request(method, path, **arguments())
        except httpx2.RequestError as error:
            raise _TemporaryError(f"{type(error).__name__}: {error}") from error
        if answer.status_code in RETRYABLE:
            raise _TemporaryError(f"the server answered {answer.status_code}", _retry_after(answer))
        if answer.is_redirect:  # The ledger never redirects. Login pages of networks do.
            raise _TemporaryError("the answer is not from the ledger")
        if not answer.is_success:
            raise _request_failed(answer)
        return read(answer)

    def _pause(self, state: RetryCallState) -> float:
        """Seconds in Retry-After, plus a random pause, so that the devices of a shop do not return
        at the same moment."""
        error = state.outcome.exception() if state.outcome is not None else None
        retry_after = error.after if isinstance(error, _TemporaryError) else 0
        return retry_after + self._jittered(state)


def _compressed(body: dict[str, Any]) -> dict[str, Any]:
    content = json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    if len(content) >= GZIP_FROM_BYTES:
        content, headers["Content-Encoding"] = gzip.compress(content), "gzip"
    return {"content": content, "headers": headers}


def _retry_after(answer: httpx2.Response) -> float:
    seconds = answer.headers.get("Retry-After", "0")
    return min(float(seconds), MAX_PAUSE_SECONDS) if seconds.isdigit() else 0


def _checked(shape: Shape) -> Read[dict[str, Any]]:
    def read(answer: httpx2.Response) -> dict[str, Any]:
        try:
            found: dict[str, Any] = answer.json()
        except (ValueError, RecursionError) as error:
            raise _TemporaryError("the answer is not from the ledger") from error
        if not matches(found, shape):
            raise _TemporaryError("the answer is not from the ledger")
        return found

    return read


def _parsed(parse: Callable[[str], Found]) -> Read[Found]:
    def read(answer: httpx2.Response) -> Found:
        try:
            return parse(answer.content.decode())
        except (ValueError, ProofError) as error:
            raise _TemporaryError("the answer is not from the ledger") from error

    return read


def _request_failed(answer: httpx2.Response) -> RequestFailed:
    try:
        problem = answer.json()
        code, message, details = problem["code"], problem["detail"], dict(problem["details"])
    except (ValueError, KeyError, TypeError, RecursionError):
        code, message, details = "UNKNOWN", f"the server answered {answer.status_code}", {}
    return RequestFailed(answer.status_code, code, message, details)
