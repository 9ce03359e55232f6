"""A device's ledger: records at any time, and syncs when there is a network."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from secrets import randbits
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

import httpx2

from interface.client.errors import RequestFailed
from interface.client.limits import require_acceptable
from interface.client.shapes import BATCH, CHANGES, ITEMS, STATUSES
from interface.client.store import (
    Outgoing,
    PendingTransaction,
    RejectedTransaction,
    Stock,
    Store,
    TransactionType,
)
from interface.client.transport import Server

TRANSACTIONS_PER_BATCH: Final = 500
"""Transactions sent at once, unless the server takes fewer."""

ROWS_PER_PAGE: Final = 1_000
"""Items, or changes, fetched at once."""

IDS_PER_STATUS_REQUEST: Final = 1_000
"""Transactions whose fate is asked for at once."""

KEEP_ACKNOWLEDGED: Final = timedelta(days=14)
"""How long a transaction is kept that the ledger has recorded."""

_LOST: Final = frozenset({"UNKNOWN_POSITION", "INVALID"})
"""What is said of a bookmark that leads nowhere; other problems pass."""

_TOO_LARGE: Final = frozenset({"BATCH_TOO_LARGE", "BODY_TOO_LARGE"})


@dataclass(kw_only=True)
class SyncReport:
    """What a sync did."""

    recorded: int = 0
    """Transactions of ours that are recorded now, or turned out to be."""
    sent_again: int = 0
    """Transactions that a restored ledger did not know any more."""
    rejected: int = 0
    changes: int = 0
    """Changes that were taken into the copy."""
    clock_offset: timedelta | None = None
    """By how much the server's clock is ahead of ours, as far as this sync could tell. Warn the
    clerk, or set the clock: a stock-take is decided by its moment."""


class StockClient:
    """Records goods in, goods out and corrections on a device, and syncs them with the ledger.

    One thread may record while another one syncs.

    Args:
        path: the device's own SQLite file; it is made where it is not there.
        url: where the ledger is.
        key: the device's API key.
        attempts: how often a request is tried before `Unreachable` is raised.
        first_pause: seconds; pauses between attempts are drawn at random below this, then below
            twice this, and so on.
        transport: how to reach the server, where it is not by plain HTTP.
        clock: the device's clock.
        keep: for how long a transaction is kept that the ledger has recorded: a ledger that is
            restored from a backup not older than that gets back what it has lost.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        url: str,
        key: str | None = None,
        attempts: int = 5,
        first_pause: float = 0.5,
        transport: httpx2.BaseTransport | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        keep: timedelta = KEEP_ACKNOWLEDGED,
    ) -> None:
        self._store = Store(path)
        self._server = Server(
            url, key, attempts=attempts, first_pause=first_pause, transport=transport
        )
        self._clock = clock
        self._keep = keep
        self._batch = TRANSACTIONS_PER_BATCH
        self._syncing = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes file and connections. What is pending stays in the file."""
        self._server.close()
        self._store.close()

    def record(
        self,
        type: TransactionType,
        item_id: UUID,
        quantity: int,
        *,
        reason: str | None = None,
        note: str | None = None,
        reference: str | None = None,
    ) -> UUID:
        """Takes down what happened just now; returns the transaction's `localId`. It is on the disk
        by then, and will be sent with the next sync.

        Raises:
            ValueError: no ledger would take this. What is in the outbox must not keep the rest from
                being sent.
        """
        require_acceptable(type, item_id, quantity, reason=reason, note=note, reference=reference)
        now = self._clock()
        local_id = _time_ordered_id(now)
        element = {
            "localId": str(local_id),
            "type": type,
            "itemId": str(item_id),
            "quantity": quantity,
            "occurredAt": now.isoformat(),
            "reason": reason,
            "note": note,
            "reference": reference,
        }
        self._store.put({name: value for name, value in element.items() if value is not None})
        return local_id

    def stock(self) -> list[Stock]:
        """The copy, by location and SKU, with what is pending taken into account."""
        return self._store.stock()

    def pending(self) -> list[PendingTransaction]:
        """What is still to be sent, in the order of recording."""
        return self._store.pending()

    def rejected(self) -> list[RejectedTransaction]:
        """What the ledger did not record. It is kept there too, for somebody to work through; when
        it is recorded after all, it leaves this list by itself."""
        return self._store.rejected()

    def dismiss(self, local_id: UUID) -> bool:
        """Takes a transaction off the device's list of rejected ones; whether it was there."""
        with self._store.transaction():
            is_rejected = any(one.local_id == local_id for one in self._store.rejected())
            return is_rejected and self._store.forget(str(local_id))

    def retry(self, local_id: UUID) -> bool:
        """Sends a rejected transaction again with the next sync; whether it was there."""
        with self._store.transaction():
            return self._store.reopen(str(local_id))

    def sync(self, *, wait: float = 0) -> SyncReport:
        """Sends what is pending and brings the copy up to date. Where little is pending and little
        has changed, that is one request.

        Args:
            wait: seconds, up to 30, to wait for a change where there is nothing to do.

        Raises:
            Unreachable: in the end the network was not good enough. What was answered until then is
                taken in; the rest is done by the next sync.
            RequestFailed: the server does not take requests like these.
        """
        report = SyncReport()
        with self._syncing:
            is_up_to_date = self._push(report)
            if self._store.bookmark is None:
                self._start_anew(report)
                is_up_to_date = False
            if not is_up_to_date:
                self._pull(report, wait)
            self._find_unseen(report)
            with suppress(OverflowError):  # A clock that says year 1.
                self._store.forget_acknowledged(self._clock() - self._keep)
        return report

    def _start_anew(self, report: SyncReport) -> None:
        """The ledger does not know our place: it is our first sync, or it is another ledger than it
        was, restored from a backup, say. Then it gets back what it has lost of ours."""
        self._find_lost(report)
        if report.sent_again:
            self._push(report)
        self._copy()

    def _find_lost(self, report: SyncReport) -> None:
        """Queues again what was recorded once and is not now. Raises Unreachable, RequestFailed.

        One commit for all, so that a sync that is cut off asks again."""
        lost, behind = [], 0
        while known := self._store.acknowledged(behind, IDS_PER_STATUS_REQUEST):
            lost += self._not_recorded(known)
            behind = known[-1].number
        self._send_again(lost, report)

    def _find_unseen(self, report: SyncReport) -> None:
        """The copy is up to date, and some of ours did not come by: they were recorded before the
        copy was made, or by a ledger that lost them with our last answer, before we had its
        changes. Raises Unreachable, RequestFailed."""
        while unseen := self._store.unseen(IDS_PER_STATUS_REQUEST):
            lost = self._not_recorded(unseen)
            self._send_again(lost, report)
            with self._store.transaction():
                for local_id in {one.element["localId"] for one in unseen} - set(lost):
                    self._store.see(local_id)
            if lost:  # What we heard of them is in the copy.
                self._push(report)
                self._copy()

    def _not_recorded(self, known: list[Outgoing]) -> list[str]:
        asked = {"localIds": [one.element["localId"] for one in known]}
        answer = self._server.post("/sync/status", STATUSES, partial(dict, asked))
        return [one["localId"] for one in answer["statuses"] if one["status"] != "recorded"]

    def _send_again(self, lost: list[str], report: SyncReport) -> None:
        with self._store.transaction():
            for local_id in lost:
                self._store.send_again(local_id)
        report.sent_again += len(lost)

    def _push(self, report: SyncReport) -> bool:
        """Sends the outbox, once; whether the copy is up to date by then."""
        sent, has_more = 0, True
        while outgoing := self._store.outgoing(sent, self._batch):
            answer = self._send(outgoing, report)
            if answer is None:
                continue
            has_more = self._take(answer, report)
            sent = outgoing[-1].number
        return not has_more

    def _send(self, outgoing: list[Outgoing], report: SyncReport) -> dict[str, Any] | None:
        """The answer to a batch; None where it must be smaller."""
        body: dict[str, Any] = {"transactions": [element for _, element in outgoing]}
        if self._store.bookmark is not None:
            body |= {"after": self._store.bookmark, "limit": ROWS_PER_PAGE}

        def attempt() -> dict[str, Any]:
            """By its clock the ledger sees by how much ours is off; so each has its own."""
            return body | {"sentAt": self._clock().isoformat()}

        started, clock = time.monotonic(), self._clock()
        try:
            answer = self._server.post("/sync/transactions", BATCH, attempt)
        except RequestFailed as error:
            if error.code not in _TOO_LARGE:
                raise
            if len(outgoing) == 1:  # It would keep all behind it from being sent.
                self._give_up(outgoing[0], error)
                report.rejected += 1
                return None
            self._batch = len(outgoing) // 2
            return None
        half_way = timedelta(seconds=(time.monotonic() - started) / 2)
        report.clock_offset = datetime.fromisoformat(answer["serverTime"]) - (clock + half_way)
        return answer

    def _give_up(self, outgoing: Outgoing, error: RequestFailed) -> None:
        rejection = {"code": error.code, "message": str(error), "details": error.details}
        self._store.reject(outgoing.element["localId"], rejection)

    def _take(self, answer: dict[str, Any], report: SyncReport) -> bool:
        """Takes in what became of a batch, and the changes that came with it, in one commit;
        whether there are more changes."""
        with self._store.transaction():
            for synced in answer["synced"]:
                report.recorded += self._store.acknowledge(synced["localId"], self._clock())
                self._store.move(synced)
            for failed in answer["failed"]:
                if not failed["retryable"]:
                    rejection = {name: failed[name] for name in ("code", "message", "details")}
                    if failed["localId"] is not None:
                        self._store.reject(failed["localId"], rejection)
                    report.rejected += 1
            if answer.get("changes") is not None:
                return self._apply(answer["changes"], report)
            problem = answer.get("changesProblem")
            if problem is not None and problem["code"] in _LOST:
                self._store.bookmark = None
            return True

    def _pull(self, report: SyncReport, wait: float = 0) -> None:
        """Fetches changes until there are no more."""
        has_more = True
        while has_more:
            after = self._store.bookmark
            try:
                page = self._server.get(
                    "/sync/changes", CHANGES, after=after, limit=ROWS_PER_PAGE, wait=wait or None
                )
            except RequestFailed as error:
                if error.code != "UNKNOWN_POSITION":
                    raise
                self._start_anew(report)
                continue
            with self._store.transaction():
                has_more = self._apply(page, report)
            wait = 0

    def _apply(self, page: dict[str, Any], report: SyncReport) -> bool:
        for change in page["items"]:
            self._store.apply(change, self._clock())
        self._store.bookmark = page["nextAfter"]
        report.changes += len(page["items"])
        has_more: bool = page["hasMore"]
        return has_more

    def _copy(self) -> None:
        """A first copy, or a new one. Changes follow from where its first page was."""
        items: list[dict[str, Any]] = []
        cursor, more = None, True
        while more:
            page = self._server.get("/items", ITEMS, limit=ROWS_PER_PAGE, cursor=cursor)
            items += page["items"]
            cursor = page["nextCursor"]
            more = cursor is not None
        with self._store.transaction():
            self._store.replace_stock(items)
            self._store.bookmark = page["nextAfter"]


def _time_ordered_id(now: datetime) -> UUID:
    """A UUIDv7 (RFC 9562, section 5.7), which the server's index finds a place for at less cost. It
    is as good by a dead clock: what makes it unique is random."""
    milliseconds = max(0, int(now.timestamp() * 1000))
    return UUID(int=milliseconds << 80 | 7 << 76 | randbits(12) << 64 | 2 << 62 | randbits(62))
