"""How often each line occurs, in frames."""

import polars as pl

from fanfold import Count, Job, batch


def lines(lines: pl.DataFrame) -> pl.DataFrame:
    return lines


job = Job(map=batch(lines), reduce={"n": Count()})
