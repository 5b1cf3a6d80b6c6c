"""What is simulated, by the rows of docs/scale.md."""

from bench.simulate.cluster import Scenario

SPLIT = 64 << 20


def growth(scale: float) -> dict[str, Scenario]:
    """More tasks, and more workers."""
    sizes = [(1000, 10)]
    return {
        f"{tasks} tasks, {workers} workers": Scenario(int(tasks * scale) * SPLIT, workers) for tasks, workers in sizes
    }


ROWS = {"growth": growth}
