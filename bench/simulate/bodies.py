"""The bodies of tasks as what they cost: the requests that a real one makes, and the time that it computes.

They stand in for the steps that `fanfold_steps.tasks.stage.Stage` does a task with. Which runs a task reads, the
product's `StageInputs` tells; no record exists.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from bench.simulate.bucket import SimulatedBucket
from bench.simulate.clock import Clock, current
from fanfold_steps.formats.compression import MAGIC_BYTES
from fanfold_steps.stage.attempt import Attempt
from fanfold_steps.stage.inputs import StageInputs
from fanfold_steps.tree.commit import Commit, Part, Written
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task
from fanfold_storage.objects import Objects
from fanfold_storage.objects.s3 import S3Objects
from fanfold_storage.objects.staged_uploads import PART
from fanfold_storage.urls import open_objects

FOOTER = 64 << 10  # bytes that a reader asks for first, at the end of a run


@dataclass(frozen=True, slots=True)
class Work:
    """What a job's tasks cost: the bytes a second of one worker at each step, and how much maps write per byte."""

    map: float = 20e6
    shuffle: float = 60e6
    reduce: float = 30e6
    output: float = 1.0


@dataclass(slots=True)
class Bodies:
    """Makes the steps of all workers' stages."""

    clock: Clock
    work: Work

    def compute(self, size: float, rate: float, since: float) -> None:
        """Let the time pass that is needed for so many bytes, less that since which they have been streaming in."""
        seconds = size / rate * current().process.slowness
        self.clock.wait(max(0.0, seconds - (self.clock.now - since)))

    def map_step(self, _way: object, setup: Any) -> "MapBody":
        """In the place of `tasks.steps.map_step`."""
        return MapBody(self, setup.partitions)

    def shuffle_step(self, _setup: object) -> "ShuffleBody":
        """In the place of `ShuffleStep`."""
        return ShuffleBody(self)

    def reduce_step(self, _way: object, _setup: object) -> "ReduceBody":
        """In the place of `tasks.steps.reduce_step`."""
        return ReduceBody(self)

    def sink(self, output: Objects, *_: object) -> "Sink":
        """In the place of `PartWriter`."""
        return Sink(output)


@dataclass(slots=True)
class MapBody:
    """Reads a split, and writes a run."""

    bodies: Bodies
    partitions: int

    def run(self, attempt: Attempt, inputs: StageInputs) -> Commit:
        """As a record map step."""
        plan, size = inputs._plan, 0
        for number, start, stop in plan.splits[attempt.task.index]:
            file = plan.files[number]
            store = open_objects(file.root)
            _drain(store.read(file.key, 0, MAGIC_BYTES))
            began = self.bodies.clock.now
            _drain(store.read(file.key, start, stop))
            self.bodies.compute(stop - start, self.bodies.work.map, began)
            store.stat(file.key)
            size += stop - start
        written = int(size * self.bodies.work.output)
        put_sized(attempt._tree, attempt.run, written)
        return attempt.commit(Written(size // 100, written), read=size)


@dataclass(slots=True)
class ShuffleBody:
    """Reads the runs of a group, and writes one."""

    bodies: Bodies

    def run(self, group: list[tuple[str, int]], tree: JobTree, key: str) -> Written:
        """As a shuffle step."""
        for run, size in group:
            _drain(tree.objects.read(run, size - min(size, FOOTER), size))
        total = sum(size for _, size in group)
        for run, size in group:
            began = self.bodies.clock.now
            _drain(tree.objects.read(run, 0, size))
            self.bodies.compute(size, self.bodies.work.shuffle, began)
        put_sized(tree, key, total)
        return Written(total // 100, total)


@dataclass(slots=True)
class ReduceBody:
    """Reads a partition's segment of every run."""

    bodies: Bodies

    def records(self, attempt: Attempt, inputs: StageInputs) -> Iterable[Any]:
        """As a record reduce step; the one record is how many bytes the part has."""
        plan, total = inputs._plan, 0
        partitions = plan.tasks[attempt.task.stage]["reduce"]
        for store, key, size in inputs.segments(lambda *found: found[:3], attempt.task.index):
            share = size // partitions
            _drain(store.read(key, size - min(size, FOOTER), size))
            began = self.bodies.clock.now
            _drain(store.read(key, 0, share))
            self.bodies.compute(share, self.bodies.work.reduce, began)
            total += share
        return [total]


@dataclass(slots=True)
class Sink:
    """Stages a part for each task, as `PartWriter`."""

    output: Objects

    def write(self, task: Task, attempt: str, records: Iterable[Any], kind: str) -> Written:
        """Stage a part of so many bytes as the one record says."""
        assert isinstance(self.output, S3Objects)
        (size,) = records
        name = f"part-{task.index:05d}.txt"
        upload = self.output._uploads.begin(name)
        parts = max(1, -(-size // PART))
        _bucket(self.output).upload_parts(self.output._full(name), upload.id, parts, size)
        handle = json.dumps({**asdict(upload), "etags": [f"{number:032d}" for number in range(parts)]})
        return Written(size // 100, size, (Part(name, handle, size // 100, size, f"{task.index:064d}"),))

    def drop(self, task: Task, commit: Commit) -> None:
        """Discard it."""
        for part in commit.parts:
            self.output.abort(part.handle)


def put_sized(tree: JobTree, key: str, size: int) -> None:
    """Write a run of so many bytes, with the requests of `S3Objects.put`."""
    store = tree.objects
    assert isinstance(store, S3Objects)
    bucket, full = _bucket(store), store._full(key)
    if size < PART:
        bucket.put(full, size)
        return
    upload = store._uploads.begin(key)
    bucket.upload_parts(full, upload.id, -(-size // PART), size)
    bucket.complete_upload(full, upload.id, [])


def _bucket(store: S3Objects) -> SimulatedBucket:
    bucket: Any = store._bucket
    assert isinstance(bucket, SimulatedBucket)
    return bucket


def _drain(chunks: Iterator[bytes]) -> None:
    for _ in chunks:
        pass
