"""Output of the commands."""

from rich.console import Console
from rich.markup import escape
from rich.text import Text

# Without markup: a name from a client may look like markup, and is printed unchanged.
console = Console(markup=False, highlight=False)
error_console = Console(stderr=True, markup=False, highlight=False)


def styled(markup: str, *values: object) -> Text:
    """Text from a template in rich markup. Each `{}` is a value, whose own markup is escaped."""
    return Text.from_markup(markup.format(*(escape(str(value)) for value in values)))
