"""Word count by batches; words end at single spaces, as for the peers."""

import polars as pl

from fanfold import Job, Sum, batch


def words(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.select(word=pl.col("line").str.split(" ")).explode("word").with_columns(n=1)


job = Job(map=batch(words), reduce={"n": Sum()})
