"""Findings of a verification."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, Final, NamedTuple

from application.persistence.errors import StoreUnavailable
from domain.limits import printable

MAX_SHOWN_PER_KIND: Final = 100
"""Findings that are told of each kind. The others are only counted."""

MAX_VALUE_LENGTH: Final = 500
"""Characters of a value in a finding."""


class Kind(StrEnum):
    """What is wrong."""

    UNREADABLE_ROWS = "UNREADABLE_ROWS"
    """The database can't read these rows."""
    UNREADABLE_EVENT = "UNREADABLE_EVENT"
    """The event can't be decoded."""
    MALFORMED_ROW = "MALFORMED_ROW"
    """A column has a value of another type."""
    EVENT_CHANGED = "EVENT_CHANGED"
    """The event is not the one that was sealed."""
    EVENTS_SHIFTED = "EVENTS_SHIFTED"
    """From here on, events were removed or inserted since they were sealed."""
    EVENTS_LOST = "EVENTS_LOST"
    """A checkpoint covers more events than there are."""
    TILE_DAMAGED = "TILE_DAMAGED"
    """A tile of the tree is missing, or is not that of its events."""
    CHECKPOINT_CONTRADICTED = "CHECKPOINT_CONTRADICTED"
    """The events are not those whose checkpoint was signed."""
    CHECKPOINT_NOT_SIGNED = "CHECKPOINT_NOT_SIGNED"
    """No known key signed the checkpoint."""
    RULE_BROKEN = "RULE_BROKEN"
    """The ledger would never have recorded this event here."""
    LOCAL_ID_DIFFERS = "LOCAL_ID_DIFFERS"
    """The unique column has another `localId` than the event."""
    INDEX_DIFFERS = "INDEX_DIFFERS"
    """A look-up by a unique key finds other events: a duplicate, or a damaged index."""
    ROW_MISSING = "ROW_MISSING"
    """A read model lacks a row."""
    ROW_SURPLUS = "ROW_SURPLUS"
    """A read model has a row that no event made."""
    ROW_DIFFERS = "ROW_DIFFERS"
    """A read model has other values than the events say."""
    STORAGE_DAMAGED = "STORAGE_DAMAGED"
    """The check of the database itself found something."""
    UNKNOWN_AUTHOR = "UNKNOWN_AUTHOR"
    """No API key of this id was good at that time. A warning."""
    UNSAFE_SETTING = "UNSAFE_SETTING"
    """The database may lose what it has confirmed. A warning."""


WARNINGS: Final = frozenset({Kind.UNKNOWN_AUTHOR, Kind.UNSAFE_SETTING})
"""Kinds that are for a person to judge. They do not disprove anything."""


class Finding(NamedTuple):
    """One finding."""

    kind: Kind
    message: str
    position: int | None = None
    """Of the event; of the first one, if there are several."""
    upto: int | None = None
    """The position of the last one, if there are several."""
    subject: str | None = None
    """The id of the item, code or row; the name of the table, tile or checkpoint."""
    expected: str | None = None
    found: str | None = None

    @property
    def is_warning(self) -> bool:
        """Whether it disproves nothing."""
        return self.kind in WARNINGS

    def as_object(self) -> dict[str, Any]:
        """Returns its fields for JSON, without those that are None."""
        named = self._asdict() | {"kind": self.kind.value, "warning": self.is_warning}
        return {name: value for name, value in named.items() if value is not None}


def shown(value: object) -> str:
    """Returns a value as a short text for people."""
    text = value.hex() if isinstance(value, bytes) else str(value)
    return printable(text)[:MAX_VALUE_LENGTH]


class Findings:
    """Counts findings, and tells the first ones of each kind."""

    def __init__(
        self, tell: Callable[[Finding], None], require_reachable: Callable[[], object]
    ) -> None:
        """`require_reachable` raises StoreUnavailable if the whole database can't be read."""
        self._tell = tell
        self._require_reachable = require_reachable
        self.counts: Counter[Kind] = Counter()

    def add(self, kind: Kind, message: str, **fields: Any) -> None:
        """Adds a finding; `fields` are those of `Finding`."""
        self.counts[kind] += 1
        if self.counts[kind] <= MAX_SHOWN_PER_KIND:
            values: dict[str, Any] = {
                name: shown(value) if name in {"subject", "expected", "found"} else value
                for name, value in fields.items()
                if value is not None
            }
            self._tell(Finding(kind, message, **values))

    @contextmanager
    def unreadable(self, name: str, **fields: Any) -> Iterator[None]:
        """Context manager of a read. If it fails, but the database can be reached, that is a
        finding about what has this name. So is a value that can't be read as what it should be.

        Raises StoreUnavailable: the database can't be reached.
        """
        try:
            yield
        except (
            StoreUnavailable,
            ArithmeticError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            self._require_reachable()
            self.add(Kind.UNREADABLE_ROWS, f"{name} can't be read: {error}", subject=name, **fields)

    @property
    def disproving(self) -> int:
        """The number of findings that are more than warnings."""
        return sum(number for kind, number in self.counts.items() if kind not in WARNINGS)

    @property
    def warnings(self) -> int:
        """The number of warnings."""
        return sum(self.counts.values()) - self.disproving
