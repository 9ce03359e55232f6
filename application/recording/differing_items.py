"""Differing items: requests to register an item in another way than it stands, kept for a manager.

Each is a row of the rejected transactions without a `local_id`. To retry it is to let it replace
what stands.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from pydantic.alias_generators import to_camel

from application.parsing.items import Registration, parse_item
from application.recording.decide import Decision
from application.recording.registration import RegistrationResult
from application.recording.rejected_store import NewRejection, open_columns
from application.recording.request import Request
from application.tables.rejected import CLOSING, RejectedTransaction
from application.tables.rejection_ids import differing_item_id
from domain.errors import Invalid, Rejection
from domain.transaction import plain

_KEPT: Final = ("first_rejected_at", "actor", "key_id", "device", *CLOSING)
"""Columns of an existing row that the same request does not change."""


def differing_items(request: Request, decision: Decision, now: datetime) -> Iterator[NewRejection]:
    """Yields a row for each item of a batch that differs. A person who waits for the answer has it
    already."""
    if request.is_answered or not request.is_kept or request.retried_items:
        return
    for result in decision.items:
        if result.status == "differs" and result.registration is not None:
            yield NewRejection(_row(request, result, result.registration, now), _KEPT)


def differing_item_id_of(result: RegistrationResult) -> UUID:
    """Returns the id of the row of an item that differs."""
    if result.registration is None or result.rejection is None:
        raise AssertionError("an item that differs has its reason")
    reason = [result.rejection.code, result.rejection.details]
    return differing_item_id(_element_of(result.registration), reason)


def registration_of(row: RejectedTransaction) -> Registration:
    """Reads the request. Raises Invalid: this version can't read it."""
    found = parse_item(json.loads(row.element)).registration
    if isinstance(found, Rejection):
        raise Invalid("item", f"can't be read: {found.message}")
    return found


def _row(
    request: Request, result: RegistrationResult, registration: Registration, now: datetime
) -> RejectedTransaction:
    principal, rejection, item = request.principal, result.rejection, result.item
    if rejection is None or item is None:
        raise AssertionError("an item that differs has its reason")
    return RejectedTransaction(
        rejection_id=differing_item_id_of(result),
        local_id=None,
        item_id=item.id,
        location=item.location,
        element=json.dumps(_element_of(registration)),
        malformed=False,
        device=principal.device,
        moved_at=None,
        **open_columns(principal, rejection, now),
    )


def _element_of(registration: Registration) -> Mapping[str, Any]:
    """Returns the request as an element of a batch's `items`."""
    fields = {
        to_camel(name): _plain(value)
        for name, value in registration._asdict().items()
        if value is not None and name not in {"floor", "codes"}
    }
    if registration.names_floor:
        fields["floor"] = _plain(registration.floor)
    if registration.codes:
        fields["codes"] = [{"code": one.code, "per": plain(one.per)} for one in registration.codes]
    return fields


def _plain(value: Any) -> Any:
    """Returns a decimal as its text; anything else as it is."""
    return plain(value) if isinstance(value, Decimal) else value
