"""The sum of each key's amounts, of lines `key TAB amount TAB filler`."""

from collections.abc import Iterator

from fanfold import Job, Sum


def amounts(line: str) -> Iterator[tuple[str, int]]:
    key, amount, _ = line.split("\t")
    yield key, int(amount)


job = Job(map=amounts, reduce=Sum())
