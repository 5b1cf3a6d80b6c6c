"""Commands and filters in the place of methods."""

from mrjob.job import MRJob
from mrjob.step import MRStep


class Commands(MRJob):  # type: ignore[misc]
    def configure_args(self):
        super().configure_args()
        self.add_passthru_arg("--letters", default="a-z")

    def steps(self):
        return [
            MRStep(mapper_cmd=f"tr {self.options.letters} A-Z", reducer_cmd="uniq -c"),
            MRStep(mapper_pre_filter="grep -v '  1 '", mapper=self.split, combiner_cmd="cat", reducer=self.most),
        ]

    def split(self, _, line):
        count, _, text = line.strip().partition(" ")
        yield None, (int(count), text)

    def most(self, _, found):
        yield from sorted(found)


if __name__ == "__main__":
    Commands.run()
