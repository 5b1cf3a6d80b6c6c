"""What frames take of a worker's memory."""

import polars as pl

from fanfold_steps.memory.budget import SMALLEST_SHARE, Budget

POLARS_BYTES = 72 << 20
"""What Polars takes before it holds anything, and what its allocator keeps of what was freed."""


def budget_of_frames(budget: Budget) -> Budget:
    """What is left of a worker's share beside Polars itself."""
    return Budget(max(SMALLEST_SHARE, budget.share - POLARS_BYTES))


def size_of(frame: pl.DataFrame) -> int:
    """About how many bytes a frame takes. Polars' own estimate leaves out the 16 bytes that point to each text."""
    texts = sum(dtype == pl.Binary for dtype in frame.dtypes)
    return int(frame.estimated_size()) + 16 * texts * frame.height
