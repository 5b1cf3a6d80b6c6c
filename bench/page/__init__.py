"""docs/performance.md from the remembered results: every figure on the page comes from there."""

from pathlib import Path

from bench.page import growth_plot
from bench.page.crashes import crashes
from bench.page.elsewhere import ci, cluster, pods
from bench.page.lists import lists
from bench.page.reached import reached
from bench.page.rows import growth, rows
from bench.page.services import logins, services
from bench.page.watching import watching
from bench.page.words import Results

TARGET = Path(__file__).parents[2] / "docs" / "performance.md"
HEAD = """# Performance

`make bench`, `make bench-slow`, `make bench-services` and `make bench-cluster` write this page. Figures are medians,
followed by the runs behind them. Whatever is compared ran in turn on the same machine, with two workers or threads
each, from process start to exit, and gave the same answer; absolute times are those of that machine. Memory is the peak
that all processes of a run held together (resident, sampled every 20 ms). The bench generates its inputs itself
(`bench/harness/inputs.py`).
"""


def write(results: Results) -> None:
    """Write the page, and the picture in it."""
    TARGET.write_text(text(results))
    growth_plot.write(results, TARGET.with_name("growth.svg"))


def text(results: Results) -> str:
    """The page."""
    parts = (reached, rows, growth, services, logins, lists, watching, crashes, cluster, pods, ci)
    return "\n".join([HEAD, *(line for part in parts for line in part(results))])
