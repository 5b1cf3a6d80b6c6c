"""Takes steps for records: whenever one changes, when its last step says so, and for all of them now and then."""

from collections.abc import Iterator

from fanfold_storage.records import Records, scan_all
from fanfold_submit.controllers.controller import Chore, Controller, Step
from fanfold_submit.controllers.stopping import Stopping

LOOK_AT_ALL = 300.0  # seconds between looks at all records; what changes, or is due, is looked at in time


class RecordController(Controller):
    """Calls `step` with the rest of a key below `prefix`, beginning with all records."""

    def __init__(self, records: Records, prefix: str, step: Step) -> None:
        # In case that a change was missed, or a clock was set.
        look = Chore(f"the look at all of {prefix}", LOOK_AT_ALL, lambda _: self._enqueue_all(), at_start=False)
        super().__init__(prefix, step, {prefix: self._changes}, [look])
        self._records, self._prefix = records, prefix

    def _enqueue_all(self) -> int:
        """Make all records due. Return the revision at which they were read."""
        page = scan_all(self._records, self._prefix)
        for record in page.records:
            self.enqueue(record.key.removeprefix(self._prefix))
        return page.revision

    def _changes(self, stopping: Stopping) -> Iterator[str]:
        with stopping.closing(self._records.watch(self._prefix, self._enqueue_all() + 1)) as changes:
            yield from (change.key.removeprefix(self._prefix) for change in changes if change.value is not None)
