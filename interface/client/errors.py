"""Errors of a sync. Recorded transactions are safe in every case.

ClientError
  Unreachable     no usable answer in any attempt: sync again when the network is better
  RequestFailed   permanent error, a retry cannot help: the key, the URL or the app is wrong
"""

from typing import Any


class ClientError(Exception):
    """Base class of all errors of the client."""


class Unreachable(ClientError):
    """No usable answer in any attempt: no network, a busy server, or an answer from elsewhere."""


class RequestFailed(ClientError):
    """The server refused the whole request.

    `status` is the HTTP status, `code` the stable code of the problem (RFC 9457).
    """

    def __init__(self, status: int, code: str, message: str, details: dict[str, Any]) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.details = details
