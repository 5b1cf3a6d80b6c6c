"""A table in, Parquet out."""

from collections.abc import Iterator

from fanfold import CSV, Job, Parquet


def by_user(order: dict[str, str]) -> Iterator[tuple[int, float]]:
    yield int(order["user"]), float(order["price"])


def rows(user: int, prices: Iterator[float]) -> Iterator[dict[str, float]]:
    found = list(prices)
    yield {"user": user, "orders": len(found), "dearest": max(found)}


job = Job(map=by_user, reduce=rows, input=CSV(), output=Parquet())
