"""`ctx`: what a mapper, combiner or reducer with a parameter `ctx` can read and report."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from fanfold_steps.inputs.cursor import Cursor
from fanfold_steps.tree.commit import Counters
from fanfold_steps.tree.counters import Tally


class RecordSource(NamedTuple):
    """Where the record being mapped begins: its file's path below the job's input, and the byte offset in it.

    The path is the same wherever the input is stored, so it may be part of a result.
    """

    path: str
    offset: int


class Context:
    """The context of one attempt. Another attempt at the same task begins with a new one."""

    def __init__(
        self,
        status: Callable[[str], None],
        cursor: Cursor | None = None,
        params: Any = None,
        files: Mapping[str, Path] = MappingProxyType({}),
        before: Callable[[], Counters] | None = None,
    ) -> None:
        self._status = status
        self._cursor = cursor
        self._params = params
        self._files = files
        self._before = before
        self.tally = Tally()

    def count(self, group: str, name: str, n: int = 1) -> None:
        """Add `n` to a counter. Only committed attempts count, so the sums are exact even if workers die.

        Raises:
            TypeError, ValueError: `n` isn't an int; a name isn't a short printable string; there are too many counters.
        """
        self.tally.add(group, name, n)

    def log(self, text: str) -> None:
        """Write a line to the worker's log, as printing does."""
        print(text, file=sys.stderr, flush=True)

    def progress(self, text: str) -> None:
        """Say in a few words what is being done now; `fanfold run` displays the latest text."""
        self._status(text)

    @property
    def source(self) -> RecordSource:
        """Where the record being mapped begins.

        Raises:
            RuntimeError: no record of the input is being mapped: in `start`, `finish`, a combiner or a reducer, or in
                a later stage.
        """
        place = self._cursor.place if self._cursor else None
        if place is None:
            raise RuntimeError("ctx.source is only available while a mapper of the first stage maps a record")
        return RecordSource(*place)

    @property
    def params(self) -> Any:
        """The job's parameters: an instance of its pydantic model, `Job(params=Model)`.

        Raises:
            RuntimeError: the job has no parameters.
        """
        if self._params is None:
            raise RuntimeError("this job has no parameters: declare them with Job(params=Model)")
        return self._params

    def file(self, name: str) -> Path:
        """The local path of a side file.

        Raises:
            LookupError: the job has no side file of that name.
        """
        if name not in self._files:
            known = ", ".join(sorted(self._files)) or "none"
            raise LookupError(f"this job has no side file {name!r} (it has {known}): name it in Job(files={{…}})")
        return self._files[name]

    @property
    def counters(self) -> Counters:
        """What was counted before this step, by group and name: in all earlier stages and, in a reducer, by the mappers
        of its own stage. Only committed tasks count, so it is exact: `ctx.counters["fanfold"]["input_records"]` is the
        number of records that the job has read. Counters that depend on how the input was split are left out.

        Raises:
            RuntimeError: in a mapper or combiner of the first stage, before which nothing was counted.
        """
        if self._before is None:
            raise RuntimeError("ctx.counters holds what was counted before this step, but this is the job's first step")
        return {group: dict(numbers) for group, numbers in self._before().items()}
