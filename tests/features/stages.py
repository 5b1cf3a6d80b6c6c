"""Two steps: count words, then list the words of each count."""

from collections.abc import Iterator

from fanfold import Job, Stage, Sum


def words(line: str) -> Iterator[tuple[str, int]]:
    for word in line.split():
        yield word, 1


def turned(word: str, count: int) -> Iterator[tuple[int, str]]:
    yield count, word


def listed(count: int, found: Iterator[str]) -> Iterator[tuple[int, str]]:
    yield count, " ".join(sorted(found))


job = Job(stages=[Stage(map=words, reduce=Sum()), Stage(map=turned, reduce=listed)])
