"""Find the most frequent word in two stages: count all words, then pick the largest count."""

import re
from collections.abc import Iterator

from fanfold import Job, Stage, Sum

WORD = re.compile(r"[\w']+")


def words(line: str) -> Iterator[tuple[str, int]]:
    for word in WORD.findall(line):
        yield word.lower(), 1


def under_one_key(word: str, count: int) -> Iterator[tuple[None, tuple[int, str]]]:
    yield None, (count, word)


def most(_: None, counted: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    yield max(counted)


job = Job(stages=[Stage(map=words, reduce=Sum()), Stage(map=under_one_key, reduce=most, partitions=1)])

if __name__ == "__main__":
    job.main()
