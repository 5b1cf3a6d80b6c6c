"""No reducer: the records in order, changed."""

from collections.abc import Iterator

from fanfold import Job


def shout(line: str) -> Iterator[str]:
    if "the" in line:
        yield line.upper()


job = Job(map=shout)
