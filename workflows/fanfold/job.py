"""`Job`: what people write. It compiles to a `JobSpec`, which names functions and holds no code."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from fanfold_steps.aggregations import Sum
from fanfold_steps.code import check_parameters
from fanfold_steps.failure import PermanentFailure
from fanfold_steps.spec import Aggregate, Function, JobSpec, StageSpec

Mapper = Callable[[Any], Iterable[tuple[Any, Any]]]
Reducer = Callable[[Any, Iterator[Any]], Iterable[Any]]
Combiner = Callable[[Any, Iterator[Any]], Iterable[tuple[Any, Any]]]


class InvalidJob(TypeError):
    """A job that can't be run as written; the text says which part and how to mend it."""


class Job:
    """A MapReduce job over lines of text.

    Args:
        name: shown in listings; the module's name if left out.
        map: `f(line)`, yielding or returning `(key, value)` pairs.
        combine: a reducer whose output pairs are reduced again; run over each split's pairs before they travel.
        reduce: `f(key, values)`, yielding output records; `values` come one by one, in input order. Or `Sum()`.

    Functions must stand at the top level of a module, so that workers can import them.

    Raises:
        InvalidJob: a function takes the wrong arguments, or an aggregation comes with a combiner.
    """

    def __init__(
        self, name: str | None = None, *, map: Mapper, reduce: Reducer | Sum, combine: Combiner | None = None
    ) -> None:
        _check(map, "mapper", 1)
        if isinstance(reduce, Sum):
            if combine is not None:
                raise InvalidJob(f"{reduce.name}() combines by itself: leave `combine` out")
        else:
            _check(reduce, "reducer", 2)
        if combine is not None:
            _check(combine, "combiner", 2)
        self.name = name
        self.map = map
        self.combine = combine
        self.reduce = reduce

    def spec(self, bundle: str | None = None) -> JobSpec:
        """The job as plain data; `bundle` is the SHA-256 of the code that its functions lie in.

        Raises:
            InvalidJob: a function can't be imported by name (a lambda, or one defined inside another).
        """
        reduce = Aggregate("Sum") if isinstance(self.reduce, Sum) else _reference(self.reduce)
        stage = StageSpec(_reference(self.map), reduce, _reference(self.combine) if self.combine else None)
        return JobSpec(name=self.name or stage.map.function.partition(":")[0], bundle=bundle, stages=[stage])

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


def _check(function: object, kind: str, parameters: int) -> None:
    if not callable(function):
        raise InvalidJob(f"the {kind} must be a function, not {type(function).__name__}")
    try:
        check_parameters(function, f"the {kind} {getattr(function, '__name__', function)}", parameters)
    except PermanentFailure as failure:
        raise InvalidJob(failure.message) from failure
