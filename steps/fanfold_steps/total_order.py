"""Total order: the ranges of keys that partitions are, settled once for a stage from a sample of what it maps."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate, islice
from typing import Any

from fanfold_steps import runs
from fanfold_steps.batches import Batch, FileBatches, StageBatch
from fanfold_steps.crash_points import around
from fanfold_steps.formats import unsplittable
from fanfold_steps.formats.declared import InputFormat
from fanfold_steps.listing import File
from fanfold_steps.partitions import boundaries_of
from fanfold_steps.samples import PLACES, WINDOWS, places
from fanfold_steps.tree import JobTree, Task
from fanfold_storage.objects import Objects

ENOUGH = 32
"""Keys seen for each partition."""
RECORDS = 64
"""Records at a place of what a stage gave."""


Weigh = Callable[[Iterable[tuple[Any, Batch]]], Mapping[bytes, int]]
"""The keys that mappers give for batches, with how often each was seen."""


def settled(tree: JobTree, stage: int, partitions: int, weigh: Callable[[int], Mapping[bytes, int]]) -> list[bytes]:
    """A stage's boundaries: those in the tree, or, for the first to come, those that follow from the sample.

    `weigh` gives the keys of a sample with how often each was seen; 0 is the coarsest, and a finer one is only asked
    for if that shows too few. Of workers that come at once the first one's count for all: a mapper may not give the
    same each time.
    """
    place = f"stage-{stage}/boundaries.json"
    if found := tree.find(place):
        return [bytes.fromhex(boundary) for boundary in found["boundaries"]]
    weights: Mapping[bytes, int] = {}
    for fineness in range(len(WINDOWS)):
        weights = weigh(fineness)
        if sum(weights.values()) >= ENOUGH * partitions:
            break
    boundaries = boundaries_of(weights, partitions)
    with around("map.boundaries"):
        is_ours = tree.create(place, {"boundaries": [boundary.hex() for boundary in boundaries]})
    return boundaries if is_ours else settled(tree, stage, partitions, weigh)


def file_batches(
    files: list[File], formats: Mapping[str, InputFormat], open: Callable[[str], Objects], fineness: int
) -> Iterator[tuple[str, Batch]]:
    """Batches of records at fixed places of the input files, each with the name of its input."""
    window = WINDOWS[fineness]

    def whole(file: File) -> bool:
        return unsplittable(formats[file.input], file.key) is not None

    for part, windows in places(files, whole, window):
        name = files[part[0]].input
        batches = FileBatches(files, [part], formats[name], open, window)
        for batch in islice(batches, windows):
            yield name, batch


def stage_batches(tree: JobTree, tasks: list[Task]) -> Iterator[Batch]:
    """Batches of records at fixed places of what a stage gave."""
    commits = zip(tasks, tree.commits_of(tasks), strict=True)
    written = [(task.run(commit["attempt"]), commit["bytes"]) for task, commit in commits]
    ends = list(accumulate(runs.count_records(tree.objects, key, size) for key, size in written))
    total = ends[-1] if ends else 0
    count = max(1, min(PLACES, total // RECORDS))
    for position in (place * total // count for place in range(count if total else 0)):
        number = bisect_left(ends, position + 1)
        first = position - (ends[number - 1] if number else 0)
        items = runs.read_records(tree.objects, *written[number], first)
        most = RECORDS if count == PLACES else -(-total // count)
        yield StageBatch(tasks[number], first, [record for _, record in islice(items, most)])
