"""Reader of server-sent events, like EventSource in browsers."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx2

from tests.support.server import TIMEOUT_SECONDS, get


class Stream:
    """Collects events in a thread. Reconnects after `last_id` each time the stream is cut."""

    def __init__(self, url: str, *, key: str | None = None, last_id: str | None = None) -> None:
        self.changes: list[dict[str, Any]] = []
        self.comments: list[str] = []
        self.ends = 0
        self.refused: list[int] = []
        self.last_id = last_id
        self._url = f"{url}/sync/stream"
        self._key = key
        self._stopped = threading.Event()
        self._line: socket.socket | None = None

    def wait_for(self, number: int) -> None:
        """Waits until this number of changes has arrived."""
        self._wait(lambda: len(self.changes) >= number)

    def wait_for_position(self, position: int) -> None:
        self._wait(lambda: self.changes[-1]["position"] >= position)

    def wait_for_comment(self, text: str) -> None:
        self._wait(lambda: text in self.comments)

    def wait_until_refused(self, status: int) -> None:
        self._wait(lambda: status in self.refused)

    def _wait(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not reached():
            assert time.monotonic() < deadline, (len(self.changes), self.refused)
            time.sleep(0.01)

    def positions(self) -> list[int]:
        return [change["position"] for change in self.changes]

    def run(self) -> None:
        while not self._stopped.is_set():
            with suppress(httpx2.TransportError):
                self._read()
            self.ends += 1
            self._stopped.wait(0.1)

    def stop(self) -> None:
        """Closes the connection."""
        self._stopped.set()
        if self._line is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def _read(self) -> None:
        headers = {} if self._key is None else {"Authorization": f"Bearer {self._key}"}
        if self.last_id is not None:
            headers["Last-Event-ID"] = self.last_id
        with (
            httpx2.Client(verify=False, timeout=TIMEOUT_SECONDS) as client,
            client.stream("GET", self._url, headers=headers) as response,
        ):
            self._line = response.extensions["network_stream"].get_extra_info("socket")
            if response.status_code != 200:
                self.refused.append(response.status_code)
                return
            self._take(response)

    def _take(self, response: httpx2.Response) -> None:
        data = ""
        for line in response.iter_lines():
            if self._stopped.is_set():
                return
            field, _, value = line.partition(": ")
            if field == "data":
                data = value
            elif field == "id":
                self.last_id = value
            elif field == "":
                self.comments.append(value)
            if line == "" and data:
                self.changes += json.loads(data)["items"]
                data = ""


@contextmanager
def following(url: str, **how: Any) -> Iterator[Stream]:
    stream = Stream(url, **how)
    thread = threading.Thread(target=stream.run)
    thread.start()
    try:
        yield stream
    finally:
        stream.stop()
        thread.join()


def recorded_positions(url: str) -> list[int]:
    """The positions of all changes, which a stream should have delivered."""
    found, after = [], "0"
    while True:
        page = get(f"{url}/sync/changes?limit=1000&after={after}").json()
        found += [change["position"] for change in page["items"]]
        after = page["nextAfter"]
        if not page["hasMore"]:
            return found
