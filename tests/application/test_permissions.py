"""Permissions: what a caller may record, and where, and what stays hidden from them."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest

from application.access.audit import AuditTrail
from application.access.authentication import Authenticator
from application.access.errors import Forbidden
from application.access.key_management import Grant, KeyService
from application.access.principal import Principal
from application.access.roles import GRANTS, ExtraPermission, Permission, Role
from application.items import ItemService
from application.ledger.ledger import Ledger
from application.persistence.filters import AuditFilter
from application.recording.sync import SyncService
from domain.errors import Invalid, ItemDiscontinued, LocalIdReused, UnknownItem
from domain.item_details import ItemDetails
from tests.support.access import ADMIN, caller, own
from tests.support.builders import CLERK, Clock, element, registration
from tests.support.builders import register as registered
from tests.support.ledger_checks import all_events, codes, on_hand, only_failure

DETAILS = ItemDetails(name="Tea", unit="box")


def test_who_may_do_what() -> None:
    """A second copy of the table, so that no permission changes by accident."""
    everyone = {Permission.READ}
    device = everyone | {Permission.SYNC, Permission.REGISTER}
    clerk = device | {Permission.RECORD, Permission.RELAY, Permission.COUNT}
    manager = clerk | {
        *(Permission.ADJUST, Permission.OVERRIDE, Permission.VOID_ANY),
        *(Permission.REVIEW_REJECTIONS, Permission.MANAGE_ITEMS),
    }
    auditor = everyone | {Permission.EVERYWHERE, Permission.READ_AUDIT}
    assert dict(GRANTS) == {
        Role.DEVICE: device,
        Role.CLERK: clerk,
        Role.MANAGER: manager,
        Role.ADMIN: set(Permission),
        Role.AUDITOR: auditor,
    }


def test_transactions_for_other_locations_are_forbidden_and_the_rest_stands(
    ledger: Ledger, sync: SyncService, items: ItemService
) -> None:
    here, there = registered(items), registered(items, location="annex")
    batch = [element("INBOUND", here, 5), element("INBOUND", there, 5), element("INBOUND", here, 1)]
    result = sync.sync(batch, caller(Role.DEVICE, "main"))
    assert [synced.index for synced in result.synced] == [0, 2]
    assert codes(result) == ["UNKNOWN_ITEM"]
    assert (on_hand(ledger, here), on_hand(ledger, there)) == (6, 0)


def test_item_elsewhere_looks_like_one_that_does_not_exist(
    sync: SyncService, items: ItemService
) -> None:
    there, nowhere = registered(items, location="annex"), uuid4()
    stranger = caller(Role.MANAGER, "main")
    for item_id in there, nowhere:
        for transaction in [
            element("INBOUND", item_id, 1),
            element("OUTBOUND", item_id, 1),
            element("COUNT", item_id, 1),
        ]:
            failed = only_failure(sync.sync([transaction], stranger))
            assert failed.rejection == UnknownItem(item_id)
        asked = [
            partial(items.at_version, item_id, 1, stranger),
            partial(items.at_version, item_id, 9, stranger),
            partial(items.discontinue, item_id, stranger),
            partial(items.reactivate, item_id, stranger),
            partial(items.change_details, item_id, lambda same: same, stranger),
        ]
        for ask in asked:
            with pytest.raises(UnknownItem) as refused:
                ask()
            assert refused.value == UnknownItem(item_id)


def test_who_may_go_everywhere_is_told_what_is_wrong(sync: SyncService) -> None:
    nowhere = uuid4()
    failed = only_failure(sync.sync([element("INBOUND", nowhere, 1)], CLERK))
    assert failed.rejection == UnknownItem(nowhere)


def test_duplicate_at_another_location_tells_nothing(sync: SyncService, items: ItemService) -> None:
    there = registered(items, location="annex")
    sent = element("INBOUND", there, 5)
    sync.sync([sent], CLERK)
    failed = only_failure(sync.sync([sent], caller(Role.DEVICE, "main")))
    assert failed.rejection == UnknownItem(there)


def test_reused_local_id_of_another_location_tells_nothing_of_it(
    sync: SyncService, items: ItemService
) -> None:
    here, there = registered(items), registered(items, location="annex")
    sent = element("INBOUND", there, 5)
    sync.sync([sent], CLERK)
    again = sent | {"itemId": str(here)}
    failed = only_failure(sync.sync([again], caller(Role.DEVICE, "main")))
    assert failed.rejection == LocalIdReused.undisclosed()
    assert str(there) not in str(failed.rejection)
    assert not failed.rejection.details


@pytest.mark.parametrize("role", Role)
def test_corrections_need_the_permission(role: Role, sync: SyncService, items: ItemService) -> None:
    tea = registered(items)
    batch = [element("INBOUND", tea, 5), element("ADJUST", tea, -1), element("COUNT", tea, 7)]
    result = sync.sync(batch, caller(role, *own(role, "main")))
    needed = {1: Permission.ADJUST, 2: Permission.COUNT}
    assert {failed.index: failed.rejection.code for failed in result.failed} == {
        index: "FORBIDDEN" for index, permission in needed.items() if permission not in GRANTS[role]
    }


def test_device_may_count_where_its_key_says_so(
    ledger: Ledger, sync: SyncService, items: ItemService
) -> None:
    tea = registered(items)
    audit = AuditTrail(ledger.recorder)
    keys = KeyService(ledger.recorder, audit)
    grant = Grant(
        name="scanner", role=Role.DEVICE, locations=("main",), extra=(ExtraPermission.COUNT,)
    )
    issued = keys.create(grant, ADMIN)
    rotated = keys.rotate(issued.key.key_id, timedelta(), ADMIN)
    authenticator = Authenticator(ledger.recorder, remember=1)
    scanner = authenticator.authenticate(rotated.secret)
    result = sync.sync([element("COUNT", tea, 7), element("ADJUST", tea, -1)], scanner)
    assert [synced.on_hand for synced in result.synced] == [7]
    assert codes(result) == ["FORBIDDEN"]
    assert "may count" in audit.entries(AuditFilter(), before=None, limit=1)[0].detail


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.DEVICE])
def test_only_devices_get_more_than_their_role(role: Role) -> None:
    with pytest.raises(Invalid, match="may"):
        Grant(name="x", role=role, locations=own(role, "main"), extra=(ExtraPermission.COUNT,))


def test_correction_that_was_forbidden_can_be_sent_by_who_may(
    ledger: Ledger, sync: SyncService, items: ItemService
) -> None:
    tea = registered(items)
    count = element("COUNT", tea, 7)
    assert codes(sync.sync([count], caller(Role.DEVICE, "main"))) == ["FORBIDDEN"]
    assert codes(sync.sync([count], caller(Role.MANAGER, "main"))) == []
    again = sync.sync([count], caller(Role.DEVICE, "main"))
    assert [synced.status for synced in again.synced] == ["duplicate"]
    assert on_hand(ledger, tea) == 7


@pytest.mark.parametrize("role", [Role.DEVICE, Role.CLERK, Role.MANAGER, Role.ADMIN])
@pytest.mark.parametrize("named", [None, "scanner-9"])
def test_event_names_actor_key_and_device(
    role: Role, named: str | None, ledger: Ledger, sync: SyncService, items: ItemService
) -> None:
    tea = registered(items)
    more = {} if named is None else {"device": named}
    sync.sync([element("INBOUND", tea, 5, actor="somebody else", **more)], caller(role, "main"))
    event = all_events(ledger)[-1].event
    relayed = named is not None and role is not Role.DEVICE
    assert (event.actor, event.key_id) == (f"a {role}", "k1")
    assert vars(event)["device"] == (named if relayed else f"a {role}")


def test_manager_registers_at_own_locations_alone(ledger: Ledger, items: ItemService) -> None:
    manager = caller(Role.MANAGER, "main")
    item, is_new = items.register(registration("main", "TEA", DETAILS), manager)
    assert is_new
    with pytest.raises(Forbidden):
        items.register(registration("annex", "TEA", DETAILS), manager)
    items.discontinue(item.id, manager)
    with pytest.raises(ItemDiscontinued):
        items.change_details(item.id, lambda _: replace(DETAILS, unit="tin"), manager)
    assert {recorded.event.key_id for recorded in all_events(ledger)} == {"k1"}


def test_caller_without_any_location_reaches_nothing(
    ledger: Ledger, sync: SyncService, items: ItemService, clock: Clock
) -> None:
    tea = registered(items)
    nobody: Principal = caller(Role.CLERK)
    assert nobody.scope(None) == frozenset()
    assert codes(sync.sync([element("INBOUND", tea, 5)], nobody)) == ["UNKNOWN_ITEM"]
    with pytest.raises(UnknownItem):
        items.as_of(tea, clock.now, nobody)
