"""Amounts of rows by user, from Parquet to Parquet, by Polars: `python rows_polars.py INPUT OUTPUT`."""

import sys

import polars as pl


def main() -> None:
    source, target = sys.argv[1:]
    amounts = pl.scan_parquet(source).group_by("user").agg(pl.col("amount").sum(), n=pl.len())
    amounts.sort("user").sink_parquet(target)


if __name__ == "__main__":
    main()
