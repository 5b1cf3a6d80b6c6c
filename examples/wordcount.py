"""Count words: `python examples/wordcount.py --input texts/ --output counts/`."""

from collections.abc import Iterator

from fanfold import Job, Sum


def words(line: str) -> Iterator[tuple[str, int]]:
    for word in line.split():
        yield word, 1


job = Job(map=words, reduce=Sum())

if __name__ == "__main__":
    job.main()
