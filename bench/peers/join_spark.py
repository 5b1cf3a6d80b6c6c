"""Two tables joined record by record, as Spark's RDDs have it: `python join_spark.py FOLDER OUTPUT`."""

import csv
import sys
from collections.abc import Callable

from pyspark import RDD, SparkConf, SparkContext


def user(row: list[str]) -> tuple[str, str]:
    return row[0], row[1]


def order(row: list[str]) -> tuple[str, str]:
    return row[1], row[2]


def main() -> None:
    source, target = sys.argv[1:]
    conf = SparkConf().setMaster("local[2]").set("spark.ui.enabled", "false").set("spark.driver.memory", "4g")
    context = SparkContext(conf=conf)

    def keyed(name: str, first: str, pair: Callable[[list[str]], tuple[str, str]]) -> "RDD[tuple[str, str]]":
        lines = context.textFile(f"{source}/{name}.csv").filter(lambda line: not line.startswith(first))
        return lines.mapPartitions(csv.reader).map(pair)

    users, orders = keyed("users", "user,", user), keyed("orders", "order,", order)
    users.join(orders).map(lambda row: "\t".join(row[1])).saveAsTextFile(target)
    context.stop()


if __name__ == "__main__":
    main()
