"""Amounts of events by city and kind, by Polars: `python events_polars.py INPUT OUTPUT`."""

import sys

import polars as pl


def main() -> None:
    source, target = sys.argv[1:]
    events = pl.scan_ndjson(source, schema={"city": pl.String, "kind": pl.String, "amount": pl.Int64})
    amounts = events.group_by("city", "kind").agg(pl.col("amount").sum(), n=pl.len())
    amounts.sort("city", "kind").sink_ndjson(target)


if __name__ == "__main__":
    main()
