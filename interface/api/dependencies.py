"""What endpoints ask for in their signatures.

These are coroutines because they do not block: a plain function would cost a trip to a thread each.
"""

from typing import Annotated, Any

from fastapi import Depends, Request

from application.access.audit import AuditTrail, Origin
from application.access.keys import KeyService
from application.access.principal import Principal
from application.access.roles import Permission
from application.following.changes import ChangeFeed
from application.following.follower import Follower
from application.items import ItemService
from application.persistence.recorder import LedgerRecorder
from application.recording.sync import SyncService
from application.review import ReviewService
from application.status import StatusService
from interface.api.read_slots import Reading
from interface.api.streaming import StreamSlots
from interface.composition import Services
from interface.settings import Settings


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


_Services = Annotated[Services, Depends(_services)]


async def _sync(services: _Services) -> SyncService:
    return services.sync


async def _items(services: _Services) -> ItemService:
    return services.items


async def _reader(services: _Services, _: Reading) -> LedgerRecorder:
    return services.reader


async def _settings(services: _Services) -> Settings:
    return services.settings


async def _keys(services: _Services) -> KeyService:
    return services.keys


async def _audit(services: _Services) -> AuditTrail:
    return services.audit


async def _review(services: _Services) -> ReviewService:
    return services.review


async def _status(services: _Services, _: Reading) -> StatusService:
    return services.status


async def _feed(services: _Services) -> ChangeFeed:
    return services.follower.feed


async def _follower(services: _Services) -> Follower:
    return services.follower


async def _slots(request: Request) -> StreamSlots:
    slots: StreamSlots = request.app.state.stream_slots
    return slots


def origin_of(request: Request) -> Origin:
    """Where the request came from, for the audit trail."""
    principal: Principal = request.state.principal
    address = request.client.host if request.client else None
    return Origin(principal.actor, address, request.state.request_id)


async def _origin(request: Request) -> Origin:
    return origin_of(request)


class Needs:
    """What a route declares that its caller must be allowed to do; gives it the caller."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> Principal:
        principal: Principal = request.state.principal
        principal.require(self.permission)
        return principal


def needs(permission: Permission) -> Any:
    """The declaration of a router whose endpoints don't ask who the caller is."""
    return Depends(Needs(permission))


CanSync = Annotated[Principal, needs(Permission.SYNC)]
CanRecord = Annotated[Principal, needs(Permission.RECORD)]
CanManageItems = Annotated[Principal, needs(Permission.MANAGE_ITEMS)]
CanReview = Annotated[Principal, needs(Permission.REVIEW_REJECTIONS)]
CanRead = Annotated[Principal, needs(Permission.READ)]

Sync = Annotated[SyncService, Depends(_sync)]
Items = Annotated[ItemService, Depends(_items)]
Reader = Annotated[LedgerRecorder, Depends(_reader)]
Configured = Annotated[Settings, Depends(_settings)]
Keys = Annotated[KeyService, Depends(_keys)]
Audit = Annotated[AuditTrail, Depends(_audit)]
Review = Annotated[ReviewService, Depends(_review)]
Status = Annotated[StatusService, Depends(_status)]
Feed = Annotated[ChangeFeed, Depends(_feed)]
Following = Annotated[Follower, Depends(_follower)]
Slots = Annotated[StreamSlots, Depends(_slots)]
From = Annotated[Origin, Depends(_origin)]
