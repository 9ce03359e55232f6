"""What was measured, as a table on the terminal, as JSON and as a chart."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

BAR_PIXELS = 360
ROW_PIXELS = 20


@dataclass(frozen=True)
class Result:
    """Rows of figures that were measured in one run, the ratios among them as fractions of one."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    chart: tuple[Sequence[str], str] | None = None
    """The columns that name a bar, and the one that says how long it is."""

    def cell(self, row: Sequence[Any], column: str) -> Any:
        return row[self.columns.index(column)]


def show(result: Result) -> None:
    """On the terminal."""
    table = Table(*result.columns, title=result.title)
    for row in result.rows:
        table.add_row(*map(_shown, row))
    Console().print(table)


def write_json(results: Sequence[Result], file: Path) -> None:
    """All of a run, with the machine that it was made on."""
    content = {
        "machine": machine(),
        "results": [
            {
                "title": result.title,
                "rows": [dict(zip(result.columns, row, strict=True)) for row in result.rows],
            }
            for result in results
        ],
    }
    file.write_text(json.dumps(content, indent=1) + "\n")


def machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def write_chart(results: Sequence[Result], file: Path) -> None:
    """The ratios, as an SVG with a bar each."""
    bars = [bar for result in results if result.chart for bar in _bars(result)]
    height = ROW_PIXELS * len(bars)
    lines = [_drawn(number, *bar) for number, bar in enumerate(bars)]
    file.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="900" height="{height}" '
        f'font-family="sans-serif" font-size="12">\n{"".join(lines)}</svg>\n'
    )


def _bars(result: Result) -> list[tuple[str, float]]:
    assert result.chart is not None
    names, length = result.chart
    found = []
    for row in result.rows:
        label = ", ".join(f"{name} {result.cell(row, name)}" for name in names)
        found.append((f"{result.title}: {label}", result.cell(row, length)))
    return found


def _drawn(number: int, label: str, ratio: float) -> str:
    top = ROW_PIXELS * number
    width = min(ratio, 1.0) * BAR_PIXELS
    return (
        f'<text x="0" y="{top + 14}">{escape(label)}</text>'
        f'<rect x="480" y="{top + 3}" width="{width:.0f}" height="{ROW_PIXELS - 6}" '
        f'fill="#4a7"/><text x="{485 + width:.0f}" y="{top + 14}">{ratio:.0%}</text>\n'
    )


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.0%}" if value < 1 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
    return str(value)
