"""Named results of records whose key holds a date, in two stages; the second knows what the first counted."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from fanfold import CSV, JSONL, Context, Count, Job, Stage, Sum, TopK


class Order(NamedTuple):
    user: int
    day: date
    price: Decimal


def orders(row: dict[str, str]) -> Iterator[Order]:
    yield Order(int(row["user"]), date(2020, 1, 1) + timedelta(int(row["count"])), Decimal(row["price"]))


def shown(row: dict[str, Any], ctx: Context) -> Iterator[dict[str, Any]]:
    total = ctx.counters["fanfold"]["input_records"]
    yield {**row, "day": str(row["day"]), "sum": str(row["sum"]), "most": str(row["most"]), "of": total}


job = Job(
    stages=[
        Stage(
            map=orders,
            key=("day", "user"),
            reduce={"orders": Count(), "sum": Sum("price"), "most": TopK(2, "price", rows=True)},
        ),
        Stage(map=shown),
    ],
    input=CSV(),
    output=JSONL(),
)
