"""A table in, packed JSON lines out, keys that are floats and tuples."""

from collections.abc import Iterator
from typing import Any

from fanfold import CSV, JSONL, Job


def by_price(order: dict[str, str]) -> Iterator[tuple[tuple[float, str], int]]:
    yield (round(float(order["price"])) / 4, order["user"]), int(order["count"])


def lines(key: tuple[float, str], counts: Iterator[int]) -> Iterator[dict[str, Any]]:
    yield {"price": key[0], "user": key[1], "counts": list(counts)}


job = Job(map=by_price, reduce=lines, input=CSV(), output=JSONL(compress="gzip"))
