"""Progress for people: a bar a step on a terminal, plain lines elsewhere."""

import os
import sys
import time
from collections.abc import Sequence
from typing import TextIO

from fanfold_steps.progress import StepProgress

BAR_WIDTH = 28
LINE_SECONDS = 2.0


class Display:
    """Shows a job's steps on a stream until `close`. `quiet` shows nothing."""

    def __init__(self, stream: TextIO = sys.stderr, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._live = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._started = time.monotonic()
        self._drawn = 0
        self._said = ""
        self._said_at = 0.0

    def show(self, steps: Sequence[StepProgress]) -> None:
        """Draw the steps as they stand."""
        if self._quiet or not steps:
            return
        if self._live:
            up = f"\x1b[{self._drawn}F" if self._drawn else ""
            lines = [f"\x1b[2K{self._bar(step)}\n" for step in steps]
            self._stream.write(up + "".join(lines))
            self._drawn = len(lines)
        else:
            self._say(", ".join(f"{step.step} {step.done}/{step.tasks}" for step in steps))
        self._stream.flush()

    def close(self, steps: Sequence[StepProgress]) -> None:
        """Draw the last state."""
        self._said_at = 0.0
        self.show(steps)

    def _say(self, line: str) -> None:
        now = time.monotonic()
        if line != self._said and now - self._said_at >= LINE_SECONDS:
            self._stream.write(f"{line}\n")
            self._said, self._said_at = line, now

    def _bar(self, step: StepProgress) -> str:
        filled = BAR_WIDTH * step.done // step.tasks if step.tasks else BAR_WIDTH
        seconds = max(time.monotonic() - self._started, 0.001)
        rate = f"{step.records / seconds:,.0f} records/s" if step.records else ""
        left = ""
        if 0 < step.done < step.tasks:
            left = f"about {seconds / step.done * (step.tasks - step.done):.0f} s left"
        bar = "█" * filled + "░" * (BAR_WIDTH - filled)
        return f"{step.step:>8} {bar} {step.done}/{step.tasks}  {rate}  {left}".rstrip()
