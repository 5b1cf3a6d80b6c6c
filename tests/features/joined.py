"""Two inputs, each with a mapper of its own, joined by the user's number."""

from collections.abc import Iterator
from typing import Any

from fanfold import CSV, Input, Job


def users(user: dict[str, str]) -> Iterator[tuple[int, tuple[str, str]]]:
    yield int(user["id"]), ("user", user["name"])


def orders(order: dict[str, str]) -> Iterator[tuple[int, tuple[str, str]]]:
    yield int(order["user"]), ("order", order["price"])


def joined(number: int, found: Iterator[tuple[str, str]]) -> Iterator[tuple[str, Any]]:
    rows = list(found)
    names = [value for kind, value in rows if kind == "user"] or ["nobody"]
    yield from ((names[0], value) for kind, value in rows if kind == "order")


job = Job(inputs={"users": Input(CSV(), map=users), "orders": Input(CSV(), map=orders)}, reduce=joined)
