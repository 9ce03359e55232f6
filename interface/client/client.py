"""Client of one device: records at any time, and syncs when there is a network."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from secrets import randbits
from threading import Lock, local
from types import TracebackType
from typing import Any, Final, Literal, Self
from uuid import UUID, uuid4, uuid5

import httpx2

from interface.client.answer_shapes import BATCH, CHANGES, ITEMS, STATUSES
from interface.client.errors import RequestFailed
from interface.client.groups import MAX_GROUP_SIZE, Outgoing, is_one_group
from interface.client.input_checks import require_acceptable
from interface.client.retrying_transport import Server
from interface.client.store import (
    PendingTransaction,
    Quantity,
    RejectedTransaction,
    Stock,
    Store,
)

TRANSACTIONS_PER_BATCH: Final = 500
"""Transactions per request. The client halves this if the server refuses a batch as too large."""

ROWS_PER_PAGE: Final = 1_000
"""Items or changes per page."""

IDS_PER_STATUS_REQUEST: Final = 1_000
"""Transactions per status request."""

KEEP_ACKNOWLEDGED: Final = timedelta(days=14)
"""Retention of a transaction after the ledger has acknowledged it."""

_BOOKMARK_LOST: Final = frozenset({"UNKNOWN_POSITION", "INVALID"})
"""Problem codes of an unknown bookmark. All other problems of the changes are temporary."""

_TOO_LARGE: Final = frozenset({"BATCH_TOO_LARGE", "BODY_TOO_LARGE"})


@dataclass(kw_only=True)
class SyncReport:
    """Result of one sync."""

    recorded: int = 0
    """Transactions of this device that the ledger acknowledged in this sync."""
    sent_again: int = 0
    """Transactions that a restored ledger had lost, and that were queued again."""
    rejected: int = 0
    """Transactions that the ledger refused for good in this sync."""
    changes: int = 0
    """Changes applied to the copy."""
    clock_offset: timedelta | None = None
    """Server clock minus device clock, estimated. None if this sync sent no batch. Warn the clerk
    or set the clock if it is large, because the time of a stock-take decides its effect."""


class StockClient:
    """Records goods in, goods out and corrections on a device, and syncs them with the ledger.

    One thread may record while another one syncs.

    Args:
        path: SQLite file of the device, created if missing.
        url: base URL of the ledger.
        key: API key of the device.
        attempts: attempts per request before `Unreachable` is raised.
        first_pause: upper bound in seconds of the first pause between attempts. It doubles with
            each attempt; each pause is random below it (exponential backoff with full jitter).
        transport: replaces the HTTP transport of httpx2.
        clock: clock of the device.
        keep: retention of acknowledged transactions. A ledger that is restored from a backup gets
            its lost transactions back, if the backup is not older than this.

    Raises:
        ClientError: a newer version of the client wrote the file.
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
        self._batch_size = TRANSACTIONS_PER_BATCH
        self._syncing = Lock()
        self._thread = local()

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
        """Closes the file and the connections. Pending transactions stay in the file."""
        self._server.close()
        self._store.close()

    def record(
        self,
        type: Literal["INBOUND", "OUTBOUND", "ADJUST", "COUNT"],
        item_id: UUID,
        quantity: Quantity,
        *,
        reason: str | None = None,
        note: str | None = None,
        reference: str | None = None,
        returns: UUID | None = None,
        corrects: UUID | None = None,
        group: UUID | None = None,
        **information: Any,
    ) -> UUID:
        """Records a transaction that happens now, and returns its `localId`.

        The transaction is on the disk when this returns. The next sync sends it.

        Args:
            type: its type.
            item_id: its item.
            quantity: with at most as many decimal places as the item has.
            reason: a code, such as `damaged`.
            note: any text.
            reference: a document that it belongs to.
            returns: for INBOUND: the `localId` of the transaction whose goods came back.
            corrects: for COUNT: the `localId` of the mistaken stock-take that it replaces.
            group: the group that it belongs to, from `group`.
            information: `scanned`, `metadata`, `unitCost` or `entered`, as in docs/api.md.

        Raises:
            ValueError: the ledger would refuse this input. Such an element in the outbox could
                block all later ones. Or `group` is not that of the `group` block around it.
        """
        self._require_group(group)
        require_acceptable(type, item_id, quantity, reason=reason, note=note, reference=reference)
        now = self._clock()
        local_id = _time_ordered_id(now)
        element = {
            "localId": str(local_id),
            "type": type,
            "itemId": str(item_id),
            "quantity": quantity if isinstance(quantity, int) else f"{quantity:f}",
            "occurredAt": now.isoformat(),
            "reason": reason,
            "note": note,
            "reference": reference,
            "returns": returns and str(returns),
            "corrects": corrects and str(corrects),
            "group": group and str(group),
            "requires": group and ["group"],
            **information,
        }
        self._store.put({name: value for name, value in element.items() if value is not None})
        return local_id

    @contextmanager
    def group(self) -> Iterator[UUID]:
        """Makes a group of what is recorded with it in the block: the ledger records all of it, or
        nothing. Of a block that raises, nothing is recorded here, either.

        Example: a transfer.

            with device.group() as group:
                device.record("OUTBOUND", shelf, 5, group=group)
                device.record("INBOUND", store, 5, group=group)

        In the block, this thread records nothing else.

        Raises:
            ValueError: the group has more than 100 transactions.
        """
        self._require_group(None)
        group = uuid4()
        with self._store.transaction(), self._opened(group):
            yield group
            if self._store.size_of_group(str(group)) > MAX_GROUP_SIZE:
                raise ValueError(f"a group has at most {MAX_GROUP_SIZE} transactions")

    @contextmanager
    def _opened(self, group: UUID) -> Iterator[None]:
        self._thread.group = group
        try:
            yield
        finally:
            self._thread.group = None

    def _require_group(self, group: UUID | None) -> None:
        """Raises ValueError: `group` is not the one whose block this thread is in. Those of a group
        must follow each other in the outbox."""
        if group != getattr(self._thread, "group", None):
            raise ValueError("in a group block, record with its group, and nothing else")

    def void(self, local_id: UUID, *, reason: str | None = None, note: str | None = None) -> UUID:
        """Records that a transaction of this device never happened, and returns the `localId` of
        the VOID. Voiding it again changes nothing.

        Raises:
            ValueError: a text is out of bounds, or the transaction is not in the outbox (any more),
                or is a COUNT or a VOID. Or a `group` block is around it.
        """
        self._require_group(None)
        voided = self._store.find(str(local_id))
        if voided is None or voided.type in {"COUNT", "VOID"}:
            raise ValueError(f"there is no transaction {local_id} that this device can void")
        require_acceptable("VOID", voided.item_id, 0, voids=local_id, reason=reason, note=note)
        own_id = uuid5(local_id, "void")
        element = {
            "localId": str(own_id),
            "type": "VOID",
            "itemId": str(voided.item_id),
            "voids": str(local_id),
            "occurredAt": self._clock().isoformat(),
            "reason": reason,
            "note": note,
        }
        with self._store.transaction():
            if not self._store.has(str(own_id)):
                self._store.put({name: one for name, one in element.items() if one is not None})
        return own_id

    def stock(self) -> list[Stock]:
        """The copy of the stock, by location and SKU. `available` counts pending transactions."""
        return self._store.stock()

    def pending(self) -> list[PendingTransaction]:
        """Transactions in the outbox, not acknowledged yet, in the order of recording."""
        return self._store.pending()

    def rejected(self) -> list[RejectedTransaction]:
        """Rejected transactions, in the order of recording.

        The ledger keeps them too, for a person to review. A transaction leaves this list when it
        is recorded after all.
        """
        return self._store.rejected()

    def dismiss(self, local_id: UUID) -> bool:
        """Removes a rejected transaction from the device. False if there is no such one."""
        with self._store.transaction():
            is_rejected = any(one.local_id == local_id for one in self._store.rejected())
            return is_rejected and self._store.forget(str(local_id))

    def retry(self, local_id: UUID) -> bool:
        """Queues a rejected transaction, with all of its group, for the next sync. False if there
        is no such one. Raises ValueError: a `group` block is around it."""
        self._require_group(None)
        with self._store.transaction():
            return self._store.reopen(str(local_id))

    def sync(self, *, wait: float = 0) -> SyncReport:
        """Sends the outbox and updates the copy. With few transactions and few changes, this takes
        one request.

        Args:
            wait: seconds to wait for a change if there is nothing to do, at most 30 (long polling).

        Raises:
            Unreachable: no attempt of a request got a usable answer. The answers before it are
                stored. The next sync does the rest.
            RequestFailed: the server refused a request, and a retry cannot help.
        """
        report = SyncReport()
        with self._syncing:
            is_up_to_date = self._push(report)
            if self._store.bookmark is None:
                self._start_over(report)
                is_up_to_date = False
            if not is_up_to_date:
                self._pull(report, wait)
            self._find_unseen(report)
            with suppress(OverflowError):  # The device clock may say year 1.
                self._store.forget_acknowledged(self._clock() - self._keep)
        return report

    def _start_over(self, report: SyncReport) -> None:
        """Replaces the copy, because the ledger does not know our bookmark.

        This is the first sync, or the ledger was restored from a backup. A restored ledger first
        gets its lost transactions back. Raises Unreachable, RequestFailed.
        """
        self._find_lost(report)
        if report.sent_again:
            self._push(report)
        self._copy()

    def _find_lost(self, report: SyncReport) -> None:
        """Queues the acknowledged transactions that the ledger has lost.

        One commit for all, so that an interrupted sync asks again. Raises Unreachable,
        RequestFailed.
        """
        lost, last_number = [], 0
        while known := self._store.acknowledged(last_number, IDS_PER_STATUS_REQUEST):
            lost += self._not_recorded(known)
            last_number = known[-1].number
        self._send_again(lost, report)

    def _find_unseen(self, report: SyncReport) -> None:
        """Checks the acknowledged transactions that are missing from the changes read so far.

        Either they are older than the copy, or a restored ledger has lost them. The lost ones are
        sent again. Raises Unreachable, RequestFailed.
        """
        while unseen := self._store.unseen(IDS_PER_STATUS_REQUEST):
            lost = self._not_recorded(unseen)
            self._send_again(lost, report)
            with self._store.transaction():
                for local_id in {outgoing.element["localId"] for outgoing in unseen} - set(lost):
                    self._store.mark_as_seen(local_id)
            if lost:  # The copy still contains their effects.
                self._push(report)
                self._copy()

    def _not_recorded(self, known: list[Outgoing]) -> list[str]:
        """The `localId`s of those that the ledger has not recorded. Raises Unreachable,
        RequestFailed."""
        body = {"localIds": [outgoing.element["localId"] for outgoing in known]}
        answer = self._server.post("/sync/status", STATUSES, partial(dict, body))
        statuses = answer["statuses"]
        return [status["localId"] for status in statuses if status["status"] != "recorded"]

    def _send_again(self, lost: list[str], report: SyncReport) -> None:
        with self._store.transaction():
            for local_id in lost:
                self._store.send_again(local_id)
        report.sent_again += len(lost)

    def _push(self, report: SyncReport) -> bool:
        """Sends the outbox. True if the last answer had all changes, so the copy is current.

        Raises Unreachable, RequestFailed.
        """
        last_number, has_more = 0, True
        while outgoing := self._store.outgoing(last_number, self._batch_size):
            answer = self._send(outgoing, report)
            if answer is None:
                continue
            has_more = self._take_in(answer, report)
            last_number = outgoing[-1].number
        return not has_more

    def _send(self, outgoing: list[Outgoing], report: SyncReport) -> dict[str, Any] | None:
        """Sends a batch, and returns the answer. None if the batch was too large.

        Raises Unreachable, RequestFailed.
        """
        body: dict[str, Any] = {"transactions": [element for _, element in outgoing]}
        if self._store.bookmark is not None:
            body |= {"after": self._store.bookmark, "limit": ROWS_PER_PAGE}

        def attempt() -> dict[str, Any]:
            """Updates `sentAt` per attempt: the ledger computes our clock offset from it."""
            return body | {"sentAt": self._clock().isoformat()}

        started, clock = time.monotonic(), self._clock()
        try:
            answer = self._server.post("/sync/transactions", BATCH, attempt)
        except RequestFailed as error:
            if error.code not in _TOO_LARGE:
                raise
            if len(outgoing) == 1 or is_one_group(outgoing):
                for one in outgoing:  # They would block all transactions after them.
                    self._reject(one, error)
                report.rejected += len(outgoing)
                return None
            self._batch_size = len(outgoing) // 2
            return None
        half_round_trip = timedelta(seconds=(time.monotonic() - started) / 2)
        report.clock_offset = datetime.fromisoformat(answer["serverTime"]) - (
            clock + half_round_trip
        )
        return answer

    def _reject(self, outgoing: Outgoing, error: RequestFailed) -> None:
        rejection = {"code": error.code, "message": str(error), "details": error.details}
        self._store.reject(outgoing.element["localId"], rejection)

    def _take_in(self, answer: dict[str, Any], report: SyncReport) -> bool:
        """Stores the outcomes of a batch, and the changes in the same answer, in one commit.

        True if the ledger may have more changes.
        """
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
            if problem is not None and problem["code"] in _BOOKMARK_LOST:
                self._store.bookmark = None
            return True

    def _pull(self, report: SyncReport, wait: float = 0) -> None:
        """Fetches and applies all changes. Raises Unreachable, RequestFailed."""
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
                self._start_over(report)
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
        """Replaces the copy by all pages of the stock list. Raises Unreachable, RequestFailed.

        Its bookmark is from before the first page, so changes during the read are not lost.
        """
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
    """A UUIDv7 (RFC 9562, section 5.7): time-ordered keys are cheaper for the index of the server.

    A wrong clock does no harm, because 74 random bits make it unique.
    """
    milliseconds = max(0, int(now.timestamp() * 1000))
    return UUID(int=milliseconds << 80 | 7 << 76 | randbits(12) << 64 | 2 << 62 | randbits(62))
