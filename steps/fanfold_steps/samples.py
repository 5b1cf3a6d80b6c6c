"""Samples: some records from places of the input that follow from the input alone, so that every worker, however the
input was cut, sees the same ones."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from fanfold_steps.inputs import Range
from fanfold_steps.listing import File

PLACES = 256
WINDOWS = (8 << 10, 256 << 10, 8 << 20)
"""Bytes read at a place; the next size if the records are so long that the one before found too few."""


def places(files: Sequence[File], whole: Callable[[File], bool], window: int) -> Iterator[tuple[Range, int]]:
    """Ranges evenly spread over the files, each with how many windows to read from its beginning.

    Of a file that can only be read from its beginning (`whole`), as many windows are read there as places fell into it.

    >>> files = [File("file:///t/", "a", 1 << 30), File("file:///t/", "b.gz", 1 << 30)]
    >>> found = list(places(files, lambda file: file.key.endswith(".gz"), 8192))
    >>> len(found), found[0], found[1], found[-1]
    (129, ((0, 0, 8192), 1), ((0, 8388608, 8396800), 1), ((1, 0, 1073741824), 128))
    """
    total = sum(file.size for file in files)
    count = max(1, min(PLACES, total // window))
    span = window if count == PLACES else -(-total // count)  # of a small input, all
    found: Counter[Range] = Counter()
    number, before = 0, 0
    for position in (place * total // count for place in range(count)):
        while position >= before + files[number].size and number < len(files) - 1:
            before += files[number].size
            number += 1
        size, start = files[number].size, position - before
        begin, end = (0, size) if whole(files[number]) else (start, min(start + span, size))
        found[(number, begin, end)] += -(-span // window)
    yield from found.items()
