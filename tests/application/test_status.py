"""Status of transactions, for a device that lost an answer."""

from uuid import UUID, uuid4

import pytest

from application.access.principal import Principal
from application.access.roles import Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.projections.projection import Recorded
from application.recording.rejected_store import RejectedTransactionStore
from application.recording.sync import SyncService
from application.status import StatusService
from application.tables.rejected import RejectedTransaction
from tests.support.access import DEVICE, caller
from tests.support.builders import CLERK, Clock, element, local_id_of, register


@pytest.fixture
def tea(items: ItemService) -> UUID:
    return register(items)


def test_status_tells_what_became_of_each(
    ledger: Ledger, sync: SyncService, clock: Clock, tea: UUID
) -> None:
    came, went = element("INBOUND", tea, 3), element("OUTBOUND", tea, 4)
    result = sync.sync([came, went], DEVICE)
    never = uuid4()
    statuses = StatusService(ledger).statuses(
        [never, local_id_of(went), local_id_of(came), never], DEVICE
    )
    assert statuses[0] is statuses[3] is None
    assert isinstance(statuses[1], RejectedTransaction)
    assert (statuses[1].code, statuses[1].rejected_at) == ("INSUFFICIENT_STOCK", clock.now)
    assert isinstance(statuses[2], Recorded)
    assert statuses[2].position == result.synced[0].position


def test_recorded_after_all_is_recorded(ledger: Ledger, sync: SyncService, tea: UUID) -> None:
    went = element("OUTBOUND", tea, 3)
    sync.sync([went, element("INBOUND", tea, 4), went], DEVICE)
    (one,) = StatusService(ledger).statuses([local_id_of(went)], DEVICE)
    assert isinstance(one, Recorded)


@pytest.mark.parametrize("who", [caller(Role.DEVICE, "annex"), caller(Role.DEVICE)])
def test_what_is_elsewhere_was_never_seen(
    ledger: Ledger, sync: SyncService, tea: UUID, who: Principal
) -> None:
    came, went = element("INBOUND", tea, 3), element("OUTBOUND", tea, 4)
    sync.sync([came, went], DEVICE)
    assert StatusService(ledger).statuses([local_id_of(came), local_id_of(went)], who) == [
        None,
        None,
    ]


def test_status_of_as_many_as_a_batch_holds(ledger: Ledger, sync: SyncService, tea: UUID) -> None:
    batch = [element("OUTBOUND" if n % 2 == 0 else "INBOUND", tea, 1) for n in range(2_499)]
    sync.sync(batch, CLERK)
    statuses = StatusService(ledger).statuses([local_id_of(sent) for sent in batch], CLERK)
    assert sum(isinstance(one, RejectedTransaction) for one in statuses) == 1
    assert None not in statuses


def test_others_are_known_beside_an_id_with_very_many_rejections(
    ledger: Ledger, clock: Clock, tea: UUID
) -> None:
    sync = SyncService(ledger, clock, RejectedTransactionStore(max_open=10**6))
    hot, plain = str(uuid4()), element("OUTBOUND", tea, 7)
    sync.sync([element("OUTBOUND", tea, n, localId=hot) for n in range(1, 20_001)], CLERK)
    sync.sync([plain], CLERK)
    statuses = StatusService(ledger).statuses([UUID(hot), local_id_of(plain)], CLERK)
    assert all(isinstance(one, RejectedTransaction) for one in statuses)
