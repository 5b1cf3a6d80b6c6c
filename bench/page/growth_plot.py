"""docs/growth.svg: how time and memory grow, beside straight growth and no growth at all."""

from pathlib import Path
from typing import Any

from bench.page.plot import Panel, draw

ROWS = {"words-growth": "word count", "sort-growth": "sort in 64 MiB"}
"""The rows that measure growth, and what they are about."""


def write(results: dict[str, Any], target: Path) -> None:
    """Draw what was measured; nothing, if nothing was."""
    panels = [panel for row, what in ROWS.items() if row in results for panel in _panels(what, results[row])]
    if panels:
        target.write_text(draw("Time and memory by size of the input and by number of splits", panels))


def _panels(what: str, found: dict[str, Any]) -> list[Panel]:
    sizes, splits = found["sizes"], found["splits"]
    by_size = [f"{point['bytes'] / 1e6:,.0f} MB" for point in sizes]
    by_splits = [f"{point['splits']:,} splits" for point in splits]
    places = [point["bytes"] for point in sizes]
    seconds, cut = [point["median"] for point in sizes], [point["median"] for point in splits]
    peaks = [float(point["peak_mb"]) for point in sizes]
    slope = (seconds[1] - seconds[0]) / (places[1] - places[0])
    straight = [seconds[0] + slope * (place - places[0]) for place in places]
    whole = f"{splits[0]['bytes'] / 1e6:,.0f} MB"
    return [
        Panel(f"{what}: time by input", "s", by_size, places, seconds, straight),
        Panel(f"{what}: peak memory by input", "MB", by_size, places, peaks, [peaks[0]] * len(peaks)),
        Panel(f"{what} of {whole}: time by splits", "s", by_splits, range(len(cut)), cut, [cut[0]] * len(cut)),
    ]
