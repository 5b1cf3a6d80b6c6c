"""docs/performance.md from the remembered results: every figure on the page comes from there."""

from pathlib import Path

from bench import growth_plot
from bench.page.crashes import crashes
from bench.page.elsewhere import ci, cluster
from bench.page.reached import reached
from bench.page.rows import growth, rows
from bench.page.words import Results

TARGET = Path(__file__).parents[2] / "docs" / "performance.md"
HEAD = """# Performance

Written by `make bench`, `make bench-slow` and `make bench-cluster`: medians, with the runs behind them. What is
compared ran side by side, in turn, on one machine, with two workers or threads each, from process start to exit, and
gave the same answer; absolute times are that machine's. Memory is the highest that all processes of a run held together
(resident, sampled every 20 ms). The bench makes its inputs itself (`bench/inputs.py`).
"""


def write(results: Results) -> None:
    """Write the page, and the picture in it."""
    TARGET.write_text(text(results))
    growth_plot.write(results, TARGET.with_name("growth.svg"))


def text(results: Results) -> str:
    """The page."""
    parts = (reached, rows, growth, crashes, cluster, ci)
    return "\n".join([HEAD, *(line for part in parts for line in part(results))])
