"""The sum of amounts and the number of events of each city and kind, of lines of JSON."""

import polars as pl

from fanfold import JSONL, Count, Job, Sum, batch


def amounts(events: pl.DataFrame) -> pl.DataFrame:
    return events.select("city", "kind", "amount")


job = Job(input=JSONL(), map=batch(amounts), reduce={"amount": Sum(), "n": Count()}, output=JSONL())
