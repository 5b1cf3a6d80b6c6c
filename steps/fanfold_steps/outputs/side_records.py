"""Side records: what a task emits for named outputs is taken out of its other records while it runs."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

from fanfold_steps.memory.budget import Budget
from fanfold_steps.memory.scratch import Scratch
from fanfold_steps.memory.sizes import deep_size
from fanfold_steps.memory.taken import taken
from fanfold_steps.outputs.to import To, UnknownOutput, undeclared
from fanfold_steps.sorting import runs


class NamedRecords:
    """Collects what a task emits for named outputs, and spills to `scratch`; without `scratch` it discards all."""

    def __init__(self, names: Sequence[str], scratch: Scratch | None, budget: Budget) -> None:
        self._names = list(names)
        self._scratch = scratch
        self._budget = budget
        self.restart()

    def restart(self) -> None:
        """Discard everything, because the task starts over."""
        self._held: dict[str, list[Any]] = {name: [] for name in self._names}
        self._written: list[int] = []
        self._size = 0
        self._mark: tuple[dict[str, int], int] | None = None

    def discarding(self) -> "NamedRecords":
        """A collector for the same outputs that checks records and discards them."""
        return NamedRecords(self._names, None, self._budget)

    @property
    def is_empty(self) -> bool:
        """Whether it has no records."""
        return not self._written and not any(self._held.values())

    def mark(self) -> None:
        """Remember the current state, until `take_back` returns to it or `keep` drops it. Until then nothing spills."""
        self._mark = {name: len(held) for name, held in self._held.items()}, self._size

    def take_back(self) -> None:
        """Discard what came since the mark."""
        assert self._mark
        (lengths, self._size), self._mark = self._mark, None
        for name, held in self._held.items():
            del held[lengths[name] :]

    def keep(self) -> None:
        """Keep what came since the mark."""
        self._mark = None
        self._spill_if_large()

    def without(self, records: Iterable[Any]) -> Iterator[Any]:
        """Yield the records that aren't for a named output, and collect the others. Raises UnknownOutput."""
        for record in records:
            if type(record) is To:
                self._take(record)
            else:
                yield record

    def segments(self) -> Iterator[Iterator[runs.Item]]:
        """The records of each output, in order."""
        return (((b"", record) for record in self.of(name)) for name in self._names)

    def of(self, name: str) -> Iterator[Any]:
        """The records of one output."""
        number = self._names.index(name)
        written = (self._read(run, size, number) for run, size in enumerate(self._written))
        return chain(chain.from_iterable(written), self._held[name])

    def _take(self, to: To) -> None:
        if to.name not in self._held:
            raise UnknownOutput(undeclared(to.name, self._names))
        if self._scratch is None:
            return
        self._held[to.name].append(taken(to.record))
        self._size += deep_size(to.record)
        if not self._mark:
            self._spill_if_large()

    def _spill_if_large(self) -> None:
        if self._scratch is None or self._size <= self._budget.held // 8:
            return
        packed = runs.pack([((b"", record) for record in held) for held in self._held.values()], self._budget.block)
        self._written.append(self._scratch.objects.put(f"side-{len(self._written)}.run", packed, hint=True))
        self._held = {name: [] for name in self._names}
        self._size = 0

    def _read(self, run: int, size: int, number: int) -> Iterator[Any]:
        assert self._scratch
        return map(itemgetter(1), runs.read_segment(self._scratch.objects, f"side-{run}.run", size, number))
