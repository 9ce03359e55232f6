"""Why a sync did not happen. What was recorded is safe in any case.

ClientError
  Unreachable     no answer, or none but "later": try again when the network is better
  RequestFailed   an answer that a retry won't change: the key, the URL or the app is wrong
"""

from typing import Any


class ClientError(Exception):
    """The server could not be synced with."""


class Unreachable(ClientError):
    """The server could not be reached, or was too busy, for as often as was tried."""


class RequestFailed(ClientError):
    """The server refused the whole request. `code` is for programs."""

    def __init__(self, status: int, code: str, message: str, details: dict[str, Any]) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.details = details
