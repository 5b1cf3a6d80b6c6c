"""How figures are written."""

from typing import Any

Results = dict[str, Any]


def runs(times: Results) -> str:
    """The seconds of every run."""
    return ", ".join(map(str, times["runs"]))


def number(figure: float) -> str:
    """Three digits or so."""
    return f"{figure:.0f}" if figure >= 100 else f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}"


def size(count: int) -> str:
    """Bytes in MB or GB."""
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"


def where(found: Results) -> str:
    """When and on what it was measured."""
    return f"Measured {found['day']}: {found['machine']}.\n"
