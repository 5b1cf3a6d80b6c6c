"""How far a worker's own portion of a job has got: what Argo's UI shows at the pod's node.

Argo adds up the nodes of a Workflow. The portions of all workers of a step are its tasks, so the sum is right, and it
doesn't matter which worker did a task.
"""

from collections.abc import Iterable, Mapping

from fanfold_steps.worker.report import Reporter
from fanfold_steps.worker.schedule import Portion

HELPERS = ("map", "reduce")
"""The steps whose workers also do tasks of the other one, which count as those workers'."""


class OwnProgress:
    """Reports how many tasks of a worker's portion are committed, whenever that has changed."""

    def __init__(self, reporter: Reporter, step: str, portion: Portion) -> None:
        self._reporter = reporter
        self._step = step
        self._portion = portion
        self._own: dict[tuple[int, str], set[int]] = {}
        self._done: dict[tuple[int, str], int] = {}

    def plan(self, stages: Iterable[tuple[int, Mapping[str, int]]]) -> None:
        """Take the stages that the worker does: the index of each, and the number of its tasks by step."""
        for stage, tasks in stages:
            for step, count in tasks.items():
                if self._step not in HELPERS or (step == "map") == (self._step == "map"):
                    self._own[stage, step] = set(self._portion.own(count))
        self._report()

    def see(self, stage: int, step: str, committed: set[int]) -> None:
        """Note which tasks of a step are committed."""
        own = self._own.get((stage, step), set())
        if (done := len(own & committed)) != self._done.get((stage, step), 0):
            self._done[stage, step] = done
            self._report()

    def _report(self) -> None:
        self._reporter.progress(sum(self._done.values()), sum(map(len, self._own.values())))
