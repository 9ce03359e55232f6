"""Client of one device: records at any time, and syncs when there is a network."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from secrets import randbits
from threading import local
from types import TracebackType
from typing import Any, Final, Literal, Self
from uuid import UUID, uuid4, uuid5

import httpx2

from interface.client.catalogue import DEFAULT_UNIT, Catalogue, RefusedItem
from interface.client.groups import MAX_GROUP_SIZE
from interface.client.input_checks import require_acceptable, require_codes, require_item
from interface.client.labels import is_label, item_id
from interface.client.records import (
    PendingTransaction,
    Quantity,
    RejectedTransaction,
    Stock,
    in_unit_of,
)
from interface.client.retrying_transport import Server
from interface.client.store import Store
from interface.client.suspicion import shown_as
from interface.client.synchroniser import KEEP_ACKNOWLEDGED, Synchroniser, SyncReport
from interface.client.tree_api import TreeApi
from interface.client.witness import WITNESS_EVERY, Witness, read_verifier
from proof.checkpoint import Checkpoint
from proof.evidence import Evidence

NO_CODES: Final[Mapping[str, Quantity]] = {}


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """What a scan stands for, as far as the device knows."""

    raw: str
    """The scan. Record it as `scanned`."""
    item: Stock | None
    """None if no code of it is known: register it, or assign the code to an item."""
    quantity: Quantity
    """Base units of the item that one scan counts: the `per` of the code, or the measure in the
    barcode, if its unit is that of the item."""
    code: str | None
    """The best code of the scan, to assign it to an item. None if no item can have it."""
    measure: Quantity | None = None
    """A measure in the barcode, in `unit`: a weight, for example."""
    unit: str | None = None
    lot: str | None = None
    expires: date | None = None
    serial: str | None = None


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
        verifier_keys: the keys that may sign for the ledger, from the enrolment of the device. If
            left out, those that the ledger names at the first contact.
        witness_every: least time between two syncs after which the ledger must prove itself.

    Raises:
        ClientError: a newer version of the client wrote the file.
        ValueError: a verifier key can't be read.
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
        verifier_keys: Sequence[str] = (),
        witness_every: timedelta = WITNESS_EVERY,
    ) -> None:
        enrolled = [read_verifier(one) for one in verifier_keys]
        self._store = Store(path)
        self._catalogue = Catalogue(self._store)
        self._server = Server(
            url, key, attempts=attempts, first_pause=first_pause, transport=transport
        )
        self._clock = clock
        self._witness = Witness(
            self._store,
            self._catalogue,
            TreeApi(self._server),
            clock,
            enrolled=enrolled,
            every=witness_every,
        )
        self._synchroniser = Synchroniser(
            self._store, self._catalogue, self._server, self._witness, clock, keep
        )
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
            "quantity": _number(quantity),
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

    def register(
        self,
        location: str,
        sku: str,
        *,
        name: str | None = None,
        unit: str | None = None,
        scale: int = 0,
        codes: Mapping[str, Quantity] = NO_CODES,
    ) -> UUID:
        """Registers an item that the device does not know, and returns its id. It can be recorded
        at once. The next sync sends it, before all transactions; a manager confirms it later.

        Args:
            location: one of the device's locations.
            sku: unique at the location.
            name: the SKU, if left out.
            unit: of its quantities; `pc`, if left out.
            scale: decimal places of its quantities.
            codes: the base units that each code counts, by code.

        Raises:
            ValueError: the ledger would refuse this input.
        """
        require_item(
            location,
            sku,
            sku if name is None else name,
            DEFAULT_UNIT if unit is None else unit,
            scale,
        )
        require_codes(codes, scale)
        # What is left out is not compared, if another device has registered the item meanwhile.
        element = {
            "location": location,
            "sku": sku,
            "name": name,
            "unit": unit,
            "scale": scale or None,
        }
        self._put_item({name: value for name, value in element.items() if value is not None}, codes)
        return item_id(location, sku)

    def assign_code(self, item_id: UUID, code: str, per: Quantity = 1) -> None:
        """Assigns a code to an item, here at once and at the ledger with the next sync.

        Raises:
            ValueError: the ledger would refuse the code, or the device does not know the item.
        """
        item = self._item(item_id)
        if item is None:
            raise ValueError(f"there is no item {item_id} here")
        require_codes({code: per}, item.scale)
        self._put_item({"location": item.location, "sku": item.sku}, {code: per})

    def _put_item(self, element: dict[str, Any], codes: Mapping[str, Quantity]) -> None:
        sent = [{"code": code, "per": _number(per)} for code, per in codes.items()]
        self._catalogue.put(element | ({"codes": sent} if sent else {}))

    def resolve(self, scan: str, location: str | None = None) -> Resolved:
        """Finds the item of a scan in the copy, without the network. Reads GS1 element strings and
        Digital Links, too.

        Args:
            scan: what the scanner read.
            location: where the item is; None if the device has only one location.
        """
        # Its GS1 tables take a tenth of a second and 25 MB, which not every device needs.
        from interface.client.scans import parse_scan  # noqa: PLC0415

        parsed = parse_scan(scan)
        codes = [code for code in parsed.codes if is_label(code)]
        found = self._catalogue.find(codes, location)
        item = None if found is None else self._item(found.item_id)
        per = 1 if found is None else found.per
        measured = None if item is None else in_unit_of(item, parsed.quantity, parsed.unit)
        return Resolved(
            raw=scan,
            item=item,
            quantity=per * (parsed.count or 1) if measured is None else measured,
            measure=parsed.quantity,
            unit=parsed.unit,
            code=next(iter(codes), None),
            lot=parsed.lot,
            expires=parsed.expires,
            serial=parsed.serial,
        )

    def _item(self, item_id: UUID) -> Stock | None:
        new = [item for item in self._catalogue.new_items() if item.item_id == item_id]
        return next(iter(self._store.stock(new, item_id=item_id)), None)

    def refused_items(self) -> list[RefusedItem]:
        """Registrations that the ledger refused, or that differ from what it has. A manager sees
        those that differ, too."""
        return self._catalogue.refused()

    def dismiss_item(self, number: int) -> bool:
        """Removes a refused registration from the device. False if there is no such one."""
        return self._catalogue.forget(number)

    def stock(self) -> list[Stock]:
        """The copy of the stock, by location and SKU, with the items that the device registers.
        `available` counts pending transactions."""
        return self._store.stock(self._catalogue.new_items())

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
        return self._synchroniser.sync(wait)

    @property
    def witnessed(self) -> Checkpoint | None:
        """The newest checkpoint of the ledger that the device has verified; None if there is
        none."""
        newest = self._witness.records.newest()
        return None if newest is None else newest.checkpoint

    @property
    def status(self) -> str:
        """The number of events of that checkpoint and the first 8 characters of its root, to
        compare two devices by eye: `48977 · 5d0c81e2`."""
        return shown_as(self._witness.records.newest())

    def alarms(self) -> list[Evidence]:
        """What the device found against the ledger, oldest first. Show it to a person who does not
        run the ledger. `stockledger check` checks its `text`."""
        return self._witness.records.alarms()

    def notices(self) -> list[str]:
        """What a person should know about the ledger, oldest first: it was restored."""
        return self._witness.records.notices()

    def trust(self, verifier_key: str) -> None:
        """Accepts another key, which a person got from the operator by another way than the
        network: after a disaster, in which the ledger lost its key or began anew.

        Raises ValueError: the key can't be read.
        """
        self._witness.trust(read_verifier(verifier_key))


def _time_ordered_id(now: datetime) -> UUID:
    """A UUIDv7 (RFC 9562, section 5.7): time-ordered keys are cheaper for the index of the server.

    A wrong clock does no harm, because 74 random bits make it unique.
    """
    milliseconds = max(0, int(now.timestamp() * 1000))
    return UUID(int=milliseconds << 80 | 7 << 76 | randbits(12) << 64 | 2 << 62 | randbits(62))


def _number(quantity: Quantity) -> int | str:
    """Returns a quantity for JSON: a decimal as text."""
    return f"{quantity:f}" if isinstance(quantity, Decimal) else quantity
