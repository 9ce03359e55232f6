"""One sync: sends the outbox, fetches changes, and puts a device right with a restored ledger."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from typing import Any, Final
from uuid import UUID

from interface.client.answer_shapes import BATCH, CHANGES, ITEMS, STATUSES
from interface.client.catalogue import Catalogue, OutgoingItem
from interface.client.errors import RequestFailed
from interface.client.groups import Outgoing, is_one_group
from interface.client.retrying_transport import Server
from interface.client.store import Store
from interface.client.witness import Witness

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
    registered: int = 0
    """Items and codes of this device that the ledger took over in this sync."""
    refused_items: int = 0
    """Registrations that the ledger refused, or that differ from what it has, in this sync."""
    changes: int = 0
    """Changes applied to the copy."""
    alarms: int = 0
    """New alarms about the ledger. See `StockClient.alarms`."""
    notices: list[str] = field(default_factory=list)
    """New notices for a person, such as that the ledger was restored."""
    clock_offset: timedelta | None = None
    """Server clock minus device clock, estimated. None if this sync sent no batch. Warn the clerk
    or set the clock if it is large, because the time of a stock-take decides its effect."""


class Synchroniser:
    """Syncs the file of a device with the ledger, one sync at a time."""

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        server: Server,
        witness: Witness,
        clock: Callable[[], datetime],
        keep: timedelta,
    ) -> None:
        """`keep`: retention of what the ledger has acknowledged."""
        self._store = store
        self._catalogue = catalogue
        self._server = server
        self._witness = witness
        self._clock = clock
        self._keep = keep
        self._batch_size = TRANSACTIONS_PER_BATCH
        self._syncing = Lock()

    def sync(self, wait: float) -> SyncReport:
        """Sends the outbox and updates the copy. Raises Unreachable, RequestFailed."""
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
                before = self._clock() - self._keep
                self._store.forget_acknowledged(before)
                self._catalogue.forget_answered(before)
            self._look(report)
        return report

    def _look(self, report: SyncReport) -> None:
        """Lets the witness look, when all is recorded that could be."""
        known = len(self._witness.records.notices())
        look = self._witness.look_if_due()
        report.alarms += look.alarms
        report.sent_again += look.sent_again
        report.notices += self._witness.records.notices()[known:]

    def _start_over(self, report: SyncReport) -> None:
        """Replaces the copy, because the ledger does not know our bookmark.

        This is the first sync, or the ledger was restored from a backup. A restored ledger first
        gets its lost transactions back. Raises Unreachable, RequestFailed.
        """
        self._find_lost(report)
        if report.sent_again:
            self._push(report)
        self._copy(report)

    def _find_lost(self, report: SyncReport) -> None:
        """Queues the acknowledged transactions that the ledger has lost.

        One commit for all, so that an interrupted sync asks again. Raises Unreachable,
        RequestFailed.
        """
        lost: list[Outgoing] = []
        last_number = 0
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
            known = [one.element["localId"] for one in unseen if one not in lost]
            with self._store.transaction():
                for local_id in known:
                    self._store.mark_as_seen(local_id)
            if lost:  # The copy still contains their effects.
                self._push(report)
                self._copy(report)

    def _not_recorded(self, known: list[Outgoing]) -> list[Outgoing]:
        """Those that the ledger has not recorded. Raises Unreachable, RequestFailed."""
        body = {"localIds": [outgoing.element["localId"] for outgoing in known]}
        answer = self._server.post("/sync/status", STATUSES, partial(dict, body))
        statuses = {one["localId"]: one["status"] for one in answer["statuses"]}
        return [one for one in known if statuses.get(one.element["localId"]) != "recorded"]

    def _send_again(self, lost: list[Outgoing], report: SyncReport) -> None:
        with self._store.transaction():
            for one in lost:
                self._store.send_again(one.element["localId"])
            # Their items may be lost, too.
            self._catalogue.send_again({UUID(one.element["itemId"]) for one in lost})
        report.sent_again += len(lost)

    def _push(self, report: SyncReport) -> bool:
        """Sends the outbox. True if the last answer had all changes, so the copy is current.

        Raises Unreachable, RequestFailed.
        """
        last_item, last_number, has_more, items_alone = 0, 0, True, False
        while True:
            items = self._catalogue.outgoing(last_item, self._batch_size)
            # All items go before the transactions, which may need them.
            is_full = len(items) == self._batch_size or (items and items_alone)
            outgoing = [] if is_full else self._store.outgoing(last_number, self._batch_size)
            if not items and not outgoing:
                return not has_more
            answer = self._send(items, outgoing, report)
            if answer is None:
                items_alone = True
                continue
            has_more = self._take_in(answer, items, report)
            last_item = items[-1].number if items else last_item
            last_number = outgoing[-1].number if outgoing else last_number

    def _send(
        self, items: list[OutgoingItem], outgoing: list[Outgoing], report: SyncReport
    ) -> dict[str, Any] | None:
        """Sends a batch, and returns the answer. None if the batch was too large.

        Raises Unreachable, RequestFailed.
        """
        body: dict[str, Any] = {"transactions": [element for _, element in outgoing]}
        if items:
            body["items"] = [element for _, element in items]
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
            self._make_smaller(items, outgoing, error, report)
            return None
        half_round_trip = timedelta(seconds=(time.monotonic() - started) / 2)
        report.clock_offset = datetime.fromisoformat(answer["serverTime"]) - (
            clock + half_round_trip
        )
        return answer

    def _make_smaller(
        self,
        items: list[OutgoingItem],
        outgoing: list[Outgoing],
        error: RequestFailed,
        report: SyncReport,
    ) -> None:
        """Halves the batches, or sends items alone next. What is too large by itself is rejected:
        it would block all that comes after it."""
        if items and outgoing:
            return
        if not items and (len(outgoing) == 1 or is_one_group(outgoing)):
            for one in outgoing:
                self._store.reject(one.element["localId"], _rejection_of(error))
            report.rejected += len(outgoing)
        elif len(items) == 1 and not outgoing:
            self._catalogue.refuse(items[0], _rejection_of(error) | {"status": "failed"})
            report.refused_items += 1
        else:
            self._batch_size = max(1, max(len(items), len(outgoing)) // 2)

    def _take_in(
        self, answer: dict[str, Any], items: list[OutgoingItem], report: SyncReport
    ) -> bool:
        """Stores the outcomes of a batch, and the changes in the same answer, in one commit.

        True if the ledger may have more changes.
        """
        with self._store.transaction():
            for item in answer.get("items") or ():
                status = self._catalogue.answer(items[item["index"]], item, self._clock())
                report.registered += status == "accepted"
                report.refused_items += status == "refused"
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
        codes = page.get("codes") or []
        for change in page["items"]:
            self._store.apply(change, self._clock())
        for change in codes:
            self._catalogue.apply(change)
        self._store.bookmark = page["nextAfter"]
        report.changes += len(page["items"]) + len(codes)
        has_more: bool = page["hasMore"]
        return has_more

    def _copy(self, report: SyncReport) -> None:
        """Replaces the copy by all pages of the stock list, and sends again what it lacks of this
        device's items. Raises Unreachable, RequestFailed.

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
            self._catalogue.replace_codes(items)
            self._store.bookmark = page["nextAfter"]
            missing = self._catalogue.missing({UUID(one["itemId"]) for one in items})
            is_lost = self._catalogue.send_again(missing)
        if is_lost:
            self._push(report)


def _rejection_of(error: RequestFailed) -> dict[str, Any]:
    return {"code": error.code, "message": str(error), "details": error.details}
