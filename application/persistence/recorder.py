"""The ledger's recorder: all that an adapter implements. Adapters differ in SQL alone."""

from application.persistence.event_store import EventStore
from application.persistence.maintenance import Maintenance
from application.persistence.reader import Reader


class LedgerRecorder(EventStore, Reader, Maintenance):
    """The ledger in a database."""
