"""`Job`: what people write. It compiles to a `JobSpec`, which names functions and holds no code."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

from fanfold_steps.aggregations import AGGREGATIONS, Aggregation, Together
from fanfold_steps.code import check_parameters
from fanfold_steps.failure import PermanentFailure
from fanfold_steps.formats.declared import InputFormat, OutputFormat, Text
from fanfold_steps.spec import Aggregate, Function, JobSpec, StageSpec

Mapper = Callable[[Any], Iterable[tuple[Any, Any]]]
Reducer = Callable[[Any, Iterator[Any]], Iterable[Any]]
Combiner = Callable[[Any, Iterator[Any]], Iterable[tuple[Any, Any]]]


TEXT = Text()


class InvalidJob(TypeError):
    """A job that can't be run as written; the text says which part and how to mend it."""


class Job:
    """A MapReduce job.

    Args:
        name: shown in listings; the module's name if left out.
        map: `f(record)`, yielding or returning `(key, value)` pairs.
        combine: a reducer whose output pairs are reduced again; run over each split's pairs before they travel.
        reduce: `f(key, values)`, yielding output records; `values` come one by one, in input order. Or an aggregation
            (`Sum()`, `TopK(10)`, …), or a tuple of them for values that are tuples.
        input: what the records are: `Text()` (lines), `JSONL()`, `CSV()`, `TSV()`, `Fixed(100)`, `Delimited(b"|")`,
            `Whole()`.
        output: how records are written: `Text()`, `JSONL()`, `CSV()`, `TSV()`, as in `JSONL(compress="zstd")`.

    Functions must stand at the top level of a module, so that workers can import them.

    Raises:
        InvalidJob: a function takes the wrong arguments, or an aggregation comes with a combiner.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        map: Mapper,
        reduce: Reducer | Aggregation | tuple[Aggregation, ...],
        combine: Combiner | None = None,
        input: InputFormat = TEXT,
        output: OutputFormat = TEXT,
    ) -> None:
        _check(map, "mapper", 1)
        if isinstance(reduce, Aggregation | tuple) or (isinstance(reduce, type) and issubclass(reduce, Aggregation)):
            _check_aggregation(reduce)
            if combine is not None:
                raise InvalidJob(f"{_name(reduce)} combines by itself: leave `combine` out")
        else:
            _check(reduce, "reducer", 2)
        if combine is not None:
            _check(combine, "combiner", 2)
        self.name = name
        self.map = map
        self.combine = combine
        self.reduce = reduce
        self.input = _declared(input, "input", InputFormat)
        self.output = _declared(output, "output", OutputFormat)

    def spec(self, bundle: str | None = None) -> JobSpec:
        """The job as plain data; `bundle` is the SHA-256 of the code that its functions lie in.

        Raises:
            InvalidJob: a function can't be imported by name (a lambda, or one defined inside another).
        """
        combine = _reference(self.combine) if self.combine else None
        stage = StageSpec(_reference(self.map), _reduce(self.reduce), combine)
        name = self.name or stage.map.function.partition(":")[0]
        return JobSpec(name=name, bundle=bundle, stages=[stage], input=self.input, output=self.output)

    @property
    def module(self) -> ModuleType:
        """The module that the mapper stands in: where the code bundle begins."""
        return sys.modules[self.map.__module__]

    def main(self) -> None:
        """Be a command: `python wordcount.py --input texts/ --output counts/`. Ends the process."""
        from fanfold.verbs.run import main_of

        main_of(self)


def module_name(module: ModuleType) -> str:
    """The name that workers import a module by: for a script, that of its file."""
    if module.__name__ != "__main__":
        return module.__name__
    if module.__spec__:
        return module.__spec__.name
    if not getattr(module, "__file__", None):
        raise InvalidJob("a job must stand in a file: workers can't import from an interactive session")
    return Path(str(module.__file__)).stem


def _reference(function: Callable[..., Any]) -> Function:
    name = getattr(function, "__qualname__", None)
    if not name or "<" in name:
        raise InvalidJob(
            f"{function!r} can't be imported by workers: define it with `def` at the top level of the module"
        )
    return Function(f"{module_name(sys.modules[function.__module__])}:{name}")


def _reduce(reduce: Reducer | Aggregation | tuple[Aggregation, ...]) -> Function | Aggregate | list[Aggregate]:
    if isinstance(reduce, tuple):
        return [_aggregate(part) for part in reduce]
    return _aggregate(reduce) if isinstance(reduce, Aggregation) else _reference(reduce)


def _aggregate(aggregation: Aggregation) -> Aggregate:
    return Aggregate(aggregation.name, list(aggregation.arguments))  # type: ignore[arg-type]  # checked before


def _check_aggregation(reduce: Aggregation | tuple[Any, ...]) -> None:
    parts = reduce if isinstance(reduce, tuple) else (reduce,)
    if not parts:
        raise InvalidJob("the reducer is an empty tuple: give a function, an aggregation or a tuple of aggregations")
    for part in parts:
        if type(part) not in AGGREGATIONS.values():
            kind = f"the class {part.__name__}" if isinstance(part, type) else type(part).__name__
            raise InvalidJob(
                f"{kind} is no aggregation that a job can be written with: take {', '.join(AGGREGATIONS)}, with (), "
                "or write a function for the reducer"
            )


def _name(reduce: Aggregation | tuple[Aggregation, ...]) -> str:
    return Together(reduce).name if isinstance(reduce, tuple) else f"{reduce.name}()"


def _declared(format: Any, name: str, kinds: Any) -> Any:
    if not isinstance(format, kinds):
        told = f"{format.__name__}: write {format.__name__}()" if isinstance(format, type) else repr(format)
        known = ", ".join(f"{kind.__name__}()" for kind in get_args(kinds))
        raise InvalidJob(f"{name} is one of {known}; not {told}")
    return format


def _check(function: object, kind: str, parameters: int) -> None:
    if not callable(function):
        raise InvalidJob(f"the {kind} must be a function, not {type(function).__name__}")
    try:
        check_parameters(function, f"the {kind} {getattr(function, '__name__', function)}", parameters)
    except PermanentFailure as failure:
        raise InvalidJob(failure.message) from failure
