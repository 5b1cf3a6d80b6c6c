"""Count words: what white space separates, as it is written."""

from collections.abc import Iterator

from fanfold import Job, Sum


def words(line: str) -> Iterator[tuple[str, int]]:
    """Each word of a line, once for each time it stands there."""
    for word in line.split():
        yield word, 1


job = Job("wordcount", map=words, reduce=Sum())
