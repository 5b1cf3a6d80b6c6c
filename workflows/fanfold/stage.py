"""`Stage` and `Input`: the parts that a `Job` is made of. They hold functions, and compile to specs that name them."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args

from fanfold.columns import Batched
from fanfold.programs import Program
from fanfold.rules import Problem, stage_problems
from fanfold_steps.aggregations import AGGREGATIONS, Aggregation
from fanfold_steps.arguments import told
from fanfold_steps.calling import check_parameters, is_object
from fanfold_steps.failure import PermanentFailure
from fanfold_steps.formats.declared import Compression, InputFormat, Parquet, ParquetCompression, Text
from fanfold_steps.spec import MOST_PARTITIONS, Aggregate, Batch, Function, InputSpec, SortLines, StageSpec
from fanfold_steps.spec import Program as ProgramSpec
from fanfold_steps.spec import Reduce as ReduceSpec

Mapper = Callable[..., Any] | Program | Batched
Reducer = Callable[..., Any] | Program
Combiner = Callable[..., Any] | Program
Partitioner = Callable[..., int]
Reduce = Reducer | Aggregation | tuple[Aggregation, ...] | dict[str, Aggregation] | SortLines
Namer = Callable[[Callable[..., Any]], Function]
"""Tells how a function is called in a spec."""
TEXT = Text()
OF_A_JOB = ("name", "input", "inputs", "output", "outputs", "params", "files", "on_error", "timeout")
COMPRESSIONS = (get_args(Compression), get_args(ParquetCompression))
"""What may be said of files, and of what is packed inside of Parquet's."""


class InvalidJob(TypeError):
    """A job that can't be run as written; the text says which part and how to mend it."""


@told(**dict.fromkeys(OF_A_JOB, "it belongs to the job: Job(stages=[Stage(…), …], …=…)."))
class Stage:
    """A map and a reduce of a job; the records that one stage gives are those that the next one maps.

    Args:
        map: `f(record)` or `f(key, record)`, yielding or returning `(key, value)` pairs; without a `reduce`, records.
            The key is where in its file the record begins; a record of an earlier stage that is a pair has its own key,
            and the record is then the value. Without `map` each record is the pair that it is.
        combine: a reducer whose output pairs are reduced again; run over each split's pairs before they travel.
        reduce: `f(key, values)`, yielding output records; `values` come one by one, in input order. Or an aggregation
            (`Sum()`, `TopK(10)`, …), or a tuple of them for values that are tuples: it gives `(key, result)` pairs.
            Without `reduce` what the mapper gives is the stage's output, in input order.
            `SortLines()` sorts lines by their bytes, through all parts, and takes no mapper.
            Of batches (`map=batch(f)`), a dict of aggregations by column: the other columns are the key.
            A function that names a parameter `ctx` is given a `Context`. Instead of a function there may be an object
            that is called, or a class to make one of for each attempt: its `start(ctx)` is called before the first
            record or key, its `finish()` after the last, and may yield what a call may yield. A mapper's run once for
            each split, so what `finish` yields must be such that the answer doesn't depend on where the input was cut.
            Any of these may be a `program(...)`; a combiner and its reducer are both programs, or neither is.
        partition: `f(key, n)`, the number of the key's partition, from 0 to n - 1; if left out, a hash decides.
        sort_values: the reducer gets each key's values in order; they are then of the types that keys have.
        order: "total": each part's keys come before those of the next part, so the parts are one sorted whole.
        partitions: how many reduce tasks there are; if left out, as many as the job is given.

    Raises:
        InvalidJob: a function takes the wrong arguments, or the parts don't fit together.
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
    ) -> None:
        self.map = map
        self.combine = combine
        self.reduce = reduce
        self.partitions = partitions
        self.partition = partition
        self.sort_values = sort_values
        self.order = order
        _check_forms(self)
        refuse(stage_problems(self.spec(unnamed)))

    def spec(self, named: Namer | None = None) -> StageSpec:
        """The stage as plain data; `named` tells how its functions are called, if not by what workers import them by.

        Raises:
            InvalidJob: a function can't be imported.
        """
        named = named or reference
        return StageSpec(
            map=None if self.map is None else _mapper(self.map, named),
            reduce=None if self.reduce is None else _reduce(self.reduce, named),
            combine=None if self.combine is None else called(self.combine, named),
            partitions=self.partitions,
            partition=None if self.partition is None else named(self.partition),
            sort_values=self.sort_values,
            order=self.order,
        )

    @property
    def functions(self) -> list[Callable[..., Any]]:
        """The user's own functions."""
        return [part for part in (self.map, self.combine, self.reduce, self.partition) if callable(part)]

    @property
    def programs(self) -> list[Program]:
        """Its programs."""
        return [part for part in (self.map, self.combine, self.reduce) if isinstance(part, Program)]


@told(columns="it belongs to the format, as Input(CSV(columns=[…])).")
class Input:
    """One of several inputs of a job: what its records are, and its mapper; without one, that of the first stage."""

    def __init__(self, format: InputFormat = TEXT, *, map: Mapper | None = None) -> None:
        self.format = declared(format, "an input's format", InputFormat)
        if isinstance(map, Batched):
            raise InvalidJob("an input's own mapper is one of records: give the batch to the first stage")
        if map is not None:
            check_function(map, "mapper", 1, 2)
        self.map = map

    def spec(self, named: Namer | None = None) -> InputSpec:
        """The input as plain data, its mapper named as a stage's functions are. Raises InvalidJob."""
        return InputSpec(self.format, None if self.map is None else called(self.map, named or reference))


def module_name(module: ModuleType) -> str:
    """The name that workers import a module by: for a script, that of its file."""
    if module.__name__ != "__main__":
        return module.__name__
    if module.__spec__:
        return module.__spec__.name
    if not getattr(module, "__file__", None):
        raise InvalidJob("a job must stand in a file: workers can't import from an interactive session")
    return Path(str(module.__file__)).stem


def refuse(problems: Iterator[Problem]) -> None:
    """Raise InvalidJob for the first of some problems, if there is one."""
    if problem := next(problems, None):
        raise InvalidJob(": ".join(problem))


def called(part: Callable[..., Any] | Program, named: Namer) -> Function | ProgramSpec:
    """A function by its name, a program by its command line. Raises InvalidJob."""
    return part.spec if isinstance(part, Program) else named(part)


def unnamed(function: Callable[..., Any]) -> Function:
    """A function where it doesn't matter what it is called: the parts of a job are looked at before it is named."""
    return Function("a:function")


def reference(function: Callable[..., Any]) -> Function:
    """A function by the name that workers import it by. Raises InvalidJob."""
    module, name = place_of(function)
    return Function(f"{module_name(module)}:{name}")


def place_of(function: Callable[..., Any]) -> tuple[ModuleType, str]:
    """The module that a function, class or object stands in, and its name there. Raises InvalidJob."""
    name = getattr(function, "__qualname__", None)
    if name is None and is_object(function):
        return _place_of_object(function)
    if not name or "<" in name:
        raise InvalidJob(
            f"{function!r} can't be imported by workers: define it with `def` at the top level of the module"
        )
    return sys.modules[function.__module__], name


def _place_of_object(found: object) -> tuple[ModuleType, str]:
    """The module that gave an object its name: its class's own, if it stands there, too."""
    for module in (sys.modules[type(found).__module__], *list(sys.modules.values())):
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if value is found:
                return module, name
    kind = type(found).__name__
    raise InvalidJob(f"workers can't import a {kind}() without a name: write `name = {kind}(…)` at the top level")


def root_of(module: ModuleType) -> Path:
    """The folder that a module is imported from: the root of its bundle."""
    file = Path(str(module.__file__)).resolve()
    return file.parents[module_name(module).count(".") + (file.name == "__init__.py")]


def declared(format: Any, name: str, kinds: Any) -> Any:
    """A format, if it is one of these kinds. Raises InvalidJob."""
    if not isinstance(format, kinds):
        told = f"{format.__name__}: write {format.__name__}()" if isinstance(format, type) else repr(format)
        known = ", ".join(f"{kind.__name__}()" for kind in get_args(kinds))
        raise InvalidJob(f"{name} is one of {known}; not {told}")
    packed = COMPRESSIONS[isinstance(format, Parquet)]
    if (compress := getattr(format, "compress", None)) not in (None, *packed):
        raise InvalidJob(f"{name}: compress is one of {', '.join(packed)}, not {compress!r}")
    return format


def check_function(function: object, kind: str, *parameters: int) -> None:
    """Raise InvalidJob unless it is a program, or can be called with so many arguments, or so many."""
    if isinstance(function, Program):
        return
    if not callable(function):
        raise InvalidJob(f"the {kind} must be a function, not {type(function).__name__}")
    try:
        check_parameters(function, f"the {kind} {getattr(function, '__name__', function)}", *parameters)
    except PermanentFailure as failure:
        raise InvalidJob(failure.message) from failure


def _mapper(mapper: Mapper, named: Namer) -> Function | Batch | ProgramSpec:
    return Batch(named(mapper).function) if isinstance(mapper, Batched) else called(mapper, named)


def _reduce(reduce: Reduce, named: Namer) -> ReduceSpec:
    if isinstance(reduce, SortLines):
        return reduce
    if isinstance(reduce, dict):
        return {column: _aggregate(part) for column, part in reduce.items()}
    if isinstance(reduce, tuple):
        return [_aggregate(part) for part in reduce]
    return _aggregate(reduce) if isinstance(reduce, Aggregation) else called(reduce, named)


def _aggregate(aggregation: Aggregation) -> Aggregate:
    return Aggregate(aggregation.name, list(aggregation.arguments))  # type: ignore[arg-type]  # checked before


def _check_forms(stage: Stage) -> None:
    """See that each part is one; in a spec its schema tells."""
    if isinstance(stage.map, Batched):
        check_function(stage.map, "batch function", 1)
    elif stage.map is not None:
        check_function(stage.map, "mapper", 1, 2)
    _check_reduce(stage.reduce)
    if stage.combine is not None:
        check_function(stage.combine, "combiner", 2)
    if stage.partition is not None:
        check_function(stage.partition, "partitioner", 2)
    if stage.partitions is not None and type(stage.partitions) is not int:
        raise InvalidJob(f"partitions: a number from 1 to {MOST_PARTITIONS:,}, not {stage.partitions!r:.80}")
    if type(stage.sort_values) is not bool:
        raise InvalidJob(f"sort_values is True or False, not {stage.sort_values!r:.80}: values sort as keys do")
    if stage.order not in (None, "total"):
        raise InvalidJob(f'order is "total", or left out, not {stage.order!r:.80}')


def _check_reduce(reduce: Any) -> None:
    if isinstance(reduce, dict):
        if wrong := [column for column in reduce if not isinstance(column, str)]:
            raise InvalidJob(f'reduce: aggregations by column are a dict, as {{"n": Sum()}}, not of {wrong[0]!r:.80}')
        _check_aggregations(*reduce.values())
    elif reduce == ():
        raise InvalidJob("the reducer is an empty tuple: give a function, an aggregation or a tuple of aggregations")
    elif isinstance(reduce, Aggregation | tuple) or (isinstance(reduce, type) and issubclass(reduce, Aggregation)):
        _check_aggregations(*(reduce if isinstance(reduce, tuple) else (reduce,)))
    elif reduce is not None and not isinstance(reduce, SortLines):
        check_function(reduce, "reducer", 2)


def _check_aggregations(*parts: Any) -> None:
    for part in parts:
        if type(part) not in AGGREGATIONS.values():
            kind = f"the class {part.__name__}" if isinstance(part, type) else type(part).__name__
            raise InvalidJob(
                f"{kind} is no aggregation that a job can be written with: take {', '.join(AGGREGATIONS)}, with (), "
                "or write a function for the reducer"
            )
