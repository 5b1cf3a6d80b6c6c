"""Progress as lines: how much is done, how fast it goes, and how long it will take."""

import time
from collections import deque
from dataclasses import dataclass

from fanfold.terminal.console import duration, size

SHORTEST_WINDOW, LONGEST_WINDOW = 0.05, 5.0  # seconds over which a rate is measured


@dataclass(frozen=True, slots=True)
class ProgressLine:
    """One thing under way: the fraction that is done (0 to 1), the same in figures, and a remark."""

    label: str
    fraction: float
    figures: str
    text: str = ""


class Rate:
    """How fast a count grows, measured over the last seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()

    def update(self, count: float) -> float:
        """Record the count and return its growth per second; 0 until enough time has passed to tell."""
        now = time.monotonic()
        self._samples.append((now, count))
        while len(self._samples) > 2 and now - self._samples[0][0] > LONGEST_WINDOW:
            self._samples.popleft()
        then, before = self._samples[0]
        return max(0.0, (count - before) / (now - then)) if now - then >= SHORTEST_WINDOW else 0.0


def time_left(done: float, total: float | None, rate: float) -> str:
    """The time left in words; empty if it isn't known.

    >>> time_left(10, 100, 2.0), time_left(10, None, 2.0)
    ('0:45 left', '')
    """
    return f"{duration((total - done) / rate)} left" if total and rate > 0 and 0 < done < total else ""


def transfer_line(label: str, done: int, total: int, rate: float, files: str, *, complete: bool = True) -> ProgressLine:
    """The line for a transfer.

    Args:
        label: what is going on.
        done: bytes transferred.
        total: bytes in all.
        rate: bytes per second.
        files: the count of files, in words.
        complete: whether the last file is finished; 100 % is not shown before.
    """
    fraction, percent = (done / total, done * 100 // total) if total else (1.0, 100)
    if not complete:
        fraction, percent = min(fraction, 0.99), min(percent, 99)
    text = "  ".join(filter(None, (files, f"{size(rate)}/s" if rate else "", time_left(done, total, rate))))
    return ProgressLine(label, fraction, f"{percent}%", text)
