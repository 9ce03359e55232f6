"""Having a batch recorded without a thread that waits for it."""

import asyncio
from concurrent.futures import Future

from application.access.principal import Principal
from application.parsing.batch import Batch
from application.recording.sync import SyncResult, SyncService


async def recorded(sync: SyncService, batch: Batch, caller: Principal) -> SyncResult:
    """As the service's `sync`. Raises StoreUnavailable, Overloaded."""
    result: Future[SyncResult] = Future()
    awaited = asyncio.wrap_future(result)  # Before another thread has it, so that no lock is met.
    sync.submit(batch, caller, result)
    return await awaited
