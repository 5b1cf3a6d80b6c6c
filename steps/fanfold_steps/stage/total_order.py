"""Total order: the boundaries between partitions, determined once per stage from a sample of its input."""

from collections.abc import Callable, Mapping

from fanfold_steps.crash_points import around
from fanfold_steps.inputs.samples import WINDOWS
from fanfold_steps.sorting.partitions import boundaries_of
from fanfold_steps.tree.job_tree import BOUNDARIES, JobTree

ENOUGH = 32
"""Keys that a sample must show for each partition."""


def find_boundaries(
    tree: JobTree, stage: int, partitions: int, weigh: Callable[[int], Mapping[bytes, int]]
) -> list[bytes]:
    """A stage's boundaries: those in the tree or, if there are none yet, those that follow from a sample.

    `weigh` returns the keys of a sample of the given fineness, with how often each was seen. A fineness of 0 reads
    least; finer samples are only requested if a coarser one shows too few keys. If several workers sample at once, the
    boundaries of the first one count for all, because a mapper may not emit the same keys each time.
    """
    key = f"stage-{stage}/{BOUNDARIES}"
    if stored := tree.find(key):
        return [bytes.fromhex(boundary) for boundary in stored["boundaries"]]
    weights: Mapping[bytes, int] = {}
    for fineness in range(len(WINDOWS)):
        weights = weigh(fineness)
        if sum(weights.values()) >= ENOUGH * partitions:
            break
    boundaries = boundaries_of(weights, partitions)
    with around("map.boundaries"):
        is_ours = tree.create(key, {"boundaries": [boundary.hex() for boundary in boundaries]})
    return boundaries if is_ours else find_boundaries(tree, stage, partitions, weigh)
