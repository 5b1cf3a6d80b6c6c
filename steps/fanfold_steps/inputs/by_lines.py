"""Cutting files after a fixed number of lines, each range for a process of its own (Hadoop's NLineInputFormat)."""

from collections.abc import Callable, Iterator
from itertools import chain

from fanfold_steps.failure.wording import quantity
from fanfold_steps.formats import unsplittable
from fanfold_steps.inputs.listing import File
from fanfold_steps.inputs.splits import Range, Split
from fanfold_steps.job.formats import Text
from fanfold_storage.objects import Objects
from fanfold_storage.urls import join_url

MOST_RANGES = 100_000
"""Each range takes a process, and an entry in the plan."""
MOST_TASKS = 1000


class TooManyRanges(ValueError):
    """The input can't be cut in this way; the text says why, and how to fix it."""


def cut_by_lines(files: list[File], lines: int, open: Callable[[str], Objects]) -> list[Split]:
    """Cut files into ranges of `lines` lines each, a file's last range perhaps of fewer. This reads the files.

    Raises:
        TooManyRanges: there would be more ranges than a plan should hold, or a file is compressed and can't be cut.
    """
    ranges: list[Range] = []
    for number, file in enumerate(files):
        if why := unsplittable(Text(), file.key):
            url = join_url(file.root, file.key)
            raise TooManyRanges(f"{url} can't be cut after {quantity(lines, 'line')}, because {why}: decompress it")
        for start, stop in _ranges(open(file.root).read(file.key), lines):
            ranges.append((number, start, stop))
            if len(ranges) > MOST_RANGES:
                what = f"with {lines} lines each, the input takes more than {MOST_RANGES:,} processes"
                raise TooManyRanges(f"{what}: give each one more lines")
    size = -(-len(ranges) // MOST_TASKS) or 1
    return [ranges[at : at + size] for at in range(0, len(ranges), size)]


def _ranges(chunks: Iterator[bytes], lines: int) -> Iterator[tuple[int, int]]:
    r"""The offsets at which ranges begin and end.

    >>> list(_ranges(iter([b"a\nbb", b"b\nc\n", b"d"]), 2))
    [(0, 6), (6, 9)]
    """
    start = position = seen = 0
    for chunk in chain(chunks, [None]):
        if chunk is None:
            if position > start:
                yield start, position
            return
        at = 0
        while True:
            if chunk.count(b"\n", at) < lines - seen:
                seen += chunk.count(b"\n", at)
                break
            for _ in range(lines - seen):
                at = chunk.index(b"\n", at) + 1
            yield start, position + at
            start, seen = position + at, 0
        position += len(chunk)
