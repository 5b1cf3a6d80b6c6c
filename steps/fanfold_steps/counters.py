"""Counters: whole numbers by group and name. Those of committed attempts are added up, so each task counts once."""

from collections.abc import Iterable, Mapping
from typing import Any

from fanfold_steps.tree import Task

Counters = dict[str, dict[str, int]]
"""Numbers by group, then name."""

OWN_GROUP = "fanfold"
"""The group of Fanfold's own counters."""
MOST_COUNTERS = 500  # of one task; they travel in commits and are kept with the job, which are small
LONGEST_NAME = 200  # characters


def added(several: Iterable[Mapping[str, Mapping[str, int]]]) -> Counters:
    """The sum of several tasks' counters, groups and names in order.

    >>> added([{"words": {"long": 1}}, {"words": {"short": 2, "long": 3}}])
    {'words': {'long': 4, 'short': 2}}
    """
    total: Counters = {}
    for counters in several:
        for group, numbers in counters.items():
            sums = total.setdefault(group, {})
            for name, number in numbers.items():
                sums[name] = sums.get(name, 0) + number
    return {group: dict(sorted(total[group].items())) for group in sorted(total)}


class Tally:
    """The counters of one attempt."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._before: dict[tuple[str, str], int] = {}

    def mark(self) -> None:
        """Remember how things stand."""
        self._before = dict(self._numbers)

    def take_back(self) -> None:
        """Forget what was counted since the last mark."""
        self._numbers = self._before

    def add(self, group: str, name: str, n: int) -> None:
        """Count. Raises TypeError, ValueError: it can't be a counter."""
        if type(n) is not int:
            raise TypeError(f"a counter counts whole numbers, not {type(n).__name__}")
        try:
            self._numbers[group, name] += n
        except KeyError:
            self._check(group, name)
            self._numbers[group, name] = n

    def counters(self) -> Counters:
        """What was counted."""
        return added({group: {name: number}} for (group, name), number in self._numbers.items())

    def _check(self, group: str, name: str) -> None:
        for text in (group, name):
            if not isinstance(text, str) or not text.isprintable() or not 0 < len(text) <= LONGEST_NAME:
                raise ValueError(
                    f"a counter's group and name are printable texts of at most {LONGEST_NAME} characters, "
                    f"not {text!r:.80}"
                )
        if group == OWN_GROUP:
            raise ValueError(f"the group {OWN_GROUP!r} holds Fanfold's own counters: choose another name")
        if len(self._numbers) == MOST_COUNTERS:
            raise ValueError(f"a task has at most {MOST_COUNTERS} counters: count by kinds, not by single things")


def counted(task: Task, commit: Mapping[str, Any]) -> Counters:
    """What a committed task counted, with Fanfold's own counters: what the first stage's maps read of the input, and
    what all maps wrote to be reduced, which depends on where the input was cut."""
    own: dict[str, int] = {}
    if task.step == "map":
        own["map_output_bytes"] = commit["bytes"]
        if task.stage == 0:
            own |= {"input_records": commit["records"], "input_bytes": commit["read"]}
    if skipped := commit.get("skipped"):
        own["skipped_records" if task.step == "map" else "skipped_keys"] = skipped["count"]
    return added([commit.get("counters", {}), {OWN_GROUP: own} if own else {}])
