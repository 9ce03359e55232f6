"""What became of transactions: what a device asks whose answer got lost."""

from uuid import UUID, uuid4

import pytest

from application.access.principal import Principal
from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.projections.projection import Recorded
from application.recording.rejections import RejectionKeeper
from application.recording.sync import SyncService
from application.status import StatusService
from application.tables.rejected import RejectedTransaction
from tests.application.test_rejected import DEVICE, name
from tests.support.access import caller
from tests.support.shop import CLERK, Clock, element, register


@pytest.fixture
def tea(items: ItemService) -> UUID:
    return register(items)


def test_status_tells_what_became_of_each(
    ledger: Ledger, sync: SyncService, clock: Clock, tea: UUID
) -> None:
    came, went = element("INBOUND", tea, 3), element("OUTBOUND", tea, 4)
    result = sync.sync([came, went], DEVICE)
    never = uuid4()
    fates = StatusService(ledger).fates([never, name(went), name(came), never], DEVICE)
    assert fates[0] is fates[3] is None
    assert isinstance(fates[1], RejectedTransaction)
    assert (fates[1].code, fates[1].rejected_at) == ("INSUFFICIENT_STOCK", clock.now)
    assert isinstance(fates[2], Recorded)
    assert fates[2].position == result.synced[0].position


def test_recorded_after_all_is_recorded(ledger: Ledger, sync: SyncService, tea: UUID) -> None:
    went = element("OUTBOUND", tea, 3)
    sync.sync([went, element("INBOUND", tea, 4), went], DEVICE)
    (fate,) = StatusService(ledger).fates([name(went)], DEVICE)
    assert isinstance(fate, Recorded)


@pytest.mark.parametrize("who", [caller(Role.DEVICE, "annex"), caller(Role.DEVICE)])
def test_what_is_elsewhere_was_never_seen(
    ledger: Ledger, sync: SyncService, tea: UUID, who: Principal
) -> None:
    came, went = element("INBOUND", tea, 3), element("OUTBOUND", tea, 4)
    sync.sync([came, went], DEVICE)
    assert StatusService(ledger).fates([name(came), name(went)], who) == [None, None]


def test_status_of_as_many_as_a_batch_holds(ledger: Ledger, sync: SyncService, tea: UUID) -> None:
    batch = [element("OUTBOUND" if n % 5 == 0 else "INBOUND", tea, 1) for n in range(2_500)]
    sync.sync(batch, CLERK)
    fates = StatusService(ledger).fates([name(sent) for sent in batch], CLERK)
    assert sum(isinstance(fate, RejectedTransaction) for fate in fates) == 1
    assert None not in fates


def test_others_are_known_beside_an_id_with_very_many_rejections(
    ledger: Ledger, clock: Clock, tea: UUID
) -> None:
    sync = SyncService(ledger, clock, RejectionKeeper(max_open=10**6))
    hot, plain = str(uuid4()), element("OUTBOUND", tea, 7)
    sync.sync([element("OUTBOUND", tea, n, localId=hot) for n in range(1, 20_001)], CLERK)
    sync.sync([plain], CLERK)
    fates = StatusService(ledger).fates([UUID(hot), name(plain)], CLERK)
    assert all(isinstance(fate, RejectedTransaction) for fate in fates)
