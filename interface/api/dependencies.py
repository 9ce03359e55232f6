"""Dependencies for the signatures of endpoints.

They are coroutines, because they do not block. FastAPI would run plain functions in a thread.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import Depends, Request

from application.access.audit import AuditTrail, Origin
from application.access.key_management import KeyService
from application.access.principal import Principal
from application.access.roles import Permission
from application.access.sessions import require_recent_sign_in
from application.files.exports import ExportService
from application.files.import_items import ImportService
from application.following.follower import Follower
from application.history import HistoryService
from application.items import ItemService
from application.reads import ReadService
from application.review import ReviewService
from application.sealing.proofs import ProofService
from application.status import StatusService
from interface.api.read_slots import Reading
from interface.api.streaming import StreamSlots
from interface.composition import Services
from interface.settings import Settings


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Provided = Annotated[Services, Depends(_services)]
"""All services, for endpoints that need many of them."""


def _service(get: Callable[[Services], Any]) -> Any:
    """Declares a dependency on one of the services."""

    async def provide(services: Provided) -> Any:
        return get(services)

    return Depends(provide)


def _reading_service(get: Callable[[Services], Any]) -> Any:
    """Declares a dependency on a service that reads the database, in a read slot."""

    async def provide(services: Provided, _: Reading) -> Any:
        return get(services)

    return Depends(provide)


async def _stream_slots(request: Request) -> StreamSlots:
    slots: StreamSlots = request.app.state.stream_slots
    return slots


def origin_of(request: Request) -> Origin:
    """Returns the origin of a request, for the audit trail."""
    principal: Principal = request.state.principal
    address = request.client.host if request.client else None
    return Origin(principal.actor, address, request.state.request_id)


async def _origin(request: Request) -> Origin:
    return origin_of(request)


class Needs:
    """The permission check of a route, as a dependency that returns the caller.

    Raises Forbidden: the caller lacks the permission.
    """

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> Principal:
        principal: Principal = request.state.principal
        principal.require(self.permission)
        return principal


def needs(permission: Permission) -> Any:
    """Declares a permission, for routers whose endpoints do not use the caller."""
    return Depends(Needs(permission))


async def _recently_signed_in(request: Request, services: Provided) -> None:
    require_recent_sign_in(request.state.principal, services.clock())


RECENTLY_SIGNED_IN: Final = Depends(_recently_signed_in)
"""For routes that a session may use only shortly after its sign-in."""

CanRegister = Annotated[Principal, needs(Permission.REGISTER)]
CanManageItems = Annotated[Principal, needs(Permission.MANAGE_ITEMS)]
CanReview = Annotated[Principal, needs(Permission.REVIEW_REJECTIONS)]
CanReadAudit = Annotated[Principal, needs(Permission.READ_AUDIT)]
CanRead = Annotated[Principal, needs(Permission.READ)]

Configured = Annotated[Settings, _service(lambda services: services.settings)]
Items = Annotated[ItemService, _service(lambda services: services.items)]
Imports = Annotated[ImportService, _service(lambda services: services.imports)]
Review = Annotated[ReviewService, _service(lambda services: services.review)]
Following = Annotated[Follower, _service(lambda services: services.follower)]
Keys = Annotated[KeyService, _service(lambda services: services.keys)]
Audit = Annotated[AuditTrail, _service(lambda services: services.audit)]
Reads = Annotated[ReadService, _reading_service(lambda services: services.reads)]
UnslottedReads = Annotated[ReadService, _service(lambda services: services.reads)]
"""For the look-ups of a write. They are short, and need no read slot."""
History = Annotated[HistoryService, _reading_service(lambda services: services.history)]
Proofs = Annotated[ProofService, _reading_service(lambda services: services.proofs)]
Exports = Annotated[ExportService, _reading_service(lambda services: services.exports)]
Status = Annotated[StatusService, _reading_service(lambda services: services.status)]
Slots = Annotated[StreamSlots, Depends(_stream_slots)]
From = Annotated[Origin, Depends(_origin)]
