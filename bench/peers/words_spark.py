"""Word count as Spark's RDDs have it: `python words_spark.py INPUT OUTPUT`."""

import sys
from operator import add

from pyspark import SparkConf, SparkContext


def main() -> None:
    source, target = sys.argv[1:]
    conf = SparkConf().setMaster("local[2]").set("spark.ui.enabled", "false").set("spark.driver.memory", "4g")
    context = SparkContext(conf=conf)
    words = context.textFile(source).flatMap(lambda line: line.split()).map(lambda word: (word, 1))
    words.reduceByKey(add).map(lambda pair: f"{pair[0]}\t{pair[1]}").saveAsTextFile(target)
    context.stop()


if __name__ == "__main__":
    main()
