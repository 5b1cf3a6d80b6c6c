"""The reducer trusts that values come sorted, as lines: a secondary sort, with a combiner and a raw protocol."""

from mrjob.job import MRJob
from mrjob.protocol import RawProtocol


class LastThree(MRJob):  # type: ignore[misc]
    SORT_VALUES = True
    INTERNAL_PROTOCOL = RawProtocol
    OUTPUT_PROTOCOL = RawProtocol

    def mapper(self, _, line):
        key, _, value = line.partition(" ")
        yield key, value

    def combiner(self, key, values):
        for value in values:
            yield key, value

    def reducer(self, key, values):
        yield key, "|".join(list(values)[-3:])


if __name__ == "__main__":
    LastThree.run()
