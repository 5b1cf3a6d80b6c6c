"""The job tree: everything that a job consists of lies under one prefix. These are its files, and how they are written.

job.json                           the JobConf, written before any worker starts
boot.json                          on one machine: in which boot of it commits were made; in another they are forgotten
bundle.zip                         the user's code; a service keeps it elsewhere
wheels/SHA256                      a package of the job, if pods need it; a service keeps them elsewhere
replaces.json                      the manifest of the output that is replaced in place (`--overwrite`)
plan.json                          files, splits, stages: put-if-absent by the first worker
plan-before.json                   the plan of an earlier run, if other code goes on from the tasks that are committed
stage-0/boundaries.json            put-if-absent by the first map task: the boundaries of a total order
stage-0/map/runs/00012-ATTEMPT.run a map task's output: a sorted segment for each partition; without a reducer, records
stage-0/map/commits/00012.json     put-if-absent: the attempt that counts
stage-0/shuffle/runs/…  …/commits/… likewise, in large jobs only: the runs of 64 map tasks, merged into one
stage-0/reduce/runs/…  …/commits/… likewise: records, which the next stage maps
stage-1/reduce/commits/00003.json  the last stage's last step names staged parts, which `finish` makes visible
stage-0/map/side/…                 side records: what was emitted for named outputs before the last step
tasks.json                         what each task did, for whoever asks after the job has ended
claims/0-map-00012.json            which worker has taken a task (…-2.json: its backup task); hints, never truth
workers/STEP-N.json                a worker's heartbeat, and the task that it is at; a hint
deaths/STAGE-STEP-00012.json       how many processes died at a task; a hint
left/STEP-N.json                   the failure because of which a worker left; a hint
logs/STEP-N/START-00000.txt        what a worker's tasks printed, and what happened to them, in pieces
quarantine/STAGE-STEP-…jsonl       bad records that an attempt quarantined; its commit names the file
quarantine/STAGE-STEP-…records     the same records as they were, to be read again
failed.json                        put-if-absent: why the job can't succeed; every worker stops
report.json                        put-if-absent: the job is done, and its output is complete
runs/2.json                        run 2 may begin: what run 1 has left is cleared away
runs/1/failed.json                 why run 1 failed; likewise `job.json` and `plan.json`, if run 2 has other code
kept.json                          the run is finalized, and its tree is kept for a look (`--keep`)
output/                            the output of a job in a service, if no other place was requested

Commits have a folder of their own, so that one listing of a step shows exactly which tasks are done.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fanfold_steps.crash_points import around
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.job.spec import JobConf, conf_from_json
from fanfold_steps.tree.commit import Commit
from fanfold_steps.tree.failed import FAILED_KEY, Failure
from fanfold_steps.tree.parallel import each
from fanfold_steps.tree.report import REPORT_KEY, Report
from fanfold_steps.tree.task import Task, commits_folder, neighbourhood
from fanfold_steps.tree.typed import Malformed
from fanfold_steps.tree.version import TREE_VERSION, demand_version
from fanfold_storage.errors import NotFound, TooLarge
from fanfold_storage.objects import Objects, read_all
from fanfold_storage.urls import join_url, open_objects

JOB_KEY = "job.json"
TASKS_KEY = "tasks.json"
BOOT_KEY = "boot.json"
BOUNDARIES = "boundaries.json"
LARGEST = {
    JOB_KEY: 4 << 20, "plan.json": 64 << 20, "plan-before.json": 64 << 20, BOUNDARIES: 64 << 20, REPORT_KEY: 32 << 20,
    FAILED_KEY: 16 << 20,
    TASKS_KEY: 48 << 20,
}  # fmt: skip
"""Bytes that files of the tree may have, by their names: user code can write there, too."""
LARGEST_OTHER = 4 << 20  # a commit, a claim, a heartbeat
STRAY_COMMITS = 1000  # files among a step's commits that are none


@dataclass(frozen=True, slots=True)
class JobTree:
    """A job tree, in a store of objects whose root is the job's URL."""

    objects: Objects
    within_boot: bool = False
    """Whether runs and commits only count until this machine crashes, and so needn't be durable."""

    @classmethod
    def open(cls, url: str, *, within_boot: bool = False) -> "JobTree":
        """The tree at a job's URL, which may still be empty."""
        return cls(open_objects(url.rstrip("/") + "/"), within_boot)

    def conf(self) -> JobConf:
        """`job.json`. Raises NotFound, OtherVersion, Malformed."""
        data = self.read(JOB_KEY)
        demand_version(data, self.url(JOB_KEY))
        del data["version"]
        return conf_from_json(data)

    def create_conf(self, conf: JobConf) -> bool:
        """Put `job.json` if absent; True if it holds this very configuration now.

        Raises:
            OtherVersion, Malformed: what is there can't be compared.
        """
        data = {"version": TREE_VERSION, **conf.to_json()}
        if self.create(JOB_KEY, data):
            return True
        try:
            found = self.read(JOB_KEY)
        except NotFound:
            what = f"{self.url(JOB_KEY)} isn't a file: something else created it"
            raise Malformed("tree", f"{what}; start the job over") from None
        demand_version(found, self.url(JOB_KEY))
        return bool(found == data)

    def create(self, key: str, data: dict[str, Any], *, hint: bool = False) -> bool:
        """Put JSON if absent; True for the one caller that wrote it. Raises PermanentFailure: it is too large."""
        encoded = json.dumps(data).encode()
        if len(encoded) > _most(key):
            what = f"{self.url(key)} would have {len(encoded):,} bytes, more than the {_most(key):,} that it may have"
            raise PermanentFailure("tree", f"{what}: give the job fewer and larger files, or fewer outputs")
        return self.objects.put_if_absent(key, encoded, hint=hint)

    def put(self, key: str, data: dict[str, Any]) -> None:
        """Put JSON that nothing depends on, over what is there; it may be lost if the machine crashes."""
        self.objects.put(key, [json.dumps(data).encode()], hint=True)

    def put_run(self, key: str, chunks: Iterable[bytes]) -> int:
        """Write what an attempt hands to later tasks; returns its size in bytes. Raises StorageError."""
        return self.objects.put(key, chunks, hint=self.within_boot)

    def read(self, key: str) -> Any:
        """The JSON value at a key, whose content user code may have changed. Raises NotFound, Malformed."""
        try:
            return json.loads(read_all(self.objects, key, _most(key)))
        except (ValueError, RecursionError, TooLarge) as error:
            what = f"{self.url(key)} isn't the JSON that belongs there ({error})"
            raise Malformed("tree", f"{what}: something else changed it; start the job over") from error

    def find(self, key: str) -> dict[str, Any] | None:
        """The JSON object at a key; None if there is none. Raises Malformed."""
        try:
            found = self.read(key)
        except NotFound:
            return None
        if not isinstance(found, dict):
            raise Malformed("tree", f"{self.url(key)} isn't a JSON object: something else changed it")
        return found

    def url(self, key: str) -> str:
        """The URL of a key."""
        return join_url(self.objects.url, key)

    def failure(self) -> Failure | None:
        """`failed.json`, whatever its content; None if it doesn't exist."""
        try:
            content = self.find(FAILED_KEY)
        except Malformed:  # truncated, not UTF-8, nested too deeply
            return Failure.from_json(None)
        return None if content is None else Failure.from_json(content)

    def fail(self, failure: Failure) -> None:
        """Put `failed.json`, unless the job has failed already."""
        self.create(FAILED_KEY, failure.to_json())

    def report(self) -> Report | None:
        """`report.json`; None if the job isn't done. Raises Malformed."""
        try:
            content = self.read(REPORT_KEY)
        except NotFound:
            return None
        return Report.from_json(content, self.url(REPORT_KEY))

    def commit(self, task: Task, commit: Commit) -> bool:
        """Make an attempt the one that counts; False if another one was first."""
        with around(f"{task.step}.commit"):
            return self.create(task.commit, commit.to_json(), hint=self.within_boot)

    def committed(self, stage: int, step: str, near: int | None = None) -> Iterator[int]:
        """Indexes of the committed tasks of a step, in order, from one listing; of the neighbourhood of the task number
        `near`, if it is given. Raises Malformed."""
        folder = commits_folder(stage, step)
        strays = 0
        for stat in self.objects.list(folder if near is None else folder + neighbourhood(near)):
            name = stat.key[len(folder) :].removesuffix(".json")
            if len(name) < 10 and name.isdecimal():
                yield int(name)
                continue
            strays += 1  # somebody else put it there
            if strays > STRAY_COMMITS:
                what = f"{self.url(folder)} holds more than {STRAY_COMMITS:,} files that aren't commits"
                raise Malformed("tree", f"{what}: something else put them there; start the job over")

    def commit_of(self, task: Task) -> Commit:
        """The commit of a committed task. Raises NotFound, OtherVersion, Malformed."""
        return Commit.from_json(self.read(task.commit), self.url(task.commit))

    def commits_of(self, tasks: Sequence[Task]) -> list[Commit]:
        """The commits of committed tasks, in order. Raises as `commit_of`."""
        return each(self.commit_of, tasks)


def _most(key: str) -> int:
    """How many bytes a file of the tree may have."""
    return LARGEST.get(key.rpartition("/")[2], LARGEST_OTHER)
