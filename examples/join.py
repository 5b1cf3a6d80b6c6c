"""Join two inputs by their common key: users and their orders. Users without orders are left out.

`python examples/join.py --input users=users.csv --input orders=orders.csv --output joined/`
"""

from collections.abc import Iterator

from fanfold import CSV, Input, Job

USER, ORDER = 0, 1


def users(row: dict[str, str]) -> Iterator[tuple[str, tuple[int, str]]]:
    yield row["id"], (USER, row["name"])


def orders(row: dict[str, str]) -> Iterator[tuple[str, tuple[int, str]]]:
    yield row["user"], (ORDER, row["what"])


def joined(user: str, records: Iterator[tuple[int, str]]) -> Iterator[tuple[str, str]]:
    name = None
    for kind, text in records:  # the inputs' order: users before orders
        if kind == USER:
            name = text
        elif name is not None:
            yield name, text


job = Job(
    inputs={"users": Input(CSV(), map=users), "orders": Input(CSV(), map=orders)},
    reduce=joined,
)

if __name__ == "__main__":
    job.main()
