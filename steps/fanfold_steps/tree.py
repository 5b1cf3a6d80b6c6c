"""The job tree: where everything that a job is lies under one prefix, and the few ways in which it is written.

job.json                           the JobConf, written before any worker starts
bundle.zip                         the user's code; a service keeps it elsewhere
replaces.json                      which output, by its manifest, gives way in place to this one (`--overwrite`)
plan.json                          files, splits, stages: put-if-absent by whoever comes first
stage-0/boundaries.json            put-if-absent by the first map: where the ranges of a total order begin
stage-0/map/runs/00012-ATTEMPT.run a map task's output: a sorted segment for each partition; without a reducer, records
stage-0/map/commits/00012.json     put-if-absent: the attempt that counts
stage-0/shuffle/runs/…  …/commits/… likewise, where there are many maps and partitions: the runs of 64 maps as one
stage-0/reduce/runs/…  …/commits/… likewise: records, which the next stage maps
stage-1/reduce/commits/00003.json  the last stage's last step names staged parts, which `finish` makes visible
claims/0-map-00012.json            who works on a task (…-2.json: who runs it once more); hints, never truth
logs/STEP-N/START-00000.txt        what was printed while a worker did its tasks, in pieces
deaths/STAGE-STEP-00012.json       how many processes died at a task; a hint
quarantine/STAGE-STEP-…jsonl       bad records that an attempt put aside, named in its commit
stage-0/map/aside/…                what was given for named outputs before the last step
workers/STEP-N.json                a worker's beat
failed.json                        put-if-absent: why the job can't succeed; every worker stops
report.json                        put-if-absent: the job is done and its output is whole
kept.json                          the job is settled, and its tree kept to be looked at (`--keep`)
output/                            the output, where a service wasn't told another place

Commits have a folder of their own, so that one listing of a step tells what is done and nothing else.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fanfold_steps.crash_points import around
from fanfold_steps.spec import JobConf, conf_from_json
from fanfold_storage.errors import NotFound
from fanfold_storage.objects import Objects, read_all
from fanfold_storage.urls import open_objects

FEW_COMMITS, READERS = 64, 8
_UNREADABLE = "the job failed, but its failed.json can't be read"


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work: a step of a stage and its index."""

    stage: int
    step: str
    index: int

    @property
    def commit(self) -> str:
        """The key of the record that says which attempt counts."""
        return f"{_commits(self.stage, self.step)}{self.index:05d}.json"

    def run(self, attempt: str) -> str:
        """The key of what an attempt writes."""
        return f"stage-{self.stage}/{self.step}/runs/{self.index:05d}-{attempt}.run"

    def aside(self, attempt: str) -> str:
        """The key of what an attempt gives for named outputs."""
        return f"stage-{self.stage}/{self.step}/aside/{self.index:05d}-{attempt}.run"

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

    def create(self, key: str, data: dict[str, Any], *, hint: bool = False) -> bool:
        """Put JSON if absent; True for the one caller that wrote it."""
        return self.objects.put_if_absent(key, json.dumps(data).encode(), hint=hint)

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

    def failure(self) -> dict[str, Any] | None:
        """`failed.json`, with a message, and a task and a record or None. Whatever else somebody put there is a failure
        too, so that no job runs for ever."""
        try:
            found = self.find("failed.json")
        except (ValueError, RecursionError):  # cut off, no text, nested without end
            found = {}
        if found is None:
            return None
        failure: dict[str, Any] = found if isinstance(found, dict) else {}
        message = failure.get("message")
        return {
            **failure,
            "message": message if message and isinstance(message, str) else _UNREADABLE,
            "task": _with(failure.get("task"), "stage", "step", "index"),
            "record": _with(failure.get("record"), "source", "text"),
        }

    def commit(self, task: Task, record: dict[str, Any]) -> bool:
        """Make an attempt the one that counts; False if another came first."""
        with around(f"{task.step}.commit"):
            return self.create(task.commit, record)

    def committed(self, stage: int, step: str) -> Iterator[int]:
        """Indexes of the committed tasks of a step, in order, from one listing."""
        commits = _commits(stage, step)
        for stat in self.objects.list(commits):
            yield int(stat.key[len(commits) :].removesuffix(".json"))

    def commit_of(self, task: Task) -> dict[str, Any]:
        """What a committed task recorded. Raises NotFound."""
        return self.load(task.commit)

    def commits_of(self, tasks: Sequence[Task]) -> list[dict[str, Any]]:
        """What committed tasks recorded, in their order; many are read side by side, as a store may be far away."""
        if len(tasks) <= FEW_COMMITS:
            return [self.commit_of(task) for task in tasks]
        from concurrent.futures import ThreadPoolExecutor  # takes longer to import than a small job's commits to read

        with ThreadPoolExecutor(READERS) as readers:
            return list(readers.map(self.commit_of, tasks))


def _commits(stage: int, step: str) -> str:
    return f"stage-{stage}/{step}/commits/"


def _with(found: object, *members: str) -> dict[str, Any] | None:
    """An object that has these members; else None."""
    return found if isinstance(found, dict) and found.keys() >= set(members) else None
