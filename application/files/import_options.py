"""How to read and record an item file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from application.tabular.csv_file import CsvOptions

TAB: Final = "tab"
"""The name of the separator that nobody can type."""


def separator(name: str | None) -> str | None:
    """Returns the separator that a user names: a character, or `tab`."""
    return "\t" if name == TAB else name


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """How to read and record a file."""

    csv: CsvOptions = field(default_factory=CsvOptions)
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Headers of the file, by the names of their columns."""
    location: str | None = None
    """Of the rows that name none."""
    counted_at: datetime | None = None
    """When the opening stock was counted; None if it is counted now."""
    replace: bool = False
    """Whether the details in the file replace others that stand."""
    dry_run: bool = False
    """Whether to record nothing. A dry run reads the file once more, and holds the items and codes
    that several rows have."""
