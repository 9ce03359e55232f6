"""The ledger's recorder: the port that each adapter implements. Adapters differ only in SQL."""

from application.persistence.event_store import EventStore
from application.persistence.maintenance import Maintenance
from application.persistence.reader import Reader


class LedgerRecorder(EventStore, Reader, Maintenance):
    """The ledger in one database: event store, read port and maintenance port."""
