"""`python -m tests.storms.replica`: a replica of submit_api whose jobs are done as soon as they are dispatched.

Any number of them may share records and objects, which the engine for one machine doesn't allow. Settings come from the
environment, as for `python -m fanfold_submit serve`.
"""

import contextlib
import sys
from collections.abc import Iterator
from threading import Event

from fanfold.engines import Handle, Observation, Phase
from fanfold.planning.planner import PlannedJob
from fanfold_steps.tree.commit import Commit
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task
from fanfold_steps.tree.version import TREE_VERSION
from fanfold_storage.urls import open_objects, open_records
from fanfold_submit.app import build_app
from fanfold_submit.settings import Backends, Settings
from fanfold_web import log, server


class AtOnce:
    """An engine without workers: a job's tree says that it is done as soon as it is submitted."""

    name, isolates = "storm", True

    def submit(self, plan: PlannedJob) -> Handle:
        """Write what workers would leave; twice is once."""
        tree = JobTree.open(plan.job_url)
        tree.create("plan.json", {"version": TREE_VERSION, "tasks": [{"map": 1, "reduce": 1}], "bytes": 10})
        for step in ("map", "reduce"):
            tree.commit(Task(0, step, 0), Commit("a", records=1, bytes=1, read=1))
        manifest = {"job": plan.conf.id, "parts": [], "records": 0, "bytes": 0}
        JobTree(open_objects(plan.conf.output)).create("_SUCCESS", manifest)
        tree.create("report.json", manifest)
        return Handle("storm", f"fanfold-{plan.conf.id}", "uid")

    def manifest(self, plan: PlannedJob) -> None:
        """There is none."""

    def observe(self, handle: Handle) -> Observation:
        """They have ended."""
        return Observation(Phase.ENDED)

    def active(self) -> Iterator[tuple[str, Handle]]:
        """None are running."""
        return iter(())

    def watch(self, stop: Event) -> Iterator[str]:
        """Nothing ever changes."""
        stop.wait()
        return iter(())

    def cancel(self, handle: Handle) -> None:
        """There is nothing to stop."""

    def close(self) -> None:
        """There is nothing to release."""


def main() -> int:
    """Serve on a free port until a signal."""
    log.to_stderr()
    backends = Backends.from_environment()
    with contextlib.closing(open_records(backends.records)) as records:
        app = build_app(Settings.from_environment(), records, open_objects(backends.store), AtOnce())
        return 0 if server.serve(app, "127.0.0.1", 0, log.logger("fanfold_submit")) else 1


if __name__ == "__main__":
    sys.exit(main())
