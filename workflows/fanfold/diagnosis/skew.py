"""How unequal the tasks of a step are: the typical and the largest one, by time and by size, and the heaviest keys."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median_low

from fanfold.diagnosis.tasks import JobTasks, StepTasks
from fanfold_steps.summary.task_table import TaskRecord

MOST_KEYS = 5


@dataclass(frozen=True, slots=True)
class Spread:
    """The typical value of a step's tasks (their median), and the task with the largest one."""

    typical: float
    largest: float
    index: int

    @property
    def factor(self) -> float:
        """How many times the typical value the largest one is."""
        return self.largest / self.typical if self.typical else 1.0 if not self.largest else float("inf")


@dataclass(frozen=True, slots=True)
class HeavyKey:
    """A key with many values: at least `values` of them, which go to the reducer of `partition`."""

    key: str
    partition: int
    values: int


@dataclass(frozen=True, slots=True)
class StepSkew:
    """How unequal the committed tasks of a step are. In a reduce step, `bytes_in` is the size of its partitions."""

    stage: int
    step: str
    tasks: int
    committed: int
    seconds: Spread
    bytes_in: Spread
    records: Spread
    keys: Sequence[HeavyKey] = ()
    """The heaviest keys of a reduce step, where values reach the reducer one by one."""
    values: int = 0
    """Values of all its keys."""


def skews_of(tasks: JobTasks) -> list[StepSkew]:
    """The skew of each step that has committed tasks."""
    return [skew for step in tasks.steps if (skew := _skew(tasks, step))]


def _skew(tasks: JobTasks, step: StepTasks) -> StepSkew | None:
    records = list(tasks.table.of_step(step.stage, step.step).values())
    if not records:
        return None
    heavy = tasks.table.heavy.get(step.stage) if step.step == "reduce" else None
    return StepSkew(
        stage=step.stage,
        step=step.step,
        tasks=step.tasks,
        committed=len(records),
        seconds=_spread((record.seconds, record) for record in records),
        bytes_in=_spread((record.bytes_in, record) for record in records),
        records=_spread((record.records, record) for record in records),
        keys=[HeavyKey(key, part, n) for (key, part), n in heavy.heaviest(MOST_KEYS)] if heavy else [],
        values=heavy.values if heavy else 0,
    )


def _spread(measured: Iterable[tuple[float, TaskRecord]]) -> Spread:
    values = list(measured)
    largest, record = max(values, key=lambda pair: pair[0])
    return Spread(median_low(value for value, _ in values), largest, record.index)
