"""Twins: a mapper of records can name a function of data frames with the same result, faster on large inputs; and a
reducer that joins tables can say what it joins, so that they are joined in columns."""

from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class TableJoin:
    """A join of two tables whose values are all text, the left one and the right one.

    It is what a reducer's `table_join(params)` returns, if records under the keys that `normal` gives, reduced in the
    order of the inputs, are these: each right row with each left row whose texts are the same, or alone if it has none
    and is kept; then the left rows of the key that are kept alone.
    """

    mappers: tuple[str, str]
    """The mappers of both, in the reducer's module. With any others, it is another join."""
    columns: tuple[list[str], list[str]]
    """The names of the columns by which rows are joined."""
    keeps: tuple[bool, bool]
    """Whether rows of each table are kept that have no match."""
    unmatched: tuple[str, str]
    """The counters of the group `join` that count them."""
    normal: Callable[[str], str]
    """A text's place in the order of keys: it is sorted and partitioned like this one."""
    is_normal: str
    """A regular expression, in what Python and Rust have in common, for texts that are certainly their own."""
    merged: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]
    """A left row with a right one."""


def join_of(reducer: object, params: Any) -> TableJoin | None:
    """The join that a reducer does with these parameters; None if it doesn't say."""
    says = getattr(reducer, "table_join", None)
    joined = says(params) if says else None
    return joined if isinstance(joined, TableJoin) else None
