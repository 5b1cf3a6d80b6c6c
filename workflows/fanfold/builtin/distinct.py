"""The different lines, each once."""

from collections.abc import Iterator
from typing import Any

from fanfold import Job


def lines(line: str) -> Iterator[tuple[str, None]]:
    """A line as a key."""
    yield line, None


def once(line: Any, values: Iterator[Any]) -> Iterator[tuple[Any, None]]:
    """A line, however often it was there."""
    yield line, None


def alone(line: Any, values: Iterator[Any]) -> Iterator[Any]:
    """A line without anything beside it."""
    yield line


job = Job("distinct", map=lines, combine=once, reduce=alone)
