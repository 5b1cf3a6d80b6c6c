"""An engine whose workers do what a test says: for the states that real ones reach only by chance."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any

from fanfold.engines import Handle, Observation, Phase
from fanfold.engines.protocol import EngineError, Foreign, Pending
from fanfold.planning.planner import PlannedJob
from fanfold_steps.job.spec import JobConf
from fanfold_steps.tree.commit import Commit
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task
from fanfold_steps.tree.version import TREE_VERSION
from fanfold_storage.urls import open_objects


@dataclass
class Crew:
    """A job's workers."""

    plan: PlannedJob
    handle: Handle
    phase: Phase = Phase.ACTIVE
    message: str = ""
    abandoned: bool = False
    hopeless: bool = False
    pending: Pending | None = None
    stopped: bool = False


@dataclass
class ScriptedEngine:
    """Keeps the protocol; crews start, end and vanish on demand. `started` counts crews that came into being."""

    name: str = "scripted"
    isolates: bool = True
    crews: dict[str, Crew] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    away: bool = False
    foreign: bool = False
    slow_to_end: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _hints: SimpleQueue[str] = field(default_factory=SimpleQueue)

    def submit(self, plan: PlannedJob) -> Handle:
        self._answer()
        assert JobTree.open(plan.job_url).find("job.json"), "job.json comes first"
        if self.foreign:
            raise Foreign("the name is taken")
        with self._lock:
            crew = self.crews.get(plan.conf.id)
            if crew is None or crew.abandoned or crew.phase is not Phase.ACTIVE:
                self.started.append(plan.conf.id)
                uid = f"uid-{len(self.started)}"
                crew = self.crews[plan.conf.id] = Crew(plan, Handle("test", f"fanfold-{plan.conf.id}", uid))
            return crew.handle

    def manifest(self, plan: PlannedJob) -> str:
        return f"kind: Workflow\nmetadata: {{name: fanfold-{plan.conf.id}-{plan.run}}}\n"

    def observe(self, handle: Handle) -> Observation:
        self._answer()
        crew = self._crew(handle)
        if crew and crew.abandoned:
            return Observation(Phase.GONE, abandoned=True)
        if crew is None:
            return Observation(Phase.GONE)
        return Observation(crew.phase, crew.message, hopeless=crew.hopeless, pending=crew.pending, stopped=crew.stopped)

    def active(self) -> Iterator[tuple[str, Handle]]:
        self._answer()
        with self._lock:
            found = [(job, crew.handle) for job, crew in self.crews.items() if crew.phase is Phase.ACTIVE]
        return iter(found)

    def watch(self, stop: Event) -> Iterator[str]:
        while not stop.is_set():
            try:
                yield self._hints.get(timeout=0.1)
            except Empty:
                self._answer()

    def cancel(self, handle: Handle) -> None:
        self._answer()
        crew = self._crew(handle)
        if crew and not self.slow_to_end:
            self.end(crew.plan.conf.id, "cancelled")

    def close(self) -> None:
        pass

    def end(self, job_id: str, message: str = "", phase: Phase = Phase.ENDED) -> None:
        """The job's workers leave, or what is known of them goes."""
        crew = self.crews[job_id]
        crew.phase, crew.message = phase, message
        self._hints.put(job_id)

    def work(self, job_id: str, maps: int = 2, planned: int | None = None) -> None:
        """What workers do up to the maps: plan and commit them, or as many of those that are planned."""
        plan = self.crews[job_id].plan
        tree = JobTree.open(plan.job_url)
        tree.create(
            "plan.json", {"version": TREE_VERSION, "tasks": [{"map": planned or maps, "reduce": 1}], "bytes": 10}
        )
        for index in range(maps):
            tree.commit(Task(0, "map", index), Commit("a", records=5, bytes=7, read=9))

    def finish(self, job_id: str) -> None:
        """What workers do to the end: an output, then the report."""
        self.work(job_id)
        conf: JobConf = self.crews[job_id].plan.conf
        manifest: dict[str, Any] = {"job": job_id, "parts": [], "records": 0, "bytes": 0}
        tree = JobTree.open(self.crews[job_id].plan.job_url)
        tree.commit(Task(0, "reduce", 0), Commit("a", records=1, bytes=1))
        JobTree(open_objects(conf.output)).create("_SUCCESS", manifest)
        tree.create("report.json", manifest)

    def fail(self, job_id: str) -> None:
        """What a worker does when the user's code raises."""
        task = {"stage": 0, "step": "map", "index": 1}
        failure = {"kind": "mapper", "message": "the mapper raised E", "traceback": "Traceback …", "record": None}
        self.work(job_id, 1)
        JobTree.open(self.crews[job_id].plan.job_url).create("failed.json", {"task": task, **failure})

    def _crew(self, handle: Handle) -> Crew | None:
        crew = self.crews.get(handle.name.removeprefix("fanfold-"))
        return crew if crew and crew.handle == handle and crew.phase is not Phase.GONE else None

    def _answer(self) -> None:
        if self.away:
            time.sleep(0.001)
            raise EngineError("the engine is away")
