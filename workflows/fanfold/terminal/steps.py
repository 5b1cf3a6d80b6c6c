"""A job's steps as lines of progress."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fanfold.terminal.console import number, quantity
from fanfold.terminal.progress import ProgressLine, Rate, time_left


def with_status(lines: list[ProgressLine], status: str) -> list[ProgressLine]:
    """The lines, the first unfinished one with what the user's code says it is doing."""
    at = next((index for index, line in enumerate(lines) if line.fraction < 1), None)
    if not status or at is None:
        return lines
    return [*lines[:at], replace(lines[at], text=f"{lines[at].text}  {status}".strip()), *lines[at + 1 :]]


class StepProgress:
    """Turns a job's steps into lines; remembers what it saw before, to tell rates."""

    def __init__(self) -> None:
        self._rates: dict[str, tuple[Rate, Rate]] = {}

    def lines(self, stages: Sequence[Any]) -> list[ProgressLine]:
        """A line per step.

        Args:
            stages: stages with their steps, in the form in which the service reports them.
        """
        several = len(stages) > 1
        return [
            self._line(f"{stage['index']} " * several + step["step"], step)
            for stage in stages
            for step in stage["steps"]
        ]

    def _line(self, label: str, step: Any) -> ProgressLine:
        record_rate, task_rate = self._rates.setdefault(label, (Rate(), Rate()))
        records_per_second, tasks_per_second = record_rate.update(step["records"]), task_rate.update(step["done"])
        complete = step["done"] == step["tasks"]
        words = [quantity(step["records"], "record", number(step["records"])) if step["records"] else ""]
        if not complete:
            words.append(f"{number(records_per_second)}/s" if records_per_second else "")
            words.append(time_left(step["done"], step["tasks"], tasks_per_second))
        fraction = 1.0 if complete else step["done"] / step["tasks"] if step["tasks"] else 0.0
        total = "?" if step["tasks"] is None else step["tasks"]
        figures = f"{int(fraction * 100)}% {step['done']}/{total}"
        return ProgressLine(f"{label:>8}", fraction, figures, "  ".join(filter(None, words)))
