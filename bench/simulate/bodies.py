"""The bodies of tasks as what they cost: the requests that a real one makes, and the time that it computes.

They stand in for the steps that `fanfold_steps.tasks.stage.Stage` does a task with. Which runs a task reads, the
product's `StageInputs` tells; no record exists.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from bench.simulate.bucket import SimulatedBucket
from bench.simulate.clock import Clock, Pending, current
from fanfold_steps.formats.compression import MAGIC_BYTES
from fanfold_steps.stage.attempt import Attempt
from fanfold_steps.stage.inputs import StageInputs
from fanfold_steps.tree.commit import Commit, Part, Written
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task
from fanfold_storage.objects import Objects
from fanfold_storage.objects.s3 import S3Objects
from fanfold_storage.objects.staged_uploads import PART, Upload
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
        return Sink(self.clock, output)


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
        run = SizedRun(self.bodies.clock, attempt._tree, attempt.run)
        run.add(written)
        run.end()
        return attempt.commit(Written(size // 100, written), read=size)


@dataclass(slots=True)
class ShuffleBody:
    """Reads the runs of a group, and writes one."""

    bodies: Bodies

    def run(self, group: list[tuple[str, int]], tree: JobTree, key: str) -> Written:
        """As a shuffle step."""
        for run, size in group:
            _drain(tree.objects.read(run, size - min(size, FOOTER), size))
        merged = SizedRun(self.bodies.clock, tree, key)
        for run, size in group:
            began = self.bodies.clock.now
            _drain(tree.objects.read(run, 0, size))
            self.bodies.compute(size, self.bodies.work.shuffle, began)
            merged.add(size)
        merged.end()
        return Written(merged.size // 100, merged.size)


@dataclass(slots=True)
class ReduceBody:
    """Reads a partition's segment of every run."""

    bodies: Bodies

    def records(self, attempt: Attempt, inputs: StageInputs) -> Iterator[int]:
        """As a record reduce step; a record is how many bytes were merged."""
        plan = inputs._plan
        partitions = plan.tasks[attempt.task.stage]["reduce"]
        for store, key, size in inputs.segments(lambda *found: found[:3], attempt.task.index):
            share = size // partitions
            _drain(store.read(key, size - min(size, FOOTER), size))
            began = self.bodies.clock.now
            _drain(store.read(key, 0, share))
            self.bodies.compute(share, self.bodies.work.reduce, began)
            yield share


@dataclass(slots=True)
class Sink:
    """Stages a part for each task, as `PartWriter`."""

    clock: Clock
    output: Objects

    def write(self, task: Task, attempt: str, records: Iterable[Any], kind: str) -> Written:
        """Stage a part of so many bytes as the records say."""
        name = f"part-{task.index:05d}.txt"
        upload = SizedUpload(self.clock, self.output, name)
        for size in records:
            upload.add(size)
        handle, size = upload.seal(), upload.size
        return Written(size // 100, size, (Part(name, handle, size // 100, size, f"{task.index:064d}"),))

    def drop(self, task: Task, commit: Commit) -> None:
        """Discard it."""
        for part in commit.parts:
            self.output.abort(part.handle)


class SizedUpload:
    """As `StagedUpload`, for bytes that don't exist: full parts are uploaded while more is computed."""

    def __init__(self, clock: Clock, objects: Objects, key: str) -> None:
        assert isinstance(objects, S3Objects)
        self.size = 0
        self._clock, self._objects, self._key = clock, objects, key
        self._upload: Upload | None = None
        self._sent = 0
        self._under_way: Pending | None = None

    def add(self, size: int) -> None:
        """Let there be so many bytes more."""
        self.size += size
        if parts := self.size // PART - self._sent:
            self._await_parts()
            self._under_way = Pending(self._clock, partial(self._send, parts, parts * PART))
            self._sent += parts

    def seal(self) -> str:
        """The handle, once all parts are there."""
        self._await_parts()
        if (rest := self.size - self._sent * PART) or not self._sent:
            self._send(1, rest)
            self._sent += 1
        assert self._upload
        return json.dumps({**asdict(self._upload), "etags": [f"{number:032d}" for number in range(self._sent)]})

    def _send(self, parts: int, size: int) -> None:
        if self._upload is None:
            self._upload = self._objects._uploads.begin(self._key)
        _bucket(self._objects).upload_parts(self._objects._full(self._key), self._upload.id, parts, size)

    def _await_parts(self) -> None:
        if self._under_way:
            under_way, self._under_way = self._under_way, None
            under_way.result()


class SizedRun(SizedUpload):
    """A run of so many bytes, written with the requests of `S3Objects.put`."""

    def __init__(self, clock: Clock, tree: JobTree, key: str) -> None:
        super().__init__(clock, tree.objects, key)

    def end(self) -> None:
        """Make it visible."""
        full = self._objects._full(self._key)
        if self.size < PART:
            _bucket(self._objects).put(full, self.size)
            return
        self.seal()
        assert self._upload
        _bucket(self._objects).complete_upload(full, self._upload.id, [])


def _bucket(store: S3Objects) -> SimulatedBucket:
    bucket: Any = store._bucket
    assert isinstance(bucket, SimulatedBucket)
    return bucket


def _drain(chunks: Iterator[bytes]) -> None:
    for _ in chunks:
        pass
