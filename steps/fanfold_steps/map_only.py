"""Map in a stage without a reducer: what the mapper gives goes on as it comes."""

from collections.abc import Iterator
from typing import Any

from fanfold_steps.batches import Batches
from fanfold_steps.careful import careful
from fanfold_steps.code import Code
from fanfold_steps.counters import Counters
from fanfold_steps.cursor import Cursor
from fanfold_steps.failure import NOT_OF_USER_CODE
from fanfold_steps.intake import demand_good, good
from fanfold_steps.mappers import Mapper, checked
from fanfold_steps.sinks import Sink
from fanfold_steps.tree import Task
from fanfold_storage.objects import Objects


class MapOnlyTask:
    """The map step of a stage that has no reducer, ready to run over splits."""

    def __init__(self, code: Code, sink: Sink, objects: Objects) -> None:
        self._code = code
        self._sink = sink
        self._objects = objects

    def run(self, mapper: Mapper, batches: Batches, task: Task, attempt: str) -> dict[str, Any]:
        """Give what a task maps to the sink; returns what the commit records.

        Raises:
            PermanentFailure: the user's code raised or gave what can't be taken; with the record's position.
        """
        mapped = _Mapped(mapper, batches, self._code)
        written = self._sink.write(task, attempt, mapped, "mapper")
        skipped = mapped.quarantine.store(self._objects, task.run(attempt)) if mapped.quarantine else {}
        return {**written, "records": mapped.records, "read": batches.size, "counters": mapped.counters, **skipped}


class _Mapped:
    """What the mapper gives for all that a task reads, one record after the other, as it is asked for."""

    def __init__(self, mapper: Mapper, batches: Batches, code: Code) -> None:
        self._cursor = Cursor()
        self._code = code
        self._context = code.context(self._cursor)
        self._mapper = mapper
        self._batches = batches
        self.quarantine = code.quarantine()
        self.records = 0
        """How many records were read."""

    @property
    def counters(self) -> Counters:
        """What was counted."""
        return self._context.counters()

    def __iter__(self) -> Iterator[Any]:
        with self._code.following(self._cursor):
            yield from self._given(self._mapper.begin(self._context))

    def _given(self, mapper: Mapper) -> Iterator[Any]:
        if self.quarantine:
            mapper = careful(mapper, self._cursor, self._context.tally, self.quarantine)
        call = mapper.call if mapper.generates else checked(mapper.call)
        for batch in self._batches:
            records = batch.records() if self.quarantine else good(batch)
            try:
                for item in self._cursor.over(batch, records, mapper.items(batch, records)):
                    yield from call(item)
            except NOT_OF_USER_CODE:
                raise
            except BaseException as error:
                raise mapper.failure(error, self._cursor) from error
            self.records += len(records) + len(batch.bad)
            if self.quarantine:
                self.quarantine.end_batch(batch)
            else:
                demand_good(batch)
        self._cursor.leave()
        yield from mapper.finish()
