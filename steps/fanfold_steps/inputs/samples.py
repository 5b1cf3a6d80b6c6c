"""Samples: some records from positions that follow from the input alone, so that every worker sees the same ones,
however the input was split."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from fanfold_steps.formats import unsplittable
from fanfold_steps.inputs.batches import Batch, FileBatches
from fanfold_steps.inputs.listing import File
from fanfold_steps.inputs.splits import Range
from fanfold_steps.job.formats import InputFormat
from fanfold_storage.objects import Objects

PLACES = 256
WINDOWS = (8 << 10, 256 << 10, 8 << 20)
"""Bytes read at a position, by fineness; a larger window if the smaller one shows too few records."""


def places(files: Sequence[File], whole: Callable[[File], bool], window: int) -> Iterator[tuple[Range, int]]:
    """Ranges evenly spread over the files, each with how many windows to read from its beginning.

    In a file that can only be read from its beginning (`whole`), as many windows are read there as positions lie in it.

    >>> files = [File("file:///t/", "a", 1 << 30), File("file:///t/", "b.gz", 1 << 30)]
    >>> ranges = list(places(files, lambda file: file.key.endswith(".gz"), 8192))
    >>> len(ranges), ranges[0], ranges[1], ranges[-1]
    (129, ((0, 0, 8192), 1), ((0, 8388608, 8396800), 1), ((1, 0, 1073741824), 128))
    """
    total = sum(file.size for file in files)
    count = max(1, min(PLACES, total // window))
    span = window if count == PLACES else -(-total // count)  # a small input is read completely
    ranges: Counter[Range] = Counter()
    number, before = 0, 0
    for position in (place * total // count for place in range(count)):
        while position >= before + files[number].size and number < len(files) - 1:
            before += files[number].size
            number += 1
        size, start = files[number].size, position - before
        begin, end = (0, size) if whole(files[number]) else (start, min(start + span, size))
        ranges[(number, begin, end)] += -(-span // window)
    yield from ranges.items()


def file_batches(
    files: list[File], formats: Mapping[str, InputFormat], open: Callable[[str], Objects], fineness: int
) -> Iterator[tuple[str, Batch]]:
    """Batches of records at fixed positions in the input files, each with the name of its input."""
    window = WINDOWS[fineness]

    def whole(file: File) -> bool:
        return unsplittable(formats[file.input], file.key) is not None

    for part, windows in places(files, whole, window):
        name = files[part[0]].input
        batches = FileBatches(files, [part], formats[name], open, window)
        for batch in islice(batches, windows):
            yield name, batch
