"""The past of the demo's shop: two months of deliveries, sales and stock-takes, for the console.

It is recorded by the services of the server, with a clock that runs from two months ago until now.
"""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from application.access.audit import Action, Origin
from application.access.errors import Unauthenticated
from application.access.key_management import Grant, Issued
from application.access.principal import Principal, principal_of
from application.access.roles import Role
from application.parsing.batch import parse_batch
from application.parsing.items import Registration
from domain.actor import Actor
from interface.client.labels import item_id
from interface.composition import Services, compose
from interface.settings import Settings

DAYS: Final = 60
SHOP: Final = "market"
STORE: Final = "warehouse"

_OPENING: Final = timedelta(hours=9)
_BETWEEN_SALES: Final = timedelta(minutes=35)
_DELIVERY_DAYS: Final = 7
_COUNT_DAYS: Final = 10


class Good(NamedTuple):
    """An item of the shop, and how it sells."""

    sku: str
    name: str
    unit: str
    safety_stock: int
    per_day: float
    """Units sold on an average day."""
    delivery: int
    """Units that come each week."""
    scale: int = 0
    floor: int | None = 0
    location: str = SHOP


GOODS: Final = (
    Good("COFFEE-1K", "Coffee beans 1 kg", "bag", 12, 4, 30),
    Good("TEA-EARL", "Earl Grey 100 g", "tin", 10, 2, 12),
    Good("SUGAR-1K", "Sugar 1 kg", "bag", 20, 3, 24),
    Good("MILK-1L", "Milk 1 l", "bottle", 24, 9, 60),
    Good("BREAD-RYE", "Rye bread", "piece", 6, 7, 42, floor=None),
    Good("CHEESE-M", "Mountain cheese", "kg", 3, 0.8, 6, scale=3),
    Good("APPLE", "Apples", "kg", 10, 3.5, 24, scale=3),
    Good("HONEY-500", "Acacia honey 500 g", "jar", 8, 1, 6),
    Good("JAM-PLUM", "Plum jam", "jar", 6, 1.5, 10),
    Good("OIL-OLIVE", "Olive oil 0.5 l", "bottle", 9, 1.2, 8),
    Good("SALT-SEA", "Sea salt", "box", 5, 0.6, 5),
    Good("COFFEE-1K", "Coffee beans 1 kg", "bag", 40, 6, 60, location=STORE),
    Good("MILK-1L", "Milk 1 l", "bottle", 60, 12, 100, location=STORE),
    Good("김치-500", "배추김치 500 g", "봉지", 12, 3, 24, location=STORE),
)


class PastClock:
    """A clock that is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=20)
        return self.now


class Shop:
    """Records the past, day by day."""

    def __init__(self, services: Services, clock: PastClock) -> None:
        self._services = services
        self._clock = clock
        self._chance = random.Random(20_260_108)  # noqa: S311 -- the same shop each time
        self._on_hand: dict[UUID, float] = {}
        boss = Origin(Actor("demo"), "192.0.2.10")
        both = (SHOP, STORE)
        self._keys = {
            name: services.keys.create(
                Grant(name=name, role=role, locations=places, lifetime=lifetime), boss
            )
            for name, role, places, lifetime in (
                ("kim", Role.MANAGER, both, None),
                ("till-1", Role.DEVICE, (SHOP,), timedelta(days=90)),
                ("till-2", Role.DEVICE, (SHOP,), timedelta(days=90)),
                ("scanner-7", Role.CLERK, both, timedelta(days=365)),
                ("old scanner", Role.DEVICE, (STORE,), timedelta(days=30)),
                ("auditor", Role.AUDITOR, (), None),
            )
        }

    def live(self, until: datetime) -> None:
        """Records everything up to `until`."""
        for good in GOODS:
            self._register(good)
        start = self._clock.now
        for day in range(DAYS):
            self._day(start + timedelta(days=day), day)
        self._clock.now = max(self._clock.now, until - timedelta(hours=3))
        self._troubles()

    def _caller(self, name: str) -> Principal:
        return principal_of(self._keys[name].key)

    def _register(self, good: Good) -> None:
        self._services.items.register(
            Registration(
                good.location, good.sku, good.name, good.unit, good.safety_stock, good.scale,
                good.floor,
            ),
            self._caller("kim"),
        )  # fmt: skip

    def _day(self, morning: datetime, day: int) -> None:
        self._clock.now = max(self._clock.now, morning + _OPENING)
        if day % _DELIVERY_DAYS == 0:
            self._send("scanner-7", self._deliveries(day))
        for _ in range(3):
            self._clock.now += 3 * _BETWEEN_SALES
            for till in ("till-1", "till-2", "scanner-7"):
                self._send(till, self._sales(till))
        if day % _COUNT_DAYS == _COUNT_DAYS - 1:
            self._send("scanner-7", self._counts())

    def _deliveries(self, day: int) -> Iterator[dict[str, Any]]:
        for good in GOODS:
            yield self._element(good, "INBOUND", good.delivery, reference=f"po:{1000 + day}")

    def _sales(self, till: str) -> Iterator[dict[str, Any]]:
        """What one of two tills, or the warehouse, sells in a third of a day."""
        location = STORE if till == "scanner-7" else SHOP
        share = 3 if location == STORE else 6
        for good in GOODS:
            if good.location != location:
                continue
            expected = good.per_day / share
            sold = self._chance.expovariate(1 / expected)
            quantity = round(sold, good.scale) if good.scale else int(sold + self._chance.random())
            on_hand = self._on_hand.get(self._id(good), 0)
            if good.floor == 0:
                quantity = min(quantity, on_hand)
            if quantity > 0:
                yield self._element(good, "OUTBOUND", quantity)

    def _counts(self) -> Iterator[dict[str, Any]]:
        for good in GOODS:
            on_hand = self._on_hand.get(self._id(good), 0)
            wrong = self._chance.choice((0, 0, 0, -1, 0, 1, 0, -2))
            yield self._element(good, "COUNT", max(0, round(on_hand + wrong, 3)))

    def _send(self, name: str, elements: Iterator[dict[str, Any]]) -> None:
        """Sends a backlog, some minutes after the goods moved."""
        happened = self._clock.now
        late = timedelta(minutes=self._chance.choice((1, 2, 5, 45)))
        batch = [one | {"occurredAt": happened.isoformat()} for one in elements]
        self._clock.now += late
        result = self._services.sync.submit(parse_batch(batch), self._caller(name)).result()
        for outcome in result.synced:
            self._on_hand[outcome.item_id] = float(outcome.on_hand)

    def _element(self, good: Good, type: str, quantity: float, **more: Any) -> dict[str, Any]:
        local_id = uuid.UUID(int=self._chance.getrandbits(128), version=4)
        return {
            "localId": str(local_id),
            "type": type,
            "itemId": str(self._id(good)),
            "quantity": quantity,
        } | more

    def _id(self, good: Good) -> UUID:
        return item_id(good.location, good.sku)

    def _troubles(self) -> None:
        """What waits for a person today."""
        honey, jam, tea, bread = (
            next(good for good in GOODS if good.sku == sku)
            for sku in ("HONEY-500", "JAM-PLUM", "TEA-EARL", "BREAD-RYE")
        )
        unknown = Good("SOAP-1", "Soap", "piece", 0, 1, 1)
        group = str(uuid.UUID(int=self._chance.getrandbits(128), version=4))
        self._send("till-1", iter([
            self._element(honey, "OUTBOUND", 60, note="wedding order"),
            self._element(jam, "OUTBOUND", 45),
            self._element(unknown, "OUTBOUND", 2, scanned="4006381333979"),
            self._element(bread, "OUTBOUND", 80),
        ]))  # fmt: skip
        self._send("till-2", iter([
            self._element(tea, "OUTBOUND", 90, group=group, note="gift box"),
            self._element(honey, "OUTBOUND", 1, group=group, note="gift box"),
            self._element(honey, "ADJUST", 3, reason="found"),
        ]))  # fmt: skip
        shelf = [
            {"location": SHOP, "sku": "CANDLE", "name": "Candle", "codes": ["4006381333986"]},
            {"location": SHOP, "sku": "JAM-PLUM", "name": "Plum jam, large", "unit": "jar"},
        ]
        self._services.sync.submit(parse_batch([], items=shelf), self._caller("scanner-7")).result()
        salt = next(good for good in GOODS if good.sku == "SALT-SEA")
        self._services.items.discontinue(self._id(salt), self._caller("kim"))
        self._services.items.assign_code(self._id(honey), "4006381333993", 1, self._caller("kim"))
        self._lost_scanner()

    def _lost_scanner(self) -> None:
        boss = Origin(Actor("demo"), "192.0.2.10")
        lost: Issued = self._services.keys.create(
            Grant(name="lost scanner", role=Role.DEVICE, locations=(STORE,)), boss
        )
        self._services.keys.revoke(lost.key.key_id, boss)
        try:
            self._services.authenticator.authenticate(lost.secret)
        except Unauthenticated as error:
            self._services.audit.record(
                Action.AUTHENTICATION_FAILED,
                Origin(None, "198.51.100.7"),
                f"GET /items: {error}",
            )


def fill(settings: Settings) -> None:
    """Records the past of the shop in an empty ledger."""
    now = datetime.now(UTC)
    clock = PastClock(now - timedelta(days=DAYS))
    with compose(settings, clock=clock) as services:
        Shop(services, clock).live(now)
