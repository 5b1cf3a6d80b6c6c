"""Keep each distinct line once, sorted."""

from collections.abc import Iterator
from typing import Any

from fanfold import Job


def lines(line: str) -> Iterator[tuple[str, None]]:
    """A line as a key without a value."""
    yield line, None


def once(line: Any, values: Iterator[Any]) -> Iterator[tuple[Any, None]]:
    """A line, however often it occurs."""
    yield line, None


def only_line(line: Any, values: Iterator[Any]) -> Iterator[Any]:
    """A line without a value."""
    yield line


job = Job("distinct", map=lines, combine=once, reduce=only_line)
