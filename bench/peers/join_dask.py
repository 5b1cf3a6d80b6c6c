"""Two tables joined record by record, as Dask's bags have it: `python join_dask.py FOLDER OUTPUT`.

A bag joins with something that fits into memory, so both tables are grouped by the key here, as a shuffle does it.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import dask
import dask.bag

Keyed = tuple[str, tuple[int, str]]


def user(line: str) -> Keyed:
    number, name, _ = next(csv.reader([line]))
    return number, (0, name)


def order(line: str) -> Keyed:
    _, number, amount, _ = next(csv.reader([line]))
    return number, (1, amount)


def key(record: Keyed) -> str:
    return record[0]


def joined(group: tuple[str, list[Keyed]]) -> list[str]:
    names = [text for _, (kind, text) in group[1] if kind == 0]
    return [f"{name}\t{text}\n" for _, (kind, text) in group[1] if kind == 1 for name in names]


def rows(path: Path, header: str) -> dask.bag.Bag:
    def others(line: str) -> bool:
        return line != header

    return dask.bag.read_text(str(path), blocksize=16 << 20, encoding="utf-8").filter(others)


def main() -> None:
    source, target = map(Path, sys.argv[1:])
    with dask.config.set(scheduler="processes", num_workers=2):
        users = rows(source / "users.csv", "user,name,country\n").map(user)
        orders = rows(source / "orders.csv", "order,user,amount,day\n").map(order)
        lines: Iterator[str] = dask.bag.concat([users, orders]).groupby(key).map(joined).flatten().compute()
    with target.open("w", encoding="utf-8") as out:
        out.writelines(lines)


if __name__ == "__main__":
    main()
