"""Clock guard: a jump far ahead is not accepted."""

from datetime import UTC, datetime, timedelta

import pytest

from application.items import ItemService
from application.ledger.ledger import Ledger
from application.recording.sync import SyncService
from application.server_clock import ClockStepped, SteadyClock
from tests.support.builders import CLERK, element, register
from tests.support.ledger_checks import on_hand

pytestmark = pytest.mark.pure

START = datetime(2026, 1, 8, 9, tzinfo=UTC)


class Machine:
    """A machine whose wall clock can be set, but not its monotonic clock."""

    def __init__(self) -> None:
        self.elapsed = 100.0
        self.set_ahead = timedelta()
        self.clock = SteadyClock(self.now, lambda: self.elapsed)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed) + self.set_ahead


def test_time_that_passes_is_followed() -> None:
    machine = Machine()
    for _ in range(5):
        machine.elapsed += 86_400
        assert machine.clock() == machine.now()


@pytest.mark.parametrize("step", [timedelta(minutes=59), timedelta(hours=-5), timedelta()])
def test_clock_that_is_put_right_is_followed(step: timedelta) -> None:
    machine = Machine()
    machine.set_ahead += step
    assert machine.clock() == machine.now()
    machine.set_ahead = timedelta()
    assert machine.clock() == machine.now()


def test_clock_that_is_years_ahead_for_a_minute_is_refused_until_it_is_back() -> None:
    machine = Machine()
    machine.set_ahead = timedelta(days=3_650)
    for _ in range(3):
        machine.elapsed += 20
        with pytest.raises(ClockStepped, match="restart the server"):
            machine.clock()
    machine.set_ahead = timedelta()
    assert machine.clock() == machine.now()


def test_nothing_is_recorded_by_a_clock_that_jumped(ledger: Ledger) -> None:
    machine = Machine()
    sync, items = SyncService(ledger, machine.clock), ItemService(ledger, machine.clock)
    tea = register(items)
    sale = element("INBOUND", tea, 5)
    machine.set_ahead = timedelta(days=3_650)
    with pytest.raises(ClockStepped):
        sync.sync([sale], CLERK)
    with pytest.raises(ClockStepped):
        register(items, "CUP")
    assert on_hand(ledger, tea) == 0
    machine.set_ahead = timedelta()
    assert sync.sync([sale], CLERK).synced[0].synced_at == machine.now()
