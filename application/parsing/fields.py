"""The fields of an element of a batch, in any accepted spelling of their names and values.

A decisive field that can't be read raises Invalid. A descriptive field that can't be read is left
out, with a warning.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, TypeVar

from pydantic.alias_generators import to_camel

from application.parsing.values import is_a_slip, nearest
from domain.errors import Invalid
from domain.limits import printable

MAX_UNKNOWN_FIELD_WARNINGS: Final = 5
"""Maximum number of warnings about unknown fields of one element."""

MAX_SHOWN_LENGTH: Final = 200
"""Maximum number of characters of a client's text in a message."""

Value = TypeVar("Value")


class FieldWarning(NamedTuple):
    """A warning about a field that was ignored or cut. The element itself is decided."""

    code: str
    """UNKNOWN_FIELD, UNREADABLE, CUT, MOVED, NOT_ALLOWED, or PART_OF_GROUP."""
    field: str
    message: str


class FieldNames:
    """The field names of a kind of element: camelCase on the wire, snake_case here."""

    def __init__(self, thing: str, names: Iterable[str]) -> None:
        """`thing`: the element's name in messages, with its article. `names`: in snake_case."""
        self.thing = thing
        self.on_the_wire = {name: to_camel(name) for name in names}
        self.accepted = {
            spelling: name for name, camel in self.on_the_wire.items() for spelling in (name, camel)
        }
        """The snake_case name of each accepted spelling."""

    def suggestion(self, name: str) -> str:
        """Returns the end of a message about an unknown name."""
        meant = nearest(name, self.on_the_wire.values())
        return f"is not a field of {self.thing}" + (f"; did you mean {meant}?" if meant else "")


class ElementFields:
    """The fields of one element."""

    def __init__(self, element: object, names: FieldNames, *, must_be_json: bool = True) -> None:
        """`must_be_json`: whether to refuse values that only lenient decoding accepts. Raises
        Invalid: the element is not an object."""
        if not isinstance(element, dict):
            raise Invalid(names.thing.removeprefix("a ").removeprefix("an "), "must be an object")
        self._names = names
        self._must_be_json = must_be_json
        self.values: dict[str, Any] = {}
        """The values, by snake_case name."""
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

    def has(self, name: str) -> bool:
        """Whether the field is given, be it as null."""
        return name in self.values

    def require_unambiguous(self) -> None:
        """Raises Invalid: a field is given twice, with different values."""
        for name in self._ambiguous:
            raise Invalid(self._field(name), "is given twice, in two spellings of its name")

    def required(self, name: str, read: Callable[[Any], Value]) -> Value:
        """Returns the value of a required field. Raises Invalid: it is missing or can't be read."""
        if self.values.get(name) is None:
            raise Invalid(self._field(name), f"is required{self._likely_slip(name)}")
        return self._read(name, read)

    def decisive(self, name: str, read: Callable[[Any], Value]) -> Value | None:
        """Returns a decisive field's value; None if it is missing. Raises Invalid: unreadable."""
        return None if self.values.get(name) is None else self._read(name, read)

    def descriptive(self, name: str, read: Callable[[Any], Value]) -> Value | None:
        """Returns the value of a descriptive field. None if it is missing or, with a warning, if it
        can't be read. Raises Invalid: it is not JSON."""
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
        """Adds a warning about a field."""
        shown = printable(field[:MAX_SHOWN_LENGTH])
        self.warnings.append(FieldWarning(code, shown, f"{shown}: {message}"))

    def warn_of_unknown(self) -> None:
        """Adds warnings about unknown fields. Raises Invalid: one of them is not JSON."""
        for spelling, value in self._unknown.items():
            self._require_json(printable(spelling[:MAX_SHOWN_LENGTH]), [spelling, value])
        for spelling in list(self._unknown)[:MAX_UNKNOWN_FIELD_WARNINGS]:
            self.warn("UNKNOWN_FIELD", spelling, self._names.suggestion(spelling))

    def require_no_slips(self) -> None:
        """Raises Invalid: an unknown field is one letter from a known one."""
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
        """Raises Invalid: the value is not JSON, and must be."""
        if self._must_be_json and not _is_json(value):
            raise Invalid(field, "is not valid JSON: it contains a NaN, or bytes that are not text")

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
    """Returns the value of one field of a malformed element; None if it can't be read."""
    try:
        return read(ElementFields(element, names).values.get(name))
    except (Invalid, ValueError):
        return None


def _is_json(value: object) -> bool:
    """Whether the value is JSON. Lenient decoding accepts NaN, and bytes that are not text."""
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return True
