"""Mappers of records with fields, and of frames, that tests name in specs."""

import json
from collections import namedtuple
from dataclasses import dataclass

import polars as pl

Request = namedtuple("Request", ["host", "status", "size", "seconds"])


@dataclass
class Hit:
    host: str
    status: int
    size: int
    seconds: float


def dicts(line):
    yield json.loads(line)


def dicts_in_a_list(line):
    return [json.loads(line)]


def named_tuples(line):
    yield Request(**json.loads(line))


def dataclasses(line):
    yield Hit(**json.loads(line))


class AtTheEnd:
    """Gives its records from `finish`."""

    def start(self, ctx):
        self.records = []

    def __call__(self, line):
        self.records.append(json.loads(line))
        return []

    def finish(self):
        yield from self.records


def frames(frame):
    return frame.select(pl.col("line").str.json_decode(pl.Struct(
        {"host": pl.String, "status": pl.Int64, "size": pl.Int64, "seconds": pl.Float64}))).unnest("line")  # fmt: skip


def without_size(line):
    record = json.loads(line)
    if record["host"] == "b":
        del record["size"]
    yield record


def pairs(line):
    yield line, 1


def text_size(line):
    yield {**json.loads(line), "size": "large"}


def counting(line, ctx):
    ctx.count("lines", "short" if len(line) < 4 else "long")
    yield line, 1


def share_of_all(key, values, ctx):
    """Counted in the mappers of the same stage."""
    yield key, sum(values) / ctx.counters["fanfold"]["input_records"], ctx.counters["lines"]


def counted_before(record, ctx):
    ctx.counters["lines"]["changed"] = 1  # it is a copy
    yield record[0], sorted(ctx.counters["lines"].items())


def too_early(line, ctx):
    yield line, ctx.counters
