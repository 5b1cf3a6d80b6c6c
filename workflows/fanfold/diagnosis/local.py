"""A run without a service, by its output: its job's tree while that is there, and what is kept afterwards."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fanfold.diagnosis.explain import JobFacts
from fanfold.diagnosis.tasks import JobTasks, StepTasks
from fanfold.errors import Refused
from fanfold.planning.kept import FOLDER, LOG, REPORT
from fanfold_steps.logs.line import LogLine, parsed, task_filter
from fanfold_steps.logs.reader import LogReader
from fanfold_steps.summary.task_table import TaskTable, find_table
from fanfold_steps.summary.workers import at_work
from fanfold_steps.tree.job_tree import JOB_KEY, JobTree
from fanfold_steps.tree.progress import ProgressReader
from fanfold_storage.errors import NotFound, StorageError
from fanfold_storage.objects import Objects
from fanfold_storage.urls import open_objects

_TREE = "_job/"


@dataclass(frozen=True, slots=True)
class LocalRun:
    """A run, by the URL of its output."""

    output: str
    tree: JobTree | None
    """The job's tree; None once it was removed."""

    @classmethod
    def at(cls, output: str) -> "LocalRun":
        """The run that wrote, or writes, this output. Raises Refused: there is none; StorageError."""
        tree = JobTree.open(f"{output}{_TREE}")
        try:
            if tree.find(JOB_KEY):
                return cls(output, tree)
            open_objects(output).stat(f"{FOLDER}{REPORT}")
        except NotFound:
            raise Refused(
                f"{output} holds no run of a job: name the output folder of one, or the id of a job in the service"
            ) from None
        return cls(output, None)

    def log(self, task: str | None) -> Iterator[LogLine]:
        """The lines of the log, of one task or of all. Raises Refused: there is no such task."""
        try:
            is_wanted: Callable[[str], bool] = task_filter(task) if task else lambda _: True
        except ValueError as error:
            raise Refused(str(error)) from None
        lines = LogReader(self.tree.objects).lines() if self.tree else _kept_lines(open_objects(self.output))
        return (line for line in lines if is_wanted(line.task))

    def facts(self) -> JobFacts:
        """What is known of the job. Raises StorageError, Malformed."""
        return self._facts_of_tree(self.tree) if self.tree else self._kept_facts()

    def _facts_of_tree(self, tree: JobTree) -> JobFacts:
        table = TaskTable()
        reader = ProgressReader(tree, table.add)
        progress = reader.read()
        steps = [
            StepTasks(stage.index, step.step, step.tasks)
            for stage in progress.stages
            for step in stage.steps
            if step.step != "split"
        ]
        if progress.report and (kept := find_table(tree)):  # commits may have been tidied away
            table = kept
        state = {"waiting": "queued"}.get(progress.state, progress.state)
        is_over = progress.state in ("succeeded", "failed")
        failed = progress.failure.task if progress.failure else None
        tasks = JobTasks(steps, table, () if is_over else at_work(tree), failed)
        return JobFacts(
            state, tasks, sum(tree.conf().workers.values()), failure=progress.failure, unsplit=_unsplit(reader)
        )

    def _kept_facts(self) -> JobFacts:
        report = _json(open_objects(self.output), f"{FOLDER}{REPORT}")
        table = find_table(JobTree.open(f"{self.output}{FOLDER}")) or TaskTable()
        stages = report.get("stages")
        steps = [
            StepTasks(stage, str(step), int(count))
            for stage, counts in enumerate(stages if isinstance(stages, list) else [])
            for step, count in counts.items()
        ]
        workers, seconds = report.get("workers"), report.get("seconds")
        return JobFacts("succeeded", JobTasks(steps, table), int(workers or 1), float(seconds or 0.0))


def _unsplit(reader: ProgressReader) -> list[str]:
    try:
        return [f"{file.url} can't be split: {file.why}." for file in reader.unsplit_files()[:3]]
    except StorageError:  # tidied away
        return []


def _kept_lines(output: Objects) -> Iterator[LogLine]:
    begun = b""
    for chunk in output.read(f"{FOLDER}{LOG}"):
        *lines, begun = (begun + chunk).split(b"\n")
        for line in lines:
            yield parsed(line.decode("utf-8", "backslashreplace"), "", 0.0)


def _json(output: Objects, key: str) -> dict[str, Any]:
    content = json.loads(b"".join(output.read(key)))
    return content if isinstance(content, dict) else {}
