"""Batch functions that tests name in specs."""

import polars as pl


def words(frame):
    return frame.select(word=pl.col("line").str.split(" ")).explode("word").with_columns(n=1)


def lines_in_rows(frame):
    """Lines `key number` as rows; lazily, as one may."""
    parts = frame.lazy().select(part=pl.col("line").str.split(" "))
    key, number = pl.col("part").list.get(0), pl.col("part").list.get(1).cast(pl.Int64)
    return parts.select(key=key, odd=number % 2 == 1, n=number, share=number / 8, last=number)


class Arrow:
    """A table of another library: all that is known of it is Arrow's C stream."""

    def __init__(self, frame):
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema=None):
        return self._frame.__arrow_c_stream__(requested_schema)


def through_arrow(frame):
    return Arrow(words(pl.DataFrame(Arrow(frame))))


def no_frame(frame):
    return frame["line"].to_list()


def no_column(frame):
    return frame


def no_key(frame):
    return frame.select(n=pl.lit(1))


def raises(frame):
    return words(frame).select(pl.col("nowhere"))


def nan_key(frame):
    return frame.select(key=pl.lit(float("nan")), n=pl.lit(1))


def list_key(frame):
    return frame.select(key=pl.col("line").str.split(" "), n=pl.lit(1))


def null_in_sum(frame):
    return frame.select(key=pl.col("line"), n=pl.lit(None, dtype=pl.Int64))


def text_in_sum(frame):
    return frame.select("line", n=pl.lit("one"))


def of_two_types(frame):
    kind = pl.Int64 if frame["line"][0].startswith("a") else pl.Float64
    return frame.select("line", n=pl.lit(1).cast(kind))


def table(frame):
    return frame.select("word", "n", last="day")


def fields(frame):
    return frame.select("line", "x", first=pl.col("y").struct.field("z").list.first())


def fields_alone(frame):
    return frame.select("line", "x")


def as_it_is(frame):
    return frame
