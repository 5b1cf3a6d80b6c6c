"""The programs of one attempt at a task: started in its environment, with their reports passed to its context."""

from collections.abc import Iterable, Iterator

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.job.spec import Program
from fanfold_steps.memory.budget import budget_of
from fanfold_steps.programs import process
from fanfold_steps.programs.environment import Piece, of_task
from fanfold_steps.programs.process import ProgramCall
from fanfold_steps.programs.reports import Reports
from fanfold_steps.stage.attempt import Attempt
from fanfold_steps.tree.plan import Tasks
from fanfold_steps.user_code.loading import Code


class Programs:
    """Runs programs for one attempt: in its environment, with the job's files in their working folder."""

    def __init__(self, attempt: Attempt, code: Code, tasks: Tasks) -> None:
        self._attempt = attempt
        self._environment = of_task(code.conf, attempt.task, attempt.name, tasks)
        self._files = code.files
        self._longest = budget_of(code.conf).longest

    def lines(self, role: str, program: Program, feed: Iterable[bytes], piece: Piece | None = None) -> Iterator[bytes]:
        """Feed a program; yields its output in blocks of whole lines. Its reports go to the attempt's context.

        Raises:
            PermanentFailure: it can't be started, fails, or reports an invalid counter.
        """
        own = piece.environment if piece else {}
        environment = {**self._environment, **own, **program.environment}
        about = piece.about if piece else ""
        call = ProgramCall(role, program.program, environment, self._files, about, self._longest)
        context = self._attempt.context
        reports = Reports(role, context.log, context.progress)
        yield from process.lines(call, feed, reports)
        try:
            for (group, name), number in reports.counters.items():
                context.count(group, name, number)
        except ValueError as error:
            raise PermanentFailure(role, f"the {role} reported an invalid counter: {error}") from error
