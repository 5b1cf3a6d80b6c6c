"""Bars on a terminal, drawn by rich. Only `Display` imports this, and only when stderr is a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fanfold.terminal.console import escaped
from fanfold.terminal.progress import ProgressLine

BAR_WIDTH = 24  # columns; a line with its rate and time left fits in 80


class _Console(Console):
    """stderr. The cursor stays visible: a process that is killed couldn't bring it back."""

    def show_cursor(self, show: bool = True) -> bool:
        return False


class Bars:
    """Lines with bars, redrawn in place. On a narrow terminal, bars and remarks are cut short first."""

    def __init__(self) -> None:
        self._live = Live(
            console=_Console(stderr=True, highlight=False),
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def draw(self, lines: Sequence[ProgressLine]) -> None:
        """Draw a frame over the last one."""
        if lines:
            self._live.start()  # once; before, there is no frame to leave on the screen
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column()
        grid.add_column(no_wrap=True)
        grid.add_column()
        for line in lines:
            style = "green" if line.fraction == 1 else "cyan"
            bar = ProgressBar(
                total=1.0,
                completed=line.fraction,
                width=BAR_WIDTH,
                style="dim",
                complete_style=style,
                finished_style=style,
            )
            grid.add_row(
                Text(f"  {line.label}"),
                bar,
                Text(line.figures),
                Text(escaped(line.text), no_wrap=True, overflow="ellipsis"),
            )
        self._live.update(grid, refresh=True)

    def print_above(self, text: str) -> None:
        """Print a line that stays, above the frame."""
        self._live.console.print(Text(escaped(text)), soft_wrap=True)

    def close(self) -> None:
        """Leave the last frame on the screen."""
        self._live.stop()
