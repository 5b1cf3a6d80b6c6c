"""The sum of amounts and the number of rows of each user, from Parquet to Parquet."""

import polars as pl

from fanfold import Count, Job, Parquet, Sum, batch


def amounts(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select("user", "amount")


job = Job(input=Parquet(), map=batch(amounts), reduce={"amount": Sum(), "n": Count()}, output=Parquet())
