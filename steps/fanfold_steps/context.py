"""`ctx`: what a mapper, combiner or reducer that names a parameter `ctx` may ask for and tell."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from fanfold_steps.counters import Counters, Tally
from fanfold_steps.cursor import Cursor


class Source(NamedTuple):
    """Where the record being mapped begins: its file's path below the job's input, and the byte offset in it.

    The path is the same wherever the input is stored, so that it may be part of an answer.
    """

    path: str
    offset: int


class Context:
    """One attempt's context. Another attempt at the same task begins with a new one."""

    def __init__(
        self,
        status: Callable[[str], None],
        cursor: Cursor | None = None,
        params: Any = None,
        files: Mapping[str, Path] = MappingProxyType({}),
    ) -> None:
        self._status = status
        self._cursor = cursor
        self._params = params
        self._files = files
        self.tally = Tally()

    def count(self, group: str, name: str, n: int = 1) -> None:
        """Add to a counter. Only an attempt that is committed counts, so the sums are exact whatever dies.

        Raises:
            TypeError, ValueError: not a whole number; a name that isn't a short printable text; too many counters.
        """
        self.tally.add(group, name, n)

    def log(self, text: str) -> None:
        """Write a line to the worker's log, as printing does."""
        print(text, file=sys.stderr, flush=True)

    def progress(self, text: str) -> None:
        """Say in a few words what is being done now; `fanfold run` shows the last words."""
        self._status(text)

    @property
    def source(self) -> Source:
        """Where the record being mapped begins; found out only when asked for.

        Raises:
            RuntimeError: no record of the input is being mapped: in `start`, `finish`, a combiner or a reducer, or in
                a later stage.
        """
        place = self._cursor.place if self._cursor else None
        if place is None:
            raise RuntimeError("ctx.source is known only while a mapper of the first stage is given a record")
        return Source(*place)

    @property
    def params(self) -> Any:
        """The job's parameters: an object of the pydantic model that the job has as `params`.

        Raises:
            RuntimeError: it has none.
        """
        if self._params is None:
            raise RuntimeError("this job has no parameters: declare them with Job(params=Model)")
        return self._params

    def file(self, name: str) -> Path:
        """The local path of a side file.

        Raises:
            LookupError: the job has none of that name.
        """
        if name not in self._files:
            known = ", ".join(sorted(self._files)) or "none"
            raise LookupError(f"this job has no side file {name!r} (it has {known}): name it in Job(files={{…}})")
        return self._files[name]

    def counters(self) -> Counters:
        """What was counted, for the attempt's commit."""
        return self.tally.counters()
