"""What each row of the bench measured, way by way, and how time and memory grow."""

from collections.abc import Iterator

from bench.page import growth_plot
from bench.page.words import Results, runs, size, where
from bench.workloads import starting

WAYS = {
    "fanfold": "Fanfold",
    "bare": "a bare script (`bench/peers/`)",
    "dask": "Dask",
    "spark": "Spark RDD",
    "batch": "Fanfold, batch API",
    "budget": "Fanfold, `--memory 1GiB`",
    "built-in": "Fanfold, `fanfold run wordcount`",
    "polars": "Polars",
    "duckdb": "DuckDB",
    "mrjob": "mrjob, local runner",
    "sort": "GNU sort",
    "python": "Python alone",
    "worker": f"importing `{starting.WORKER}`",
    "help": "`fanfold --help`",
}
TITLES = {
    "words": "Word count by the record API, {size}",
    "words-columns": "Word count beside columnar tools, {size}",
    "sort": "Sort of {size}, lines of 100 bytes",
    "sort-memory": "Sort of {size} in 256 MiB of memory",
    "join": "Join of two CSV files, {size} together, 5 and 1 million rows",
    "join-records": "The same two joined record by record",
    "index": "Inverted index, {size} in 2,000 documents",
    "json": "Aggregation of {size} of JSON lines",
    "parquet": "Aggregation of {size} of Parquet, 20 million rows",
    "many-lines": "Count of six million different lines, {size} in 256 MiB of memory",
    "many-keys": "Sums over {size}, each key occurring twice, `--memory 256MiB`",
    "stopping": "A worker stopped during a word count of {size} in 40 tasks",
    "starting": "Starting",
    "tasks": "Tiny tasks: {size} in so many",
}


def rows(results: Results) -> Iterator[str]:
    """A table for each row."""
    for row, title in TITLES.items():
        found = results.get(row)
        if not found:
            continue
        remembered = any("peak_mb" in way for way in found["ways"].values())
        yield f"## {title.format(size=size(found.get('bytes', 0)))}\n"
        yield "| | seconds | runs |" + (" peak memory |" if remembered else "")
        yield "|---|---|---|" + ("---|" if remembered else "")
        for way, times in found["ways"].items():
            peak = f" {times['peak_mb']} MB in {times['processes']} processes |" if "peak_mb" in times else " |"
            yield f"| {WAYS.get(way, way)} | {times['median']} | {runs(times)} |" + (peak if remembered else "")
        yield ""
        yield where(found)


def growth(results: Results) -> Iterator[str]:
    """The picture and the points in it."""
    grown = [(what, results[row]) for row, what in growth_plot.ROWS.items() if row in results]
    if not grown:
        return
    yield "## Growth\n"
    yield "![Time and memory by size of the input and by number of splits](growth.svg)\n"
    for what, found in grown:
        yield f"| {what} of | splits | seconds | peak memory |"
        yield "|---|---|---|---|"
        for point in (*found["sizes"], *found["splits"]):
            splits = point.get("splits", "by size")
            yield f"| {size(point['bytes'])} | {splits} | {point['median']} | {point['peak_mb']} MB |"
        yield ""
        yield where(found)
