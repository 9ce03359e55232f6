"""Imports of item files, and what they leave in the ledger."""

from io import BytesIO
from typing import Any

from application.access.principal import Principal
from application.files.import_items import ImportService
from application.files.import_options import ImportOptions
from application.files.import_report import ImportReport
from application.ledger.ledger import Ledger
from application.persistence.filters import ItemFilter
from application.projections.stock_levels import StockLevel
from tests.support.builders import CLERK


def run(
    imports: ImportService, text: str | bytes, who: Principal = CLERK, **options: Any
) -> ImportReport:
    data = text.encode() if isinstance(text, str) else text
    return imports.run(BytesIO(data), ImportOptions(**{"location": "main"} | options), who)


def totals(report: ImportReport) -> tuple[int, int, int, int]:
    return report.registered, report.known, report.opened, report.problem_count


def told(report: ImportReport) -> list[tuple[int, str]]:
    """The lines and the codes of the problems."""
    return [(one.line, one.rejection.code) for one in report.problems]


def levels(ledger: Ledger) -> dict[str, StockLevel]:
    """The items by SKU."""
    found = ledger.recorder.select_items(ItemFilter(), after=None, limit=1_000)
    return {level.sku: level for level in found}
