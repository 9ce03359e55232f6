"""The fields of an element of a batch, whichever way its client spells their names and values.

What decides and can't be understood is Invalid. What only describes is passed over, and told in the
element's warnings.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, TypeVar

from pydantic.alias_generators import to_camel

from application.parsing.spellings import is_a_slip, nearest
from domain.errors import Invalid
from domain.limits import printable

MAX_UNKNOWN_FIELD_WARNINGS: Final = 5
"""Unknown fields of one element that are told."""

MAX_SHOWN_LENGTH: Final = 200
"""Characters."""

Value = TypeVar("Value")


class FieldWarning(NamedTuple):
    """What was passed over in an element that is decided nevertheless."""

    code: str
    """UNKNOWN_FIELD, UNREADABLE, or CUT."""
    field: str
    message: str


class FieldNames:
    """The names of the fields of a kind of element, on the wire and here."""

    def __init__(self, thing: str, names: Iterable[str]) -> None:
        """`thing`: what such an element is, for people. `names`: in snake_case."""
        self.thing = thing
        self.on_the_wire = {name: to_camel(name) for name in names}
        self.accepted = {
            spelling: name for name, camel in self.on_the_wire.items() for spelling in (name, camel)
        }
        """What each accepted spelling means."""

    def suggestion(self, name: str) -> str:
        """The end of a message about an unknown name."""
        meant = nearest(name, self.on_the_wire.values())
        return f"is not a field of {self.thing}" + (f"; did you mean {meant}?" if meant else "")


class ElementFields:
    """The fields of one element."""

    def __init__(self, element: object, names: FieldNames, *, must_be_json: bool = True) -> None:
        """`must_be_json`: whether what lenient decoding has let through is refused. Raises Invalid
        for what is no object."""
        if not isinstance(element, dict):
            raise Invalid(names.thing.removeprefix("a ").removeprefix("an "), "must be an object")
        self._names = names
        self._must_be_json = must_be_json
        self.values: dict[str, Any] = {}
        """By their names here."""
        self.warnings: list[FieldWarning] = []
        self._unknown: dict[str, Any] = {}
        self._ambiguous: list[str] = []
        for spelling, value in element.items():
            name = names.accepted.get(spelling)
            if name is None:
                self._unknown[spelling] = value
            elif self.values.get(name) is None:
                self.values[name] = value
            elif value is not None and self.values[name] != value:
                self._ambiguous.append(name)

    def require_unambiguous(self) -> None:
        """Raises Invalid."""
        for name in self._ambiguous:
            raise Invalid(self._field(name), "is given twice, by two spellings of its name")

    def required(self, name: str, read: Callable[[Any], Value]) -> Value:
        """Raises Invalid."""
        if self.values.get(name) is None:
            raise Invalid(self._field(name), f"is required{self._likely_slip(name)}")
        return self._read(name, read)

    def decisive(self, name: str, read: Callable[[Any], Value]) -> Value | None:
        """None where it is not given. Raises Invalid."""
        return None if self.values.get(name) is None else self._read(name, read)

    def descriptive(self, name: str, read: Callable[[Any], Value]) -> Value | None:
        """None where it is not given, and, with a warning, where it can't be understood. Raises
        Invalid for what is no JSON."""
        value = self.values.get(name)
        if value is None:
            return None
        try:
            return read(value)
        except ValueError as error:
            self._require_json(self._field(name), value)
            self.warn("UNREADABLE", self._field(name), f"{error}; recorded without it")
            return None

    def warn(self, code: str, field: str, message: str) -> None:
        shown = printable(field[:MAX_SHOWN_LENGTH])
        self.warnings.append(FieldWarning(code, shown, f"{shown}: {message}"))

    def warn_of_unknown(self) -> None:
        """Raises Invalid for what is no JSON."""
        for spelling, value in self._unknown.items():
            self._require_json(printable(spelling[:MAX_SHOWN_LENGTH]), [spelling, value])
        for spelling in list(self._unknown)[:MAX_UNKNOWN_FIELD_WARNINGS]:
            self.warn("UNKNOWN_FIELD", spelling, self._names.suggestion(spelling))

    def require_no_slips(self) -> None:
        """Raises Invalid for an unknown field that is one letter from a known one."""
        for spelling in self._unknown:
            if is_a_slip(spelling, self._names.accepted):
                raise Invalid(printable(spelling), self._names.suggestion(spelling))

    def _read(self, name: str, read: Callable[[Any], Value]) -> Value:
        try:
            return read(self.values[name])
        except ValueError as error:
            raise Invalid(self._field(name), str(error)) from None

    def _field(self, name: str) -> str:
        return self._names.on_the_wire[name]

    def _require_json(self, field: str, value: object) -> None:
        """Raises Invalid."""
        if self._must_be_json and not _is_json(value):
            raise Invalid(field, "holds what is no JSON: a NaN, or bytes that are no text")

    def _likely_slip(self, name: str) -> str:
        known = self._names.on_the_wire.values()
        meant = (given for given in self._unknown if nearest(given, known) == self._field(name))
        given = next(meant, None)
        return (
            "" if given is None else f"; {printable(given[:MAX_SHOWN_LENGTH])} is not a field here"
        )


def readable(
    element: object, names: FieldNames, name: str, read: Callable[[object], Value]
) -> Value | None:
    """What a malformed element says in a field nevertheless; None where nobody can tell."""
    try:
        return read(ElementFields(element, names).values.get(name))
    except (Invalid, ValueError):
        return None


def _is_json(value: object) -> bool:
    """Lenient decoding lets NaN through, and bytes that are no text."""
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return True
