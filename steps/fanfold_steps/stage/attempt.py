"""One attempt at a task: the user's context, and what is collected beside the records."""

from collections.abc import Iterator

from fanfold_steps.crash_points import around
from fanfold_steps.failure.wording import shown
from fanfold_steps.inputs.cursor import Cursor
from fanfold_steps.outputs.quarantine import Quarantine
from fanfold_steps.outputs.side_records import NamedRecords
from fanfold_steps.sorting import keys
from fanfold_steps.summary.heavy_keys import HeavyKeys
from fanfold_steps.tree.commit import Commit, HeavyKey, KeyWeights, Written
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task
from fanfold_steps.user_code.loading import Code

MOST_KEYS = 8
"""Of the heaviest, in a commit."""


class Attempt:
    """An attempt at a task. `side_records` collects the records for named outputs, if the job has any."""

    def __init__(
        self, task: Task, name: str, code: Code, tree: JobTree, side_records: NamedRecords | None = None
    ) -> None:
        self.task = task
        self.name = name
        self.side_records = side_records
        self._code = code
        self._tree = tree
        self.restart()

    def restart(self) -> None:
        """Start over: discard what was counted, quarantined or emitted for named outputs so far."""
        self.cursor = Cursor(self._code.watch)
        """The record that is being mapped."""
        self.context = self._code.context(self.cursor)
        """The user's `ctx`."""
        self.quarantine: Quarantine | None = Quarantine() if self._code.skips else None
        """Takes bad records; None if the first one ends the job."""
        self.heavy_keys: HeavyKeys[tuple[bytes, int]] = HeavyKeys()
        """The keys with the most values, encoded, each with its partition."""
        if self.side_records:
            self.side_records.restart()

    def rehearsal(self) -> "Attempt":
        """An attempt that keeps nothing, to run the mapper over a sample."""
        nowhere = self.side_records.discarding() if self.side_records else None
        attempt = Attempt(self.task, self.name, self._code, self._tree, nowhere)
        attempt.quarantine = None
        return attempt

    @property
    def run(self) -> str:
        """The key of the run that this attempt writes."""
        return self.task.run(self.name)

    def put_run(self, chunks: Iterator[bytes]) -> int:
        """Write the run of a map task; returns its size in bytes. Raises StorageError."""
        with around("map.run"):
            return self._tree.put_run(self.run, chunks)

    def commit(self, written: Written, *, read: int = 0) -> Commit:
        """The attempt's commit, once its quarantined records are stored.

        Args:
            written: what it wrote, and how many records that stands for.
            read: bytes of input that it read.

        Raises:
            StorageError: the store is unavailable.
        """
        quarantine = self.quarantine
        return Commit(
            attempt=self.name,
            records=written.records,
            bytes=written.bytes,
            read=read,
            counters=self.context.tally.counters(),
            parts=written.parts,
            keys=quarantine.keys if quarantine else 0,
            skipped=quarantine.store(self._tree.objects, self.run) if quarantine else None,
            weights=self._weights(),
        )

    def _weights(self) -> KeyWeights | None:
        heavy = self.heavy_keys
        if not heavy.values:
            return None
        told = [HeavyKey(shown(keys.decode(key)), part, n) for (key, part), n in heavy.heaviest(MOST_KEYS)]
        rest = heavy.heaviest(MOST_KEYS + 1)[MOST_KEYS:]
        return KeyWeights(heavy.values, heavy.missed + sum(count for _, count in rest), tuple(told))
