"""The programs of one attempt at a task: started with its environment, their reports taken to its context."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from fanfold_steps.context import Context
from fanfold_steps.counters import Counters
from fanfold_steps.failure import PermanentFailure
from fanfold_steps.programs import process
from fanfold_steps.programs.process import Call
from fanfold_steps.programs.reports import Reports
from fanfold_steps.spec import Program


class Programs:
    """Runs programs for one attempt. `files` are what they find in the folder that they start in, by name."""

    def __init__(
        self, new_context: Callable[[], Context], environment: Mapping[str, str], files: Mapping[str, Path]
    ) -> None:
        self._new_context = new_context
        self._context = new_context()
        self._environment = environment
        self._files = files

    def begin(self) -> None:
        """All begins anew: what was counted so far doesn't count."""
        self._context = self._new_context()

    def lines(
        self, role: str, program: Program, feed: Iterable[bytes], told: Mapping[str, str] | None = None, about: str = ""
    ) -> Iterator[bytes]:
        """What a program writes when it is fed, in blocks of whole lines.

        `told` is more for its environment, `about` says in an error's text what it was given.

        Raises:
            PermanentFailure: it can't be started, or ends badly, or counts what can't be counted.
        """
        environment = {**self._environment, **(told or {}), **program.environment}
        reports = Reports(role, self._context.log, self._context.progress)
        yield from process.lines(Call(role, program.program, environment, self._files, about), feed, reports)
        try:
            for (group, name), number in reports.counters.items():
                self._context.count(group, name, number)
        except ValueError as error:
            raise PermanentFailure(role, f"the {role} reported what can't be counted: {error}") from error

    def counters(self) -> Counters:
        """What the programs counted."""
        return self._context.counters()
