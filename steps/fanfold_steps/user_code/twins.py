"""Twins: a mapper of records can name a function of data frames with the same result, faster on large inputs."""

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
_ATTRIBUTE = "fanfold_twin"


def columnar_twin(name: str) -> Callable[[F], F]:
    """A decorator for the mapper of a job that sums. `name` is a function in the same module: it takes the same lines,
    as a data frame with the column `line`, and returns rows whose numbers `n` add up to the same sums."""

    def decorated(mapper: F) -> F:
        setattr(mapper, _ATTRIBUTE, f"{mapper.__module__}:{name}")
        return mapper

    return decorated


def twin_of(mapper: object) -> str | None:
    """The twin that a mapper names, as `module:name`; None if it names none."""
    return getattr(mapper, _ATTRIBUTE, None)
