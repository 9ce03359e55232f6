"""The ledger's recorder: the port that each adapter implements. Adapters differ only in SQL."""

from application.persistence.event_store import EventStore
from application.persistence.maintenance import Maintenance
from application.persistence.reader import Reader
from application.persistence.tree_reader import TreeReader
from application.persistence.verification_reader import VerificationReader


class LedgerRecorder(EventStore, Reader, TreeReader, VerificationReader, Maintenance):
    """The ledger in one database: event store, read ports and maintenance port."""
