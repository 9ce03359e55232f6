"""Progress bars for long commands."""

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text

from interface.cli.terminal import console


class Progress(RichProgress):
    """One progress bar per task."""

    def __init__(self, unit: str = "events") -> None:
        """`unit`: what the bars count."""
        super().__init__(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(unit),
            TimeRemainingColumn(),
            console=console,
        )
        self._bars: dict[str, TaskID] = {}

    def show(self, task: str, position: int, end: int) -> None:
        """Moves the bar of the task to `position` of `end`. Adds the bar on the first call."""
        if task not in self._bars:
            self._bars[task] = self.add_task(task)
        self.update(self._bars[task], completed=position, total=end)


class _Rate(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} {self._unit}/s" if task.speed else "")
