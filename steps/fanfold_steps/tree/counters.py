"""Counters: integers by group and name. Only committed attempts are added up, so each task counts once."""

from collections.abc import Iterable, Mapping

from fanfold_steps.tree.commit import Commit, Counters
from fanfold_steps.tree.task import Task
from fanfold_steps.tree.typed import Malformed

OWN_GROUP = "fanfold"
"""The group of Fanfold's own counters."""
NONE_RETURNED = "records_mapped_to_none"
"""Among these: for how many records a mapper returned None. If that is all of them, a `yield` may be missing."""
NONE_REDUCED = "keys_reduced_to_none"
"""Likewise: for how many keys a reducer returned None."""
NONE_COMBINED = "keys_combined_to_none"
"""Likewise: how often a combiner returned None. How often it runs depends on splits and memory."""
MOST_COUNTERS = 500  # of one task, because they are stored in commits and in the job's record, which are small
MOST_OF_A_JOB = 5000  # counters, those of all its tasks together
LONGEST_NAME = 200  # characters
_LARGEST = 1 << 63


def added(several: Iterable[Mapping[str, Mapping[str, int]]]) -> Counters:
    """The sum of several tasks' counters, with groups and names sorted.

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


def bounded(counters: Counters) -> Counters:
    """A job's counters unchanged, if they are such as tasks can count; user code can write to the tree, too.

    Raises:
        Malformed: too many of them, names that no task could have given, or numbers that few stores hold.
    """
    names = [name for group, numbers in counters.items() for name in (group, *numbers)]
    if len(names) > MOST_OF_A_JOB:
        raise Malformed("tree", f"a job has at most {MOST_OF_A_JOB:,} counters: count by kinds, not by single things")
    if not all(is_name(name) for name in names):
        raise Malformed("tree", "a counter has a name that no task gave it: something else changed the job's tree")
    if any(abs(number) >= _LARGEST for numbers in counters.values() for number in numbers.values()):
        raise Malformed("tree", "a counter is 2^63 or more, which can't be kept: count less")
    return counters


def is_name(text: object) -> bool:
    """Whether a value can be a counter's group or name."""
    return isinstance(text, str) and text.isprintable() and 0 < len(text) <= LONGEST_NAME


class Tally:
    """The counters of one attempt."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._before: dict[tuple[str, str], int] = {}

    def mark(self) -> None:
        """Remember the current numbers, for `take_back`."""
        self._before = dict(self._numbers)

    def take_back(self) -> None:
        """Forget what was counted since the last mark."""
        self._numbers = self._before

    def add(self, group: str, name: str, n: int) -> None:
        """Add to a counter. Raises TypeError, ValueError: the group, the name or the number is invalid."""
        if type(n) is not int:
            raise TypeError(f"a counter counts with an int, not {type(n).__name__}")
        try:
            self._numbers[group, name] += n
        except KeyError:
            self._check(group, name)
            self._numbers[group, name] = n

    def add_own(self, name: str, n: int) -> None:
        """Add to a counter in Fanfold's own group."""
        self._numbers[OWN_GROUP, name] = self._numbers.get((OWN_GROUP, name), 0) + n

    def counters(self) -> Counters:
        """What was counted."""
        return added({group: {name: number}} for (group, name), number in self._numbers.items())

    def _check(self, group: str, name: str) -> None:
        for text in (group, name):
            if not is_name(text):
                raise ValueError(
                    f"a counter's group and name are printable strings of 1 to {LONGEST_NAME} characters, "
                    f"not {text!r:.80}"
                )
        if group == OWN_GROUP:
            raise ValueError(f"the group {OWN_GROUP!r} is reserved for Fanfold's own counters: choose another name")
        if len(self._numbers) == MOST_COUNTERS:
            raise ValueError(f"a task has at most {MOST_COUNTERS} counters: count categories, not individual values")


def counted(task: Task, commit: Commit) -> Counters:
    """What a committed task counted, with Fanfold's own counters: what map tasks of the first stage read, and what all
    map tasks wrote (which depends on how the input was split)."""
    own: dict[str, int] = {}
    if task.step == "map":
        own["map_output_bytes"] = commit.bytes
        if task.stage == 0:
            own |= {"input_records": commit.records, "input_bytes": commit.read}
    if commit.skipped:
        own["skipped_records" if task.step == "map" else "skipped_keys"] = commit.skipped.count
    return added([commit.counters, {OWN_GROUP: own} if own else {}])
