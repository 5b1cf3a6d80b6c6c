"""Files, folders and archives, options, counters, two steps, hooks, protocols and settings in one job."""

import sys

from levels import LEVELS
from mrjob.compat import jobconf_from_env
from mrjob.job import MRJob
from mrjob.protocol import JSONValueProtocol, PickleProtocol
from mrjob.step import MRStep


class Visits(MRJob):  # type: ignore[misc]
    FILES = ["ignored.txt#away.txt"]
    DIRS = ["names"]
    ARCHIVES = ["more.tar.gz#more"]
    INTERNAL_PROTOCOL = PickleProtocol
    OUTPUT_PROTOCOL = JSONValueProtocol
    JOBCONF = {"visits.own": "yes", "mapreduce.job.reduces": 2, "mapreduce.map.memory.mb": 1024}

    def configure_args(self):
        super().configure_args()
        self.add_passthru_arg("--least", type=int, default=1)
        self.add_passthru_arg("--flag", action="store_true")
        self.add_file_arg("--levels")

    def steps(self):
        first = MRStep(
            mapper_init=self.read_files,
            mapper=self.count,
            mapper_final=self.flush,
            combiner=self.add,
            reducer_init=self.begin,
            reducer=self.add_and_look,
            reducer_final=self.tell,
        )
        return [first, MRStep(reducer=self.add), MRStep(mapper=self.last, jobconf={"mapreduce.job.reduces": 1})]

    def read_files(self):
        self.ignored = set(open("away.txt").read().split())
        self.names = dict(line.split() for line in open("names/sub/known.txt"))
        self.names.update(line.split() for line in open("more/known.txt"))
        self.factor = int(open(self.options.levels).read()) if self.options.levels else 1
        self.counts: dict[str, int] = {}

    def count(self, _, line):
        for word in line.split():
            if word in self.ignored:
                self.increment_counter("words, all", "ignored", 2)
            else:
                name = self.names.get(word, word)
                self.counts[name] = self.counts.get(name, 0) + self.factor * LEVELS

    def flush(self):
        self.set_status("flushing")
        yield from self.counts.items()

    def add(self, key, values):
        yield key, sum(values)

    def begin(self):
        self.keys = 0

    def add_and_look(self, key, values):
        self.keys += 1
        total = sum(values)
        if total >= self.options.least:
            yield key, total

    def tell(self):
        print("seen some keys", file=sys.stderr)
        assert jobconf_from_env("visits.own") == "yes"
        if self.options.flag:
            yield "(keys)", self.keys

    def last(self, key, total):
        yield None, {"name": key, "total": total}


if __name__ == "__main__":
    Visits.run()
