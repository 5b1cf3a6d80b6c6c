"""Two tables joined record by record: the name of each order's user, and the order's amount."""

from collections.abc import Iterator

from fanfold import CSV, Input, Job

USER, ORDER = 0, 1


def user(row: dict[str, str]) -> Iterator[tuple[str, tuple[int, str]]]:
    yield row["user"], (USER, row["name"])


def order(row: dict[str, str]) -> Iterator[tuple[str, tuple[int, str]]]:
    yield row["user"], (ORDER, row["amount"])


def joined(number: str, records: Iterator[tuple[int, str]]) -> Iterator[tuple[str, str]]:
    name = None
    for kind, text in records:
        if kind == USER:
            name = text
        elif name is not None:
            yield name, text


job = Job(inputs={"users": Input(CSV(), map=user), "orders": Input(CSV(), map=order)}, reduce=joined)
