"""Sales by shop and day as flat rows of named results: exact sums of Decimals, and dates as keys.

The input is CSV with the columns `shop`, `day`, `price` and `seconds`. The output has the columns `shop`, `day`,
`sales`, `revenue`, `slowest` and `share` (of all sales in the input).
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from fanfold import CSV, Context, Count, Job, Max, Stage, Sum


def sales(row: dict[str, str]) -> Iterator[dict[str, Any]]:
    price, seconds = Decimal(row["price"]), float(row["seconds"])
    yield {"shop": row["shop"], "day": date.fromisoformat(row["day"]), "price": price, "seconds": seconds}


def with_share(row: dict[str, Any], ctx: Context) -> Iterator[dict[str, Any]]:
    yield {**row, "day": str(row["day"]), "share": row["sales"] / ctx.counters["fanfold"]["input_records"]}


job = Job(
    stages=[
        Stage(
            map=sales,
            key=("shop", "day"),
            reduce={"sales": Count(), "revenue": Sum("price"), "slowest": Max("seconds")},
        ),
        Stage(map=with_share),
    ],
    input=CSV(),
    output=CSV(),
)

if __name__ == "__main__":
    job.main()
