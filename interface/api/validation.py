"""Validation errors of pydantic as rejections: the path of the field, and the rule it breaks."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic.alias_generators import to_camel

from domain.errors import Invalid
from domain.limits import printable

MAX_SHOWN_LENGTH: Final = 200
"""Characters of a name or a problem in an error message."""

_SOURCES: Final = frozenset({"body", "query", "path", "header"})

_MESSAGES: Final[Mapping[str, str]] = {
    "missing": "is required",
    "extra_forbidden": "is not a field here",
    "string_type": "must be a text",
    "string_unicode": "must not contain half a surrogate pair",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must not contain a NUL",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number within bounds",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "uuid_type": "must be a UUID",
    "uuid_parsing": "must be a UUID",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "enum": "must be one of {expected}",
    "list_type": "must be a list",
    "too_long": "must have at most {max_length} elements",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}


def invalid(error: Mapping[str, Any]) -> Invalid:
    """Converts an error of pydantic to an Invalid rejection."""
    context = error.get("ctx", {})
    named = context.get("field")  # The name of an unknown field.
    place = (*error["loc"], named) if named else error["loc"]
    problem = _MESSAGES.get(error["type"], error["msg"].removeprefix("Value error, "))
    return Invalid(
        field_path(place),
        printable(problem.format_map(_ContextWithGaps(context))[:MAX_SHOWN_LENGTH]),
    )


def field_path(place: Sequence[str | int]) -> str:
    """Formats the path of a field as in JavaScript: `localIds[1]`, `adjustment.quantity`."""
    parts = place[1:] if place and place[0] in _SOURCES and len(place) > 1 else place
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += ("." if path else "") + printable(to_camel(part)[:MAX_SHOWN_LENGTH])
    return path


class _ContextWithGaps(dict[str, Any]):
    """The context of an error. A missing value is shown as an ellipsis."""

    def __missing__(self, name: str) -> str:
        return "…"
