"""A job whose pods ask for so little that a node holds many."""

from collections.abc import Iterator

from fanfold import Job, Resources, Sum


def words(line: str) -> Iterator[tuple[str, int]]:
    yield line.split()[0], 1


job = Job(map=words, reduce=Sum(), resources=Resources(cpu=0.01, memory="100Mi"))
