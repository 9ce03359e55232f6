"""Reference client: the device as a witness of a good ledger."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.testclient import TestClient

from application.sealing.key_file import create_key
from interface.api.app import create_app
from interface.client import StockClient
from interface.client.store import SCHEMA_VERSION
from interface.settings import Settings
from proof.checkpoint import Checkpoint
from proof.evidence import Alarm
from proof.note import Signer
from tests.support.api import register, sync
from tests.support.builders import element
from tests.support.witness_shop import (
    Answer,
    WitnessShop,
    grow,
    refused,
    the_alarm,
    unaudited,
)

SCHEMAS = Path(__file__).parents[1] / "application" / "schemas"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[WitnessShop]:
    shop = WitnessShop(tmp_path)
    yield shop
    shop.close()


class TestGoodLedger:
    def test_checkpoint_is_verified_and_kept_over_a_restart(self, shop: WitnessShop) -> None:
        device = shop.new_device()
        assert (device.witnessed, device.status) == (None, "no checkpoint")
        first = grow(shop.server, shop.tea, 3)
        device.sync()
        assert device.witnessed == first
        assert device.status == f"4 · {first.root.hex()[:8]}"
        second = grow(shop.server, shop.tea)
        device.sync()
        assert device.witnessed == shop.new_device().witnessed == second
        assert (device.alarms(), device.notices()) == ([], [])

    @pytest.mark.parametrize("size", [1, 2, 3, 4, 255, 256, 300])
    def test_every_growth_is_followed(self, shop: WitnessShop, size: int) -> None:
        grow(shop.server, shop.tea, size - 1)
        for events in (1, 2, 60):
            shop.device.sync()
            assert shop.device.witnessed == shop.server.newest()
            grow(shop.server, shop.tea, events)
        shop.device.sync()
        assert (shop.device.witnessed, shop.device.alarms()) == (shop.server.newest(), [])

    def test_it_asks_no_more_often_than_it_should(self, shop: WitnessShop) -> None:
        grow(shop.server, shop.tea)
        device = shop.new_device(witness_every=timedelta(minutes=1))
        device.sync()
        before = len(shop.line.asked)
        device.sync()
        assert not any("tree" in path for path in shop.line.asked[before:])

    @pytest.mark.slow
    def test_last_checkpoint_of_each_of_90_days_is_kept(self, shop: WitnessShop) -> None:
        for _ in range(93):
            for _ in range(2):
                grow(shop.server, shop.tea)
                shop.device.sync()
            shop.clock.now += timedelta(days=1)
        rows = shop.device._store.run("SELECT size, day FROM checkpoints ORDER BY number")
        newest = shop.server.newest().size
        assert [row["size"] for row in rows] == [*range(newest - 2 * 89, newest + 1, 2)]
        assert len({row["day"] for row in rows}) == 90

    def test_own_work_is_audited_and_every_kind_of_it_is_found_as_recorded(
        self, shop: WitnessShop
    ) -> None:
        kilo = {"location": "main", "sku": "RICE", "name": "Rice", "unit": "kg", "scale": 3}
        rice = UUID(shop.server.api.post("/items", json=kilo).raise_for_status().json()["itemId"])
        shop.device.sync()
        sold = shop.device.record(
            "OUTBOUND", shop.tea, 1, reference=" po:1\u1112\u1161\u11ab ", note="x"
        )
        shop.device.record("INBOUND", shop.tea, 9, reason="as it is said in prose", reference="")
        shop.device.record("INBOUND", shop.tea, 1, returns=sold, metadata={"a": "b"})
        shop.device.record("OUTBOUND", shop.tea, 1, returns=sold)
        counted = shop.device.record("COUNT", shop.tea, 5)
        shop.device.record("COUNT", shop.tea, 6, corrects=counted)
        shop.device.record("ADJUST", rice, Decimal("2.250"), entered={"quantity": 1, "unit": "bag"})
        shop.device.record("COUNT", rice, Decimal("-0") + Decimal("1e1"))
        with shop.device.group() as group:
            shop.device.record("OUTBOUND", rice, Decimal("0.5"), group=group)
            shop.device.record("INBOUND", shop.tea, 1, group=group)
        shop.device.void(shop.device.record("ADJUST", shop.tea, -1, reference="r"))
        shop.device.sync()
        assert (shop.device.pending(), shop.device.rejected()) == ([], [])
        shop.server.seal()
        for left in reversed(range(unaudited(shop.device))):
            shop.device.sync()
            assert (unaudited(shop.device), shop.device.alarms()) == (left, [])

    @pytest.mark.parametrize(
        "now",
        [
            datetime(1, 1, 1, tzinfo=UTC),
            datetime(9999, 12, 31, 23, 59, tzinfo=UTC),
            datetime(1970, 1, 1, tzinfo=UTC),
        ],
    )
    def test_dead_clock_is_no_alarm(self, shop: WitnessShop, now: datetime) -> None:
        device = shop.new_device(clock=lambda: now)
        device.record("INBOUND", shop.tea, 1)
        device.record("COUNT", shop.tea, 2)
        device.sync()
        shop.server.seal()
        for _ in range(3):
            device.sync()
        assert (unaudited(device), device.alarms()) == (0, [])

    def test_same_void_of_another_sender_is_as_good(self, shop: WitnessShop) -> None:
        shop.device.sync()
        mistake = shop.device.record("INBOUND", shop.tea, 5, reference="a")
        shop.device.sync()
        void = shop.device.void(mistake)
        other = element("VOID", shop.tea, 0, localId=str(void), voids=str(mistake), reference="b")
        del other["quantity"]
        assert sync(shop.server.api, other)["failed"] == []
        shop.device.sync()
        shop.server.seal()
        for _ in range(3):
            shop.device.sync()
        assert (unaudited(shop.device), shop.device.alarms()) == (0, [])

    def test_what_is_not_sealed_yet_is_audited_later(self, shop: WitnessShop) -> None:
        grow(shop.server, shop.tea)
        shop.device.record("INBOUND", shop.tea, 1)
        shop.device.sync()
        assert unaudited(shop.device) == 1
        shop.server.seal()
        shop.device.sync()
        assert (unaudited(shop.device), shop.device.alarms()) == (0, [])

    def test_next_key_is_followed(self, shop: WitnessShop) -> None:
        grow(shop.server, shop.tea)
        shop.device.sync()
        for _ in range(2):
            shop.server.rotate()
            shop.server.key = shop.server.key.rename(shop.server.folder / f"key-{uuid4()}")
            grow(shop.server, shop.tea)
            shop.device.sync()
            assert (shop.device.witnessed, shop.device.alarms()) == (shop.server.newest(), [])
        before = shop.line.asked.count("/tree/declarations")
        grow(shop.server, shop.tea)
        shop.device.sync()
        assert shop.line.asked.count("/tree/declarations") == before

    def test_enrolled_key_takes_the_place_of_the_first_use(self, shop: WitnessShop) -> None:
        grow(shop.server, shop.tea)
        enrolled = shop.new_device(verifier_keys=[shop.server.verifier().key])
        enrolled.sync()
        assert enrolled.witnessed == shop.server.newest()
        assert "/tree" not in shop.line.asked
        impostor = Signer(shop.server.newest().origin, Ed25519PrivateKey.generate())
        wrong = shop.new_device("other", verifier_keys=[impostor.verifier.key])
        wrong.sync()
        assert (wrong.witnessed, the_alarm(wrong).alarm) == (None, Alarm.OTHER_LEDGER)
        shop.new_device("late").sync()
        late = shop.new_device("late", verifier_keys=[impostor.verifier.key])
        assert late.alarms() == []
        late.sync()
        assert the_alarm(late).alarm is Alarm.OTHER_LEDGER
        with pytest.raises(ValueError, match="verifier key"):
            shop.new_device("third", verifier_keys=["a key"])


class TestNoAnswer:
    @pytest.mark.parametrize(
        "answer",
        [
            refused(404, "NOT_FOUND"),
            refused(500, "INTERNAL_ERROR"),
            refused(409, "TREE_DAMAGED"),
            refused(409, "UNKNOWN_SIZE"),
            refused(503, "STORE_UNAVAILABLE"),
            lambda _: httpx2.Response(200, text="<html>Welcome to our free network"),
            lambda _: httpx2.Response(200, json={"login": "please"}),
            lambda _: httpx2.Response(200, content=b"\xff\xfe"),
            lambda _: httpx2.Response(302, headers={"Location": "http://login.example"}),
            lambda _: httpx2.Response(200, text="old 0\n\nnothing\n"),
        ],
    )
    @pytest.mark.parametrize("is_known", [False, True])
    def test_sync_is_as_good_as_before(
        self, shop: WitnessShop, answer: Answer, is_known: bool
    ) -> None:
        if is_known:
            grow(shop.server, shop.tea)
            shop.device.sync()
        known = shop.device.witnessed
        shop.line.answers = {"/tree": answer, "/movements": answer}
        shop.device.record("INBOUND", shop.tea, 1)
        assert shop.device.sync().recorded == 1
        assert (shop.device.pending(), shop.device.witnessed, shop.device.alarms()) == (
            [],
            known,
            [],
        )

    def test_ledger_without_a_checkpoint_is_asked_again(self, shop: WitnessShop) -> None:
        shop.device.record("INBOUND", shop.tea, 1)
        assert shop.device.sync().recorded == 1
        assert shop.device.witnessed is None
        shop.server.seal()
        shop.device.sync()
        assert shop.device.witnessed == shop.server.newest()

    def test_network_that_breaks_at_the_witness_breaks_no_sync(self, shop: WitnessShop) -> None:
        grow(shop.server, shop.tea)
        shop.device.sync()

        def cut(_: httpx2.Request) -> httpx2.Response:
            raise httpx2.ReadTimeout("slow")

        shop.line.answers = {"/tree": cut}
        shop.device.record("INBOUND", shop.tea, 1)
        asked = len(shop.line.asked)
        assert shop.device.sync().recorded == 1
        assert shop.line.asked[asked:].count("/tree/consistency") == 1

    def test_a_week_without_proof_is_an_alarm_once(self, shop: WitnessShop) -> None:
        grow(shop.server, shop.tea)
        shop.device.sync()
        shop.line.answers = {"/tree/": refused(404, "NO_CHECKPOINT")}
        for day in range(12):
            for _ in range(2):
                shop.device.sync()
            assert len(shop.device.alarms()) == (day >= 7)
            shop.clock.now += timedelta(days=1)
        assert the_alarm(shop.device).alarm is Alarm.UNPROVEN
        shop.line.answers = {}
        shop.device.sync()
        shop.line.answers = {"/tree/": refused(404, "NO_CHECKPOINT")}
        shop.clock.now += timedelta(days=3650)
        shop.device.sync()
        assert len(shop.device.alarms()) == 1

    def test_ledger_that_never_proved_anything_owes_no_proof(self, shop: WitnessShop) -> None:
        shop.line.answers = {"/tree": refused(404, "NOT_FOUND")}
        for _ in range(20):
            shop.device.sync()
            shop.clock.now += timedelta(days=1)
        assert shop.device.alarms() == []


class TestPower:
    def test_battery_that_dies_at_any_request_loses_nothing(self, shop: WitnessShop) -> None:
        """After each request in turn, the device starts again from its file as it is."""

        class Flat(BaseException):
            pass

        def die(_: httpx2.Request) -> httpx2.Response:
            raise Flat

        recorded = 0
        for path in ("/tree", "/tree/consistency", "/tree/declarations", "/movements") * 2:
            device = shop.new_device()
            device.record("INBOUND", shop.tea, 1)
            recorded += 1
            if path == "/tree/declarations" and recorded > 4:
                shop.server.rotate()
            shop.server.seal()
            shop.line.answers = {path: die}
            with suppress(Flat):
                device.sync()
            shop.line.answers = {}
        device = shop.new_device()
        shop.server.seal()
        for _ in range(recorded):
            device.sync()
        assert shop.server.api.get(f"/items/{shop.tea}").json()["onHand"] == recorded
        assert (device.pending(), unaudited(device), device.alarms()) == ([], 0, [])
        assert device.witnessed == shop.server.newest()

    def test_alarm_survives(self, shop: WitnessShop) -> None:
        grow(shop.server, shop.tea)
        other = shop.new_server("other", copy_of=shop.server)
        grow(shop.server, shop.tea)
        shop.new_device().sync()
        shop.line.server = other
        grow(other, shop.tea)
        shop.new_device().sync()
        assert the_alarm(shop.new_device()).alarm is Alarm.FORK


def test_file_of_schema_4_becomes_a_witness(shop: WitnessShop, tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    shutil.copy(SCHEMAS / "v7.device.sqlite", file)
    grow(shop.server, shop.tea)
    with StockClient(file, url="http://testserver", transport=shop.line) as device:
        ((version,),) = device._store.run("PRAGMA user_version")
        assert version == SCHEMA_VERSION >= 5
        assert (device.alarms(), device.notices(), device.witnessed) == ([], [], None)
        device.sync()
        assert device.witnessed == shop.server.newest()


def test_both_databases_prove(settings: Settings, tmp_path: Path) -> None:
    """The other tests here use SQLite."""
    create_key(tmp_path / "key")
    signing = settings.model_copy(update={"checkpoint_key": str(tmp_path / "key")})
    with (
        TestClient(create_app(signing)) as api,
        StockClient(
            tmp_path / "device.db",
            url="http://testserver",
            transport=api._transport,
            witness_every=timedelta(),
        ) as device,
    ):
        tea = register(api)
        for number in range(1, 4):
            device.record("INBOUND", tea, number)
            device.sync()
            api.app.state.services.sealer.seal_once()  # type: ignore[attr-defined]
            device.sync()
            assert device.witnessed == Checkpoint.unverified(api.get("/tree/checkpoint").text)
            assert (device.witnessed.size, unaudited(device)) == (number + 1, 0)
        assert device.alarms() == []
