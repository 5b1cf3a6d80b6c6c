"""Word count by mrjob's local runner: `python words_mrjob.py INPUT OUTPUT`."""

import sys
from collections.abc import Iterator

from mrjob.job import MRJob
from mrjob.protocol import TextValueProtocol


class Words(MRJob):
    OUTPUT_PROTOCOL = TextValueProtocol

    def mapper(self, _: object, line: str) -> Iterator[tuple[str, int]]:
        for word in line.split():
            yield word, 1

    def combiner(self, word: str, counts: Iterator[int]) -> Iterator[tuple[str, int]]:
        yield word, sum(counts)

    def reducer(self, word: str, counts: Iterator[int]) -> Iterator[tuple[None, str]]:
        yield None, f"{word}\t{sum(counts)}"


def main() -> None:
    if not sys.argv[1].startswith("-"):  # each task of the job starts this file anew, with mrjob's own arguments
        source, target = sys.argv[1:]
        sys.argv[1:] = ["-r", "local", "--num-cores", "2", "--quiet", "--no-cat-output", "--output-dir", target, source]
    Words.run()


if __name__ == "__main__":
    main()
