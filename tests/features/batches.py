"""Rows in columns: prices and counts of each user, aggregated by Polars."""

import polars as pl

from fanfold import CSV, Job, Max, Sum, batch


def prices(orders: pl.DataFrame) -> pl.DataFrame:
    return orders.select("user", total=pl.col("count").cast(pl.Int64), dearest=pl.col("price").cast(pl.Float64))


job = Job(map=batch(prices), reduce={"total": Sum(), "dearest": Max()}, input=CSV())
