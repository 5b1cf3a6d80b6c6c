"""`Stage` and `Input`: what a `Job` consists of. They hold functions, and compile to specs that refer to them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from fanfold.authoring.batch import BatchMapper
from fanfold.authoring.checks import as_aggregation, check_function, check_reduce, checked_format, checked_resources
from fanfold.authoring.code.references import Refer, placeholder, refer_or_run, reference
from fanfold.authoring.programs import Program
from fanfold.errors import InvalidJob
from fanfold.rules.job_rules import Problem, stage_problems
from fanfold_steps.aggregations import Aggregation
from fanfold_steps.job.arguments import explain_arguments
from fanfold_steps.job.formats import InputFormat, Text
from fanfold_steps.job.resources import Resources
from fanfold_steps.job.spec import MOST_PARTITIONS, Aggregate, BatchFunction, Function, InputSpec, SortLines, StageSpec
from fanfold_steps.job.spec import Program as ProgramSpec
from fanfold_steps.job.spec import Reduce as ReduceSpec

Mapper = Callable[..., Any] | Program | BatchMapper
Reducer = Callable[..., Any] | Program
Combiner = Callable[..., Any] | Program
Partitioner = Callable[..., int]
Reduce = Reducer | Aggregation | tuple[Aggregation, ...] | dict[str, Aggregation] | SortLines
TEXT = Text()
_JOB_ARGUMENTS = ("name", "input", "inputs", "output", "outputs", "params", "files", "on_error", "timeout", "image")


@explain_arguments(**dict.fromkeys(_JOB_ARGUMENTS, "it belongs to the job: Job(stages=[Stage(…), …], …=…)."))
class Stage:
    """A map and a reduce. A job may have several stages; each one maps the records that the one before it emits.

    Args:
        map: `f(record)` or `f(key, record)`, which yields or returns `(key, value)` pairs or, in a stage without
            `reduce`, records. The key is the position in its file at which the record begins. If a record of an
            earlier stage is a pair, the key is the pair's key and the record its value. Without `map`, the records
            themselves must be pairs.
        combine: a reducer whose output pairs are reduced again. It runs over the pairs of each split before they are
            shuffled.
        reduce: `f(key, values)`, which yields output records; `values` iterates over a key's values once, in input
            order. Or an aggregation (`Sum()`, `TopK(10)`, …), or a tuple of them for values that are tuples, which
            emit `(key, result)` pairs. Python's own `sum`, `max`, `min`, `len` and `list` mean `Sum()`, `Max()`,
            `Min()`, `Count()` and `Collect()`. Or `SortLines()`, which sorts lines by their bytes across all parts and
            takes no mapper. For records with fields (dicts, dataclasses or named tuples) and for batches
            (`map=batch(f)`), a dict of named aggregations, `{"hits": Count(), "slowest": Max("seconds")}`: it emits one
            flat row per key.
            Without `reduce`, the mapper's records are the output, in input order.
        key: the fields of the records that are the key of named aggregations, as in `("host", "day")`. For batches the
            default is every column that isn't aggregated.
        partition: `f(key, n)`, which returns the number of the key's partition, from 0 to n - 1. By default a hash of
            the key decides.
        sort_values: pass each key's values to the reducer in sorted order. They must be of types that keys may have.
        order: "total" makes all keys of a part sort before those of the next part, so that the parts form one sorted
            whole.
        partitions: the number of reduce tasks; by default that of the job.
        resources: what this stage's workers get, as `Resources(cpu=2, memory="4Gi")`. Stages whose resources differ get
            pods of their own, which start when the stage before has ended.

    A function that has a parameter named `ctx` receives a `Context`. Any function may be an object with a `__call__`
    method instead, or a class, of which each attempt creates an object. If it has them, its `start(ctx)` is called
    before the first record or key, and its `finish()` after the last one; `finish` may yield whatever a call may yield.
    A mapper's `start` and `finish` run once per split, so the result must not depend on how the input is split.

    Mapper, combiner and reducer may be a `program(...)`. Combiner and reducer must both be programs, or neither.

    Raises:
        InvalidJob: a function takes the wrong arguments, or the arguments contradict each other.
    """

    def __init__(
        self,
        *,
        map: Mapper | None = None,
        combine: Combiner | None = None,
        reduce: Reduce | None = None,
        partition: Partitioner | None = None,
        sort_values: bool = False,
        order: Literal["total"] | None = None,
        partitions: int | None = None,
        key: str | Sequence[str] | None = None,
        resources: Resources | None = None,
    ) -> None:
        self.map = map
        self.combine = combine
        self.reduce = as_aggregation(reduce)
        self.partitions = partitions
        self.partition = partition
        self.sort_values = sort_values
        self.order = order
        self.key = _checked_key(key)
        self.resources = checked_resources(resources)
        self._check_arguments()
        raise_first(stage_problems(self.spec(placeholder)))

    def spec(self, refer: Refer = reference) -> StageSpec:
        """The stage as plain data.

        Args:
            refer: makes the references to the functions.

        Raises:
            InvalidJob: workers can't import a function.
        """
        return StageSpec(
            map=None if self.map is None else _map_spec(self.map, refer),
            reduce=None if self.reduce is None else _reduce_spec(self.reduce, refer),
            combine=None if self.combine is None else refer_or_run(self.combine, refer),
            partitions=self.partitions,
            partition=None if self.partition is None else refer(self.partition),
            sort_values=self.sort_values,
            order=self.order,
            key=self.key,
            resources=self.resources,
        )

    @property
    def functions(self) -> list[Callable[..., Any]]:
        """The user's own functions."""
        return [part for part in (self.map, self.combine, self.reduce, self.partition) if callable(part)]

    @property
    def programs(self) -> list[Program]:
        """The stage's programs."""
        return [part for part in (self.map, self.combine, self.reduce) if isinstance(part, Program)]

    def _check_arguments(self) -> None:
        if isinstance(self.map, BatchMapper):
            check_function(self.map, "batch function", 1)
        elif self.map is not None:
            check_function(self.map, "mapper", 1, 2)
        check_reduce(self.reduce)
        if self.combine is not None:
            check_function(self.combine, "combiner", 2)
        if self.partition is not None:
            check_function(self.partition, "partitioner", 2)
        if self.partitions is not None and type(self.partitions) is not int:
            raise InvalidJob(f"partitions must be a number from 1 to {MOST_PARTITIONS:,}, not {self.partitions!r:.80}")
        if type(self.sort_values) is not bool:
            raise InvalidJob(f"sort_values must be True or False, not {self.sort_values!r:.80}: values sort as keys do")
        if self.order not in (None, "total"):
            raise InvalidJob(f'order must be "total" or left out, not {self.order!r:.80}')


@explain_arguments(columns="it belongs to the format, as Input(CSV(columns=[…])).")
class Input:
    """One of a job's named inputs: the format of its records, and its mapper (by default, that of the first stage).

    Raises:
        InvalidJob: the format is not a format, or the mapper takes the wrong arguments.
    """

    def __init__(self, format: InputFormat = TEXT, *, map: Mapper | None = None) -> None:
        self.format = checked_format(format, "an input's format", InputFormat)
        if isinstance(map, BatchMapper):
            raise InvalidJob("an input's own mapper can't be a batch function: pass it to the first stage instead")
        if map is not None:
            check_function(map, "mapper", 1, 2)
        self.map = map

    def spec(self, refer: Refer = reference) -> InputSpec:
        """The input as plain data; `refer` as in `Stage.spec`. Raises InvalidJob."""
        return InputSpec(self.format, None if self.map is None else refer_or_run(self.map, refer))


def raise_first(problems: Iterator[Problem]) -> None:
    """Raise InvalidJob for the first problem, if there is one."""
    if problem := next(problems, None):
        raise InvalidJob(": ".join(problem))


def _map_spec(mapper: Mapper, refer: Refer) -> Function | BatchFunction | ProgramSpec:
    return BatchFunction(refer(mapper).function) if isinstance(mapper, BatchMapper) else refer_or_run(mapper, refer)


def _reduce_spec(reduce: Reduce, refer: Refer) -> ReduceSpec:
    if isinstance(reduce, SortLines):
        return reduce
    if isinstance(reduce, dict):
        return {column: _aggregate(part) for column, part in reduce.items()}
    if isinstance(reduce, tuple):
        return [_aggregate(part) for part in reduce]
    return _aggregate(reduce) if isinstance(reduce, Aggregation) else refer_or_run(reduce, refer)


def _aggregate(aggregation: Aggregation) -> Aggregate:
    name: Any = aggregation.name  # `check_reduce` has checked that it exists
    return Aggregate(name, list(aggregation.arguments), aggregation.field, aggregation.rows)


def _checked_key(key: Any) -> list[str] | None:
    if key is None or isinstance(key, str):
        return None if key is None else [key]
    if not isinstance(key, Sequence) or not all(isinstance(name, str) for name in key):
        raise InvalidJob(f'key must name fields of the records, as key=("host", "day"), not {key!r:.80}')
    return list(key)
