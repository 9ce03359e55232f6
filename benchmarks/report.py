"""Reports: a table on the terminal, a JSON file and a chart."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from rich.console import Console
from rich.table import Table


class Curves(NamedTuple):
    """Chart of a table: `ys` against `x`, on logarithmic axes."""

    x: str
    ys: Sequence[str]
    by: str
    """The column that groups rows into curves."""
    where: Mapping[str, Any] = MappingProxyType({})
    """Filter: values of columns in the rows to draw."""


@dataclass(frozen=True)
class Result:
    """Table of one measurement. Ratios are fractions of 1."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    curves: Curves | None = None

    def named(self, row: Sequence[Any]) -> dict[str, Any]:
        return dict(zip(self.columns, row, strict=True))


def show(result: Result) -> None:
    """Prints the table."""
    table = Table(*result.columns, title=result.title)
    for row in result.rows:
        table.add_row(*map(_formatted, result.columns, row))
    Console().print(table)


def write_json(results: Sequence[Result], file: Path) -> None:
    """Writes all tables of a run, with a description of the machine."""
    content = {
        "machine": machine(),
        "results": [
            {
                "title": result.title,
                "rows": [result.named(row) for row in result.rows],
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
    """Writes an SVG file with one panel for each table that has curves."""
    drawn = [result for result in results if result.curves]
    if drawn:
        figure, panels = plt.subplots(
            len(drawn), figsize=(9, 4 * len(drawn)), squeeze=False, layout="constrained"
        )
        for result, panel in zip(drawn, panels.flat, strict=True):
            _draw(result, panel)
        figure.savefig(file)
        plt.close(figure)


def _draw(result: Result, panel: Axes) -> None:
    curves = cast("Curves", result.curves)
    rows = [row for row in result.rows if curves.where.items() <= result.named(row).items()]
    for name in dict.fromkeys(result.named(row)[curves.by] for row in rows):
        points = [result.named(row) for row in rows if result.named(row)[curves.by] == name]
        for y in curves.ys:
            xs = [point[curves.x] for point in points]
            panel.plot(xs, [point[y] for point in points], marker="o", label=f"{name}, {y}")
    panel.set(title=result.title, xscale="log", yscale="log", xlabel=curves.x)
    panel.grid(visible=True, alpha=0.3)
    panel.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")


def _formatted(column: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, float):
        return str(value)
    if column.startswith("of "):
        return f"{value:.0%}"
    return f"{value:,.2f}" if value < 10 else f"{value:,.0f}"
