"""Values sorted within their key, then keys in one order over all parts; bad records put aside; a named output."""

from collections.abc import Iterator
from typing import Any

from fanfold import CSV, JSONL, Job, Skip, Stage, To


def prices(order: dict[str, str]) -> Iterator[Any]:
    if order["count"] == "7":
        raise ValueError("seven is no count")
    if order["count"] == "9":
        yield To("many", order)
    yield order["user"], float(order["price"])


def together(user: str, prices: Iterator[float]) -> Iterator[tuple[str, str]]:
    yield user, " ".join(map(str, prices))


def first(user: str, lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    yield from ((user, line) for line in lines)


stages = [Stage(map=prices, reduce=together, sort_values=True), Stage(reduce=first, order="total")]
job = Job(stages=stages, input=CSV(), outputs={"many": JSONL()}, on_error=Skip(at_most=0.5))
