"""How far a long command is."""

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
    """A bar for each thing that is done, which counts events."""

    def __init__(self) -> None:
        super().__init__(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            console=console,
        )
        self._bars: dict[str, TaskID] = {}

    def show(self, doing: str, position: int, end: int) -> None:
        """Moves the bar of what is being done, and makes it where there is none."""
        if doing not in self._bars:
            self._bars[doing] = self.add_task(doing)
        self.update(self._bars[doing], completed=position, total=end)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} events/s" if task.speed else "")
