"""Reference client: what a witness notices, and the evidence that it keeps."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from proof.checkpoint import Checkpoint
from proof.errors import ProofError
from proof.evidence import Alarm
from tests.support.api import register
from tests.support.log_server import LogServer
from tests.support.witness_shop import (
    WitnessShop,
    grow,
    refused,
    reports,
    the_alarm,
    unaudited,
)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[WitnessShop]:
    shop = WitnessShop(tmp_path)
    yield shop
    shop.close()


class TestFork:
    @pytest.mark.parametrize(
        ("common", "seen", "shown"),
        [
            (4, 1, 1), (4, 1, 2), (4, 1, 9), (2, 2, 2), (2, 2, 3), (2, 2, 4), (2, 2, 12),
            (6, 2, 3), (6, 2, 300), (3, 4, 9), (255, 1, 20),
        ],
    )  # fmt: skip
    def test_two_ledgers_of_one_key_are_proven_to_be_two(
        self, shop: WitnessShop, common: int, seen: int, shown: int
    ) -> None:
        grow(shop.server, shop.tea, common - 1)
        other = shop.new_server("other", copy_of=shop.server)
        known = grow(shop.server, shop.tea, seen)
        shop.device.sync()
        assert shop.device.witnessed == known
        shop.line.server = other
        new = grow(other, shop.tea, shown)
        shop.device.record("INBOUND", shop.tea, 7)
        report = shop.device.sync()
        assert (report.recorded, report.alarms, shop.device.witnessed) == (1, 1, known)
        found = the_alarm(shop.device)
        assert found.alarm is Alarm.FORK
        told = found.require([shop.server.verifier()])
        assert "two roots" in told if new.size == known.size else "two histories" in told
        assert found.message in reports(other)[0]

    def test_it_is_told_once_and_the_device_goes_on(self, shop: WitnessShop) -> None:
        grow(shop.server, shop.tea)
        other = shop.new_server("other", copy_of=shop.server)
        known = grow(shop.server, shop.tea)
        shop.device.sync()
        shop.line.server = other
        for _ in range(3):
            grow(other, shop.tea, 2)
            shop.device.record("INBOUND", shop.tea, 1)
            assert shop.device.sync().recorded == 1
        assert (len(shop.device.alarms()), len(reports(other)), shop.device.witnessed) == (
            1,
            1,
            known,
        )
        shop.line.server = shop.server
        grow(shop.server, shop.tea)
        shop.device.sync()
        assert (len(shop.device.alarms()), shop.device.witnessed) == (1, shop.server.newest())

    def test_other_root_of_an_audit_is_a_fork(self, shop: WitnessShop) -> None:
        """The server shows the device its own checkpoints, and proves from another ledger."""
        shop.device.record("INBOUND", shop.tea, 1)
        shop.device.sync()
        other = shop.new_server("other", copy_of=shop.server)
        grow(shop.server, shop.tea)
        grow(other, shop.tea)
        shop.line.answers = {"/movements": other.transport.handle_request}
        shop.device.sync()
        found = the_alarm(shop.device)
        assert (found.alarm, unaudited(shop.device)) == (Alarm.FORK, 0)
        assert "two roots" in found.require([shop.server.verifier()])

    def test_what_the_ledger_signed_is_not_excused_by_a_second_look(
        self, shop: WitnessShop
    ) -> None:
        grow(shop.server, shop.tea, 4)
        other = shop.new_server("other", copy_of=shop.server)
        grow(shop.server, shop.tea, 2)
        shop.device.sync()
        grow(other, shop.tea, 3)
        wrong = [other]

        def astray(request: httpx2.Request) -> httpx2.Response:
            found = wrong.pop() if wrong else shop.server
            return found.transport.handle_request(request)

        shop.line.answers = {"/tree/consistency": astray}
        shop.device.sync()
        assert the_alarm(shop.device).alarm is Alarm.FORK

    def test_alarm_that_can_t_be_reported_is_reported_later(self, shop: WitnessShop) -> None:
        grow(shop.server, shop.tea)
        other = shop.new_server("other", copy_of=shop.server)
        grow(shop.server, shop.tea)
        shop.device.sync()
        shop.line.server = other
        grow(other, shop.tea)
        for answer in (refused(503, "OVERLOADED"), refused(500, "INTERNAL_ERROR")):
            shop.line.answers = {"/tree/alarms": answer}
            assert shop.device.sync().recorded == 0
        shop.line.answers = {}
        shop.device.sync()
        shop.device.sync()
        assert len(reports(other)) == 1


class TestRollback:
    @pytest.mark.parametrize("is_sealed_again", [False, True])
    def test_ledger_from_an_older_copy(self, shop: WitnessShop, is_sealed_again: bool) -> None:
        grow(shop.server, shop.tea, 2)
        older = shop.new_server("older", copy_of=shop.server)
        known = grow(shop.server, shop.tea, 5)
        shop.device.sync()
        shop.line.server = older
        if is_sealed_again:
            grow(older, shop.tea)
        asked = len(shop.line.asked)
        for _ in range(2):
            shop.device.sync()
        found = the_alarm(shop.device)
        assert (found.alarm, shop.device.witnessed) == (Alarm.ROLLBACK, known)
        assert f"signed {known.size} events" in found.require([shop.server.verifier()])
        # Each look asks twice, and each time for the proof and for the newest checkpoint.
        assert shop.line.asked[asked:].count("/tree/consistency") == 2 * 4

    def test_server_that_lags_for_a_moment_is_no_alarm(self, shop: WitnessShop) -> None:
        grow(shop.server, shop.tea, 2)
        older = shop.new_server("older", copy_of=shop.server)
        grow(shop.server, shop.tea, 5)
        shop.device.sync()
        lagging = [older, older]

        def lag(request: httpx2.Request) -> httpx2.Response:
            found = lagging.pop() if lagging else shop.server
            return found.transport.handle_request(request)

        shop.line.answers = {"/tree/consistency": lag}
        shop.device.sync()
        assert (lagging, shop.device.alarms()) == ([], [])


class TestOtherLedger:
    def test_it_is_told_and_a_person_may_trust_it(self, shop: WitnessShop) -> None:
        known = grow(shop.server, shop.tea, 3)
        shop.device.sync()
        other = shop.line.server = shop.new_server("other")
        register(other.api)
        for events in (1, 4):
            grow(other, shop.tea, events)
            shop.device.sync()
            assert the_alarm(shop.device).alarm is Alarm.OTHER_LEDGER
            assert shop.device.witnessed == known
        with pytest.raises(ProofError, match="can't be proven by itself"):
            the_alarm(shop.device).require([shop.server.verifier()])
        shop.device.trust(other.verifier().key)
        report = shop.device.sync()
        assert (shop.device.witnessed, len(report.notices)) == (other.newest(), 1)
        assert shop.device.notices() == report.notices
        shop.line.server = shop.server
        shop.device.sync()
        assert [one.alarm for one in shop.device.alarms()] == [Alarm.OTHER_LEDGER] * 2

    def test_key_that_is_not_declared_is_that_of_another(self, shop: WitnessShop) -> None:
        grow(shop.server, shop.tea)
        shop.device.sync()
        shop.server.rotate()
        grow(shop.server, shop.tea)
        assert shop.server.alter("DELETE FROM declarations") == 1
        shop.device.sync()
        assert the_alarm(shop.device).alarm is Alarm.OTHER_LEDGER
        shop.device.trust(shop.server.verifier().key)
        shop.device.sync()
        assert (len(shop.device.alarms()), shop.device.witnessed) == (1, shop.server.newest())
        with pytest.raises(ValueError, match="verifier key"):
            shop.device.trust("a key")


class TestRestore:
    @pytest.fixture
    def older(self, shop: WitnessShop) -> LogServer:
        """A copy from before the last events that the shop.device saw."""
        grow(shop.server, shop.tea, 4)
        shop.device.sync()
        return shop.new_server("older", copy_of=shop.server)

    def test_declared_restore_is_followed_with_a_notice(
        self, shop: WitnessShop, older: LogServer
    ) -> None:
        kept = shop.server.newest()
        shop.clock.now += timedelta(days=1)
        lost = grow(shop.server, shop.tea, 5)
        shop.device.sync()
        shop.line.server = older
        older.declare_restore(lost, kept, shop.server.signer())
        shop.device.sync()
        assert (shop.device.witnessed, shop.device.alarms()) == (lost, [])  # No checkpoint since.
        grow(older, shop.tea, 2)
        report = shop.device.sync()
        assert shop.device.alarms() == []
        assert shop.device.witnessed == older.newest()
        assert older.newest().origin == f"{kept.origin}/2"
        assert "the disk failed" in report.notices[0]
        notes = shop.device._store.run("SELECT note FROM checkpoints ORDER BY number")
        found = [Checkpoint.unverified(row["note"]) for row in notes]
        assert found == [kept, lost, older.newest()]
        grow(older, shop.tea)
        assert shop.device.sync().notices == []
        assert (shop.device.witnessed, shop.device.alarms()) == (older.newest(), [])

    def test_restore_that_only_the_new_key_signed_needs_a_person(
        self, shop: WitnessShop, older: LogServer
    ) -> None:
        kept, lost = shop.server.newest(), grow(shop.server, shop.tea)
        shop.device.sync()
        shop.line.server = older
        older.declare_restore(lost, kept, None)
        grow(older, shop.tea, 2)
        shop.device.sync()
        assert the_alarm(shop.device).alarm is Alarm.OTHER_LEDGER
        shop.device.trust(older.verifier().key)
        shop.device.sync()
        assert (len(shop.device.alarms()), shop.device.witnessed) == (1, older.newest())

    @pytest.mark.parametrize("is_root_declared", [False, True])
    def test_restore_that_kept_other_events_than_it_declared_is_a_fork(
        self, shop: WitnessShop, older: LogServer, is_root_declared: bool
    ) -> None:
        seen = grow(shop.server, shop.tea, 3)
        shop.clock.now += timedelta(days=1)
        shop.device.sync()
        lost = grow(shop.server, shop.tea)
        shop.clock.now += timedelta(days=1)
        shop.device.sync()
        shop.line.server = older
        other = grow(older, shop.tea, 3)
        assert other.size == seen.size
        older.declare_restore(lost, other if is_root_declared else seen, shop.server.signer())
        grow(older, shop.tea, 2)
        shop.device.sync()
        found = the_alarm(shop.device)
        assert (found.alarm, shop.device.witnessed) == (Alarm.FORK, lost)
        told = found.require([shop.server.verifier()])
        assert ("declared" if is_root_declared else "two histories") in told

    def test_device_that_is_new_follows_the_restores_from_its_enrolled_key(
        self, shop: WitnessShop, older: LogServer
    ) -> None:
        key, kept = shop.server.verifier().key, shop.server.newest()
        older.declare_restore(kept, kept, shop.server.signer())
        grow(older, shop.tea)
        shop.line.server = older
        device = shop.new_device("new", verifier_keys=[key])
        device.sync()
        assert (device.witnessed, device.alarms()) == (older.newest(), [])


class TestOwnWork:
    def test_changed_event_is_noticed(self, shop: WitnessShop) -> None:
        shop.device.record("INBOUND", shop.tea, 41)
        shop.device.sync()
        shop.server.seal()
        assert shop.server.alter(
            "UPDATE stored_events SET state = CAST(replace(CAST(state AS TEXT), "
            "'\"quantity\":41', '\"quantity\":14') AS BLOB) WHERE topic = 'InboundRecorded'"
        )
        for _ in range(3):
            shop.device.sync()
        found = the_alarm(shop.device)
        assert (found.alarm, unaudited(shop.device)) == (Alarm.ALTERED, 0)
        assert found.message in reports(shop.server)[0]
        with pytest.raises(ProofError):  # The ledger does not prove its own forgery.
            found.require([shop.server.verifier()])

    def test_event_that_was_changed_before_it_was_sealed_is_proven(self, shop: WitnessShop) -> None:
        local_id = shop.device.record("INBOUND", shop.tea, 41)
        shop.device.sync()
        assert shop.server.alter(
            "UPDATE stored_events SET state = CAST(replace(CAST(state AS TEXT), "
            "'\"quantity\":41', '\"quantity\":14') AS BLOB) WHERE topic = 'InboundRecorded'"
        )
        shop.server.seal()
        shop.device.sync()
        found = the_alarm(shop.device)
        assert found.alarm is Alarm.ALTERED
        told = found.require([shop.server.verifier()])
        assert f"{local_id} with another content" in told
        assert told.endswith("quantity")
        assert found.recorded is not None
        assert found.recorded["quantity"] == 41

    def test_missing_one_is_told_and_sent_again(self, shop: WitnessShop) -> None:
        grow(shop.server, shop.tea)
        shop.device.record("INBOUND", shop.tea, 3)
        shop.device.sync()
        shop.line.answers = {"/movements": refused(404, "NOT_RECORDED")}
        report = shop.device.sync()
        assert (report.alarms, report.sent_again, len(shop.device.pending())) == (1, 1, 1)
        assert the_alarm(shop.device).alarm is Alarm.MISSING
        assert shop.device.sync().recorded == 1
        assert len(shop.device.alarms()) == 1
        shop.line.answers = {}
        shop.server.seal()
        shop.device.sync()
        assert (shop.device.pending(), unaudited(shop.device)) == ([], 0)
        assert shop.server.api.get(f"/items/{shop.tea}").json()["onHand"] == 4

    def test_missing_one_is_sent_again_only_once(self, shop: WitnessShop) -> None:
        grow(shop.server, shop.tea)
        shop.device.record("INBOUND", shop.tea, 3)
        shop.device.sync()
        shop.line.answers = {"/movements": refused(404, "NOT_RECORDED")}
        reports = [shop.device.sync() for _ in range(5)]
        assert sum(report.sent_again for report in reports) == 1
        assert len(shop.device.alarms()) == 1
        assert (shop.device.pending(), unaudited(shop.device)) == ([], 0)

    def test_answer_that_nobody_expected_stops_no_sync(
        self, shop: WitnessShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> None:
            raise RecursionError

        grow(shop.server, shop.tea)
        monkeypatch.setattr("interface.client.log_check.LogCheck.look", broken)
        shop.device.record("INBOUND", shop.tea, 3)
        report = shop.device.sync()
        assert (report.recorded, report.alarms) == (1, 0)

    def test_one_that_is_never_sealed_is_an_alarm_after_a_week(self, shop: WitnessShop) -> None:
        grow(shop.server, shop.tea)
        withheld = shop.device.record("INBOUND", shop.tea, 3)
        shop.device.sync()
        shop.line.answers = {f"/movements/{withheld}": refused(503, "NOT_SEALED_YET")}
        for day in range(11):
            shop.device.sync()
            assert len(shop.device.alarms()) == (day >= 7)
            shop.clock.now += timedelta(days=1)
        found = the_alarm(shop.device)
        assert found.alarm is Alarm.UNPROVEN
        assert str(withheld) in found.message
        shop.line.answers = {}
        shop.server.seal()
        for _ in range(2):
            shop.device.sync()
        assert unaudited(shop.device) == 0
        assert shop.device._store.run("SELECT * FROM unproven_days") == []

    def test_nothing_is_audited_against_a_ledger_that_is_under_suspicion(
        self, shop: WitnessShop
    ) -> None:
        grow(shop.server, shop.tea)
        other = shop.new_server("other", copy_of=shop.server)
        grow(shop.server, shop.tea)
        shop.device.sync()
        shop.device.record("INBOUND", shop.tea, 3)
        shop.line.server = other
        grow(other, shop.tea, 3)
        for _ in range(2):
            shop.device.sync()
        assert unaudited(shop.device) == 1
        assert not any(path.startswith("/movements") for path in shop.line.asked)
