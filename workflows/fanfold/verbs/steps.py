"""A job's steps as lines of progress."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fanfold.verbs.console import counted, number
from fanfold.verbs.progress import Line, Rate, time_left


def with_words(lines: list[Line], words: str) -> list[Line]:
    """The lines, with what the user's code says it is doing in the first that is under way."""
    at = next((number for number, line in enumerate(lines) if line.share < 1), None)
    if not words or at is None:
        return lines
    return [*lines[:at], replace(lines[at], text=f"{lines[at].text}  {words}".strip()), *lines[at + 1 :]]


class Picture:
    """A job's steps as lines, with the rates that come from seeing them again and again."""

    def __init__(self) -> None:
        self._rates: dict[str, tuple[Rate, Rate]] = {}

    def lines(self, stages: Sequence[Any]) -> list[Line]:
        """A line per step, from stages in the form that the service tells them in."""
        several = len(stages) > 1
        return [
            self._line(f"{stage['index']} " * several + step["step"], step)
            for stage in stages
            for step in stage["steps"]
        ]

    def _line(self, label: str, step: Any) -> Line:
        records, tasks = self._rates.setdefault(label, (Rate(), Rate()))
        speed, pace = records.update(step["records"]), tasks.update(step["done"])
        complete = step["done"] == step["tasks"]
        words = [counted(step["records"], "record", number(step["records"])) if step["records"] else ""]
        words += (
            [] if complete else [f"{number(speed)}/s" if speed else "", time_left(step["done"], step["tasks"], pace)]
        )
        share = 1.0 if complete else step["done"] / step["tasks"] if step["tasks"] else 0.0
        total = "?" if step["tasks"] is None else step["tasks"]
        return Line(f"{label:>8}", share, f"{step['done']}/{total}", "  ".join(filter(None, words)))
