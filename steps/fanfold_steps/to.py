"""`To`: how user code gives a record to a named output."""

from collections.abc import Sequence
from typing import Any


class To:
    """A record for one of the job's named outputs: `yield To("rejects", record)`, from a mapper or a reducer."""

    __slots__ = ("name", "record")

    def __init__(self, name: str, record: Any) -> None:
        self.name = name
        self.record = record

    def __repr__(self) -> str:
        return f"To({self.name!r}, {self.record!r})"

    # Where a job has no named outputs nobody looks for these among its records; then writing one must not go well.

    def __str__(self) -> str:
        raise TypeError(undeclared(self.name, ()))

    def __reduce__(self) -> str:
        raise TypeError(undeclared(self.name, ()))


class UnknownOutput(Exception):
    """A record is for an output that the job doesn't have."""


def undeclared(name: object, known: Sequence[str]) -> str:
    """What is wrong with a name that is none of the job's."""
    there = f"it has {', '.join(known)}" if known else "it has none"
    return f"a record is for the output {name!r}, but the job has no such output ({there}): name it in `outputs`"
