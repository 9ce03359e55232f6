"""What endpoints ask for in their signatures.

These are coroutines because they do not block: a plain function would cost a trip to a thread each.
"""

from typing import Annotated

from fastapi import Depends, Request

from application.items import ItemService
from application.persistence.port import LedgerRecorder
from application.principal import ANONYMOUS, Principal
from application.sync import SyncService
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


async def _reader(services: _Services) -> LedgerRecorder:
    return services.reader


async def _settings(services: _Services) -> Settings:
    return services.settings


async def _caller() -> Principal:
    return ANONYMOUS


Sync = Annotated[SyncService, Depends(_sync)]
Items = Annotated[ItemService, Depends(_items)]
Reader = Annotated[LedgerRecorder, Depends(_reader)]
Configured = Annotated[Settings, Depends(_settings)]
Caller = Annotated[Principal, Depends(_caller)]
