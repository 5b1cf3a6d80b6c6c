"""Progress on stderr: lines redrawn in place on a terminal, plain lines at intervals elsewhere."""

import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

import click

from fanfold.verbs.console import clock, coloured, say, size

REDRAW = 0.1  # seconds between two pictures on a terminal
PLAIN_EVERY = 2.0  # seconds between two plain lines about the same thing
SHORTEST, WINDOW = 0.05, 5.0  # seconds over which a rate is measured, at least and at most
BAR = 24  # columns; a line with its rate and time left fits in 80


@dataclass(frozen=True, slots=True)
class Line:
    """One thing under way: how much of it is done (0 to 1), the same in figures, and what to add in words."""

    label: str
    share: float
    figures: str
    text: str = ""


class Display:
    """Shows lines as they change. On leaving, the last picture stays."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._live = sys.stderr.isatty() and not quiet
        self._drawn = 0
        self._last: list[Line] = []
        self._next = 0.0
        self._told: dict[str, tuple[float, Line]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> "Display":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        with self._lock:
            self._draw(self._last)

    def show(self, lines: Sequence[Line]) -> None:
        """Draw these lines, if it is time for it."""
        with self._lock:
            self._last = list(lines)
            now = time.monotonic()
            if self._live and now >= self._next:
                self._next = now + REDRAW
                self._draw(self._last)
            elif not self._live:
                self._tell(self._last, now)

    def _draw(self, lines: Sequence[Line]) -> None:
        if not self._live:
            return
        width = shutil.get_terminal_size().columns
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        picture = "".join(f"\r\x1b[2K{_fitted(line, width)}\n" for line in lines)
        click.echo(up + picture, err=True, nl=False, color=True)
        self._drawn = len(lines)

    def _tell(self, lines: Sequence[Line], now: float) -> None:
        """A plain line for what is complete, and from time to time for what moves."""
        for line in lines:
            when, before = self._told.get(line.label, (0.0, None))
            if line != before and line.share and (line.share == 1 or now - when >= PLAIN_EVERY) and not self._quiet:
                self._told[line.label] = (now, line)
                say(f"{line.label.strip()} {line.figures} {line.text}".rstrip())


class Rate:
    """How fast a count grows, over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def update(self, count: float) -> float:
        """Take note of the count; its growth per second since the first look, or 0 if that is but a moment ago."""
        now = time.monotonic()
        self._seen.append((now, count))
        while len(self._seen) > 2 and now - self._seen[0][0] > WINDOW:
            self._seen.popleft()
        then, before = self._seen[0]
        return max(0.0, (count - before) / (now - then)) if now - then >= SHORTEST else 0.0


def time_left(done: float, total: float | None, rate: float) -> str:
    """The time left in words; nothing when it can't be told."""
    return f"{clock((total - done) / rate)} left" if total and rate > 0 and 0 < done < total else ""


def moved(label: str, done: int, total: int, rate: float, what: str, *, whole: bool = True) -> Line:
    """The line for bytes on their way; `what` counts the files. 100 % are told when the last file is `whole` too."""
    share, percent = (done / total, done * 100 // total) if total else (1.0, 100)
    if not whole:
        share, percent = min(share, 0.99), min(percent, 99)
    text = "  ".join(filter(None, (what, f"{size(rate)}/s" if rate else "", time_left(done, total, rate))))
    return Line(label, share, f"{percent}%", text)


def _fitted(line: Line, width: int) -> str:
    plain = f"  {line.label}  {' ' * BAR}  {line.figures}  "
    text = line.text[: max(0, width - len(plain) - 1)]
    return f"  {line.label}  {_bar(line.share)}  {line.figures}  {text}".rstrip()


def _bar(share: float) -> str:
    full, empty = ("━", "─") if (sys.stderr.encoding or "").lower().startswith("utf") else ("#", "-")
    filled = int(share * BAR)
    if not coloured():
        return full * filled + empty * (BAR - filled)
    colour = "green" if share == 1 else "cyan"
    return click.style(full * filled, fg=colour) + click.style(empty * (BAR - filled), dim=True)
