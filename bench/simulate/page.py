"""docs/scale.md: what was simulated, and what it shows. Its prose is in `scale.template`."""

from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[2] / "docs" / "scale.md"
TEMPLATE = Path(__file__).with_name("scale.template")
Figures = dict[str, Any]


def write(found: Figures) -> None:
    """Write the page."""
    TARGET.write_text(text(found))


def text(found: Figures) -> str:
    """The page."""
    return TEMPLATE.read_text().replace("{growth}", _growth(found["growth"]))


def _growth(found: Figures) -> str:
    rows = [
        [
            f"{sum(run['tasks'].values()):,}",
            f"{run['workers']:,}",
            f"{run['seconds']:,.0f}",
            f"{run['requests_per_task']:g}",
            f"{run['requests_a_second']:,}",
            f"{run['idle']:.0%}",
        ]
        for run in found.values()
    ]
    return _table(["tasks", "workers", "seconds", "requests a task", "a second", "idle"], rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
