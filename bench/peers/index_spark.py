"""An inverted index as Spark's RDDs have it: `python index_spark.py INPUT OUTPUT`."""

import sys
from collections.abc import Iterator
from pathlib import PurePath

from pyspark import SparkConf, SparkContext


def words(document: tuple[str, str]) -> Iterator[tuple[str, str]]:
    path, text = document
    name = PurePath(path).name
    for word in set(text.split()):
        yield word, name


def line(group: tuple[str, list[str]]) -> str:
    return f"{group[0]}\t{' '.join(sorted(group[1]))}"


def main() -> None:
    source, target = sys.argv[1:]
    conf = SparkConf().setMaster("local[2]").set("spark.ui.enabled", "false").set("spark.driver.memory", "4g")
    context = SparkContext(conf=conf)
    context.wholeTextFiles(source, minPartitions=8).flatMap(words).groupByKey().map(line).saveAsTextFile(target)
    context.stop()


if __name__ == "__main__":
    main()
