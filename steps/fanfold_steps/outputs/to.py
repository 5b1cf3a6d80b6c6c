"""`To`: how user code sends a record to a named output."""

from collections.abc import Sequence
from typing import Any

from fanfold_steps.memory.taken import IMMUTABLE


class To:
    """A record for one of the job's named outputs: `yield To("rejects", record)`, from a mapper or a reducer."""

    __slots__ = ("name", "record")

    def __init__(self, name: str, record: Any) -> None:
        self.name = name
        self.record = record

    def __repr__(self) -> str:
        return f"To({self.name!r}, {self.record!r})"

    # In a job without named outputs, nothing looks for these among the records; so writing one has to fail.

    def __str__(self) -> str:
        raise TypeError(undeclared(self.name, ()))

    def __reduce__(self) -> str:
        raise TypeError(undeclared(self.name, ()))


IMMUTABLE.add(To)  # `NamedRecords` copies its record


class UnknownOutput(Exception):
    """A record was sent to an output that the job doesn't have."""


def undeclared(name: object, known: Sequence[str]) -> str:
    """The message for a name that isn't one of the job's outputs."""
    there = f"it has {', '.join(known)}" if known else "it has none"
    return f"a record is for the output {name!r}, but the job has no such output ({there}): name it in `outputs`"
