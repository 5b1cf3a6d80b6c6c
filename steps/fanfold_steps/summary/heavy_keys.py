"""The keys with the most values, found in little memory: a summary of Misra and Gries, which can be merged.

J. Misra, D. Gries, "Finding repeated elements" (1982); P. K. Agarwal et al., "Mergeable summaries" (2012). Counts are
never too high, and at most `missed` too low, which is at most the number of all values divided by one more than the
counters.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Generic, TypeVar

Key = TypeVar("Key")
COUNTERS = 64


@dataclass(slots=True)
class HeavyKeys(Generic[Key]):
    """Counts of the keys that have most values.

    >>> keys = HeavyKeys(1)
    >>> keys.add({"a": 5, "b": 2})
    >>> keys.counts, keys.missed, keys.values
    ({'a': 3}, 2, 7)
    """

    counters: int = COUNTERS
    counts: dict[Key, int] = field(default_factory=dict)
    missed: int = 0
    """By how much any key's count may be too low."""
    values: int = 0
    """All values of all keys."""

    def add(self, counted: Mapping[Key, int], values: int | None = None, missed: int = 0) -> None:
        """Add the counts of some keys, or of another summary.

        Args:
            counted: keys, with how many values each has at least.
            values: how many values all keys have, if some aren't among those counted.
            missed: by how much any of these counts may be too low; for a key that isn't among them, how many it may
                have.
        """
        counts = self.counts
        for key, count in counted.items():
            counts[key] = counts.get(key, 0) + count
        self.values += sum(counted.values()) if values is None else values
        self.missed += missed
        if len(counts) > self.counters:
            less = nlargest(self.counters + 1, counts.values())[-1]
            self.counts = {key: count - less for key, count in counts.items() if count > less}
            self.missed += less

    def heaviest(self, most: int) -> list[tuple[Key, int]]:
        """Keys and counts, the largest first."""
        return nlargest(most, self.counts.items(), key=lambda item: item[1])
