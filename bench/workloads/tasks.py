"""What a task costs when there is next to nothing in it."""

from typing import Any

from bench.harness import answers, inputs
from bench.harness.commands import WORKERS, fanfold
from bench.harness.ways import Way, in_turn

SPLIT = 1024
FEW = 10
TASKS = (100, 1_000, 10_000)


def tiny(scale: float) -> dict[str, Any]:
    """A word count of 10 MB in 10 tasks and in up to 10,000: the difference is what tasks cost."""
    counts = [FEW, *(count for count in (round(count * scale) for count in TASKS) if count > FEW)]
    size = max(counts) * SPLIT
    source = inputs.warm(inputs.text(size))
    ways = {str(count): Way(fanfold("wordcount", source, "--split-size", str(size // count)), 1) for count in counts}
    found = in_turn(ways, answers.ordered)
    few = found[str(FEW)]["median"]
    costs = {str(count): (found[str(count)]["median"] - few) * WORKERS / count * 1000 for count in counts[1:]}
    return {"bytes": size, "ways": found, "ms_per_task": {count: round(cost, 2) for count, cost in costs.items()}}
