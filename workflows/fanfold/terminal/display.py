"""A progress display on stderr: bars redrawn in place on a terminal, plain lines now and then elsewhere."""

import os
import sys
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fanfold.terminal.console import say
from fanfold.terminal.progress import ProgressLine

if TYPE_CHECKING:
    from fanfold.terminal.bars import Bars

REDRAW_SECONDS = 0.1  # between two frames on a terminal
PLAIN_SECONDS = 2.0  # between two plain lines about the same thing


class Display:
    """Shows lines as they change; on a terminal the last frame stays. May be used by several threads."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bars = None if quiet else _bars()
        self._last_lines: list[ProgressLine] = []
        self._next_frame = 0.0
        self._printed: dict[str, tuple[float, ProgressLine]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> "Display":
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._bars:
                self._bars.draw(self._last_lines)
                self._bars.close()

    def show(self, lines: Sequence[ProgressLine]) -> None:
        """Show these lines, unless others were shown a moment ago."""
        with self._lock:
            self._last_lines = list(lines)
            now = time.monotonic()
            if not self._bars:
                self._print_changes(now)
            elif now >= self._next_frame:
                self._next_frame = now + REDRAW_SECONDS
                self._bars.draw(self._last_lines)

    def say(self, text: str) -> None:
        """Print a line that stays, above the bars. A quiet display prints nothing."""
        with self._lock:
            if self._bars:
                self._bars.print_above(text)
            elif not self._quiet:
                say(text)

    def _print_changes(self, now: float) -> None:
        """Print what is complete, and now and then what moves."""
        for line in self._last_lines:
            when, before = self._printed.get(line.label, (0.0, None))
            is_due = line.fraction == 1 or now - when >= PLAIN_SECONDS
            if line != before and line.fraction and is_due and not self._quiet:
                self._printed[line.label] = (now, line)
                say(f"{line.label.strip()} {line.figures} {line.text}".rstrip())


def _bars() -> "Bars | None":
    """Bars, if stderr is a terminal that can redraw them. Loads rich, which a pipe has no use for."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return None
    from fanfold.terminal.bars import Bars

    return Bars()
