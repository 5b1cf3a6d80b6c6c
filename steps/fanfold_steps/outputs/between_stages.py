"""Records between two stages: written as runs of the tree, and read as batches by the next stage."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import Any

from fanfold_steps.crash_points import around
from fanfold_steps.failure.permanent import PermanentFailure, Position
from fanfold_steps.failure.wording import preview
from fanfold_steps.formats import BadRecord
from fanfold_steps.inputs.batches import Batch
from fanfold_steps.inputs.samples import PLACES
from fanfold_steps.memory.budget import DEFAULT, Budget
from fanfold_steps.sorting import runs
from fanfold_steps.tree.commit import Commit, Written
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task

RECORDS = 64
"""Records that are read at one position of a stage's output, for a sample."""


def stage_batches(tree: JobTree, tasks: list[Task]) -> Iterator[Batch]:
    """Batches of records at fixed positions in the output of a stage's last tasks."""
    commits = zip(tasks, tree.commits_of(tasks), strict=True)
    written = [(task.run(commit.attempt), commit.bytes) for task, commit in commits]
    ends = list(accumulate(runs.count_records(tree.objects, key, size) for key, size in written))
    total = ends[-1] if ends else 0
    count = max(1, min(PLACES, total // RECORDS))
    for position in (place * total // count for place in range(count if total else 0)):
        number = bisect_left(ends, position + 1)
        first = position - (ends[number - 1] if number else 0)
        items = runs.read_records(tree.objects, *written[number], first)
        most = RECORDS if count == PLACES else -(-total // count)
        yield StageBatch(tasks[number], first, [record for _, record in islice(items, most)])


@dataclass(frozen=True, slots=True)
class StageBatch:
    """Records that a task of the previous stage wrote, from number `first` on. The keys are those of the pairs."""

    task: Task
    first: int
    contents: list[Any]
    bad: Sequence[BadRecord] = ()

    def records(self) -> list[Any]:
        """The records."""
        return self.contents

    def pairs(self, records: list[Any]) -> list[Any]:
        """The records themselves, which are pairs."""
        return records

    def position_of(self, number: int, record: Any) -> Position:
        """The stage, the task and the record's number, in words."""
        part = "part" if self.task.step == "reduce" else "split"
        where = f"stage {self.task.stage}, {part} {self.task.index}, record {self.first + number}"
        return Position(where, None, preview(record))

    def alone(self, number: int) -> None:
        """None: it is in no file of the input."""

    def place_of(self, number: int) -> None:
        """None: the records of an earlier stage are in no file of the input."""

    def failure(self, bad: BadRecord) -> PermanentFailure:
        """Never called: a stage writes only valid records."""
        raise AssertionError(bad)

    def place_of_bad(self, bad: BadRecord) -> tuple[str, int]:
        """Never called: a stage writes only valid records."""
        raise AssertionError(bad)


@dataclass(frozen=True, slots=True)
class StageBatches:
    """The run that a task of the previous stage committed."""

    tree: JobTree
    task: Task

    @property
    def size(self) -> int:
        """The size of the run in bytes."""
        return self.tree.commit_of(self.task).bytes

    def __iter__(self) -> Iterator[Batch]:
        commit = self.tree.commit_of(self.task)
        run = self.task.run(commit.attempt)
        first = 0
        for block in runs.read_blocks(self.tree.objects, run, commit.bytes, 0):
            records = [record for _, record in block]
            yield StageBatch(self.task, first, records)
            first += len(records)


class StageRunWriter:
    """Writes the records of each task to a run in the job tree, in the order in which they come."""

    def __init__(self, tree: JobTree, budget: Budget = DEFAULT) -> None:
        self._tree = tree
        self._budget = budget

    def write(self, task: Task, attempt: str, records: Iterable[Any], kind: str) -> Written:
        """Write the task's run: one segment, whose records have no keys. Raises PermanentFailure."""
        run = _Counted(records)
        try:
            with around("stage.run"):
                size = self._tree.put_run(task.run(attempt), runs.pack([run], self._budget.block))
        except runs.Unpicklable as error:
            raise PermanentFailure(kind, str(error)) from error
        return Written(run.count, size)

    def drop(self, task: Task, commit: Commit) -> None:
        """Delete the run."""
        self._tree.objects.delete(task.run(commit.attempt))


class _Counted:
    def __init__(self, records: Iterable[Any]) -> None:
        self._records = records
        self.count = 0

    def __iter__(self) -> Iterator[runs.Item]:
        for record in self._records:
            self.count += 1
            yield b"", record
