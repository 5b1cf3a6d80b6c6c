"""The job tree: where everything that a job is lies under one prefix, and the few ways in which it is written.

job.json                           the JobConf, written before any worker starts
plan.json                          files, splits, stages: put-if-absent by whoever comes first
stage-0/map/00012/ATTEMPT.run      a map task's output: a sorted segment for each partition
stage-0/map/00012/commit.json      put-if-absent: the attempt that counts
stage-0/reduce/00003/commit.json   likewise; names a staged part, which `finish` makes visible
claims/STEP-00012.json             who works on a task; a hint, never truth
workers/STEP-N.json                a worker's beat
failed.json                        put-if-absent: why the job can't succeed; every worker stops
report.json                        put-if-absent: the job is done and its output is whole
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fanfold_steps.spec import JobConf, conf_from_json
from fanfold_storage.errors import NotFound
from fanfold_storage.objects import Objects, read_all
from fanfold_storage.urls import open_objects


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work: a step of a stage and its index."""

    stage: int
    step: str
    index: int

    @property
    def folder(self) -> str:
        """The task's place in the tree."""
        return f"stage-{self.stage}/{self.step}/{self.index:05d}"

    def __str__(self) -> str:
        return f"{self.step}/{self.index}"


@dataclass(frozen=True, slots=True)
class JobTree:
    """A job's tree in a store rooted at the job."""

    objects: Objects

    @classmethod
    def open(cls, url: str) -> "JobTree":
        """The tree at a job's URL, which may not hold anything yet."""
        return cls(open_objects(url.rstrip("/") + "/"))

    def conf(self) -> JobConf:
        """`job.json`. Raises NotFound."""
        return conf_from_json(self.load("job.json"))

    def create(self, key: str, data: dict[str, Any]) -> bool:
        """Put JSON if absent; True for the one caller that wrote it."""
        return self.objects.put_if_absent(key, json.dumps(data).encode())

    def load(self, key: str) -> dict[str, Any]:
        """JSON that must be there. Raises NotFound."""
        loaded: dict[str, Any] = json.loads(read_all(self.objects, key))
        return loaded

    def find(self, key: str) -> dict[str, Any] | None:
        """JSON that may be there."""
        try:
            return self.load(key)
        except NotFound:
            return None

    def commit(self, task: Task, record: dict[str, Any]) -> bool:
        """Make an attempt the one that counts; False if another came first."""
        return self.create(f"{task.folder}/commit.json", record)

    def committed(self, stage: int, step: str) -> Iterator[int]:
        """Indexes of the committed tasks of a step, in order, from one listing."""
        for stat in self.objects.list(f"stage-{stage}/{step}/"):
            folder, _, name = stat.key.rpartition("/")
            if name == "commit.json":
                yield int(folder.rpartition("/")[2])

    def commit_of(self, task: Task) -> dict[str, Any]:
        """What a committed task recorded. Raises NotFound."""
        return self.load(f"{task.folder}/commit.json")
