"""Several aggregations of floats and whole numbers at once."""

from collections.abc import Iterator

from fanfold import CSV, Count, Job, Max, Mean, Sum


def totals(order: dict[str, str]) -> Iterator[tuple[int, tuple[float, int, float, int]]]:
    price = float(order["price"])
    yield int(order["user"]), (price, int(order["count"]), price, 1)


job = Job(map=totals, reduce=(Sum(), Max(), Mean(), Count()), input=CSV())
