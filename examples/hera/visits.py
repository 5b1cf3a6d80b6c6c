"""Visits of each page, from lines of a log such as `2026-11-03 /about 200`; those that ended in an error don't count.

The Workflows are in other files: pods import this one, and have no Hera.
"""

from collections.abc import Iterator

from fanfold import Job, Sum


def page(line: str) -> Iterator[tuple[str, int]]:
    _, name, status = line.split()
    if status < "400":
        yield name, 1


job = Job(map=page, reduce=Sum())
