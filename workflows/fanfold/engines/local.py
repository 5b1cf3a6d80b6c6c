"""The local engine: a job's workers are processes of this machine, and die with the process that started them."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event

from fanfold.engines.protocol import ENVIRONMENT, Foreign, Handle, Observation, Phase
from fanfold.engines.scratch import scratch_folder
from fanfold.planner import PlannedJob
from fanfold_steps.exits import PERMANENT, STORE_AWAY

NAMESPACE = "local"
MOST_STARTS = 8  # of one worker, when it dies by anything but a failed job; one task ends the job after half as many
LOG_TAIL = 2000  # bytes
REPORT, LOG, TASK = "report.json", "log", "task"


@dataclass(slots=True)
class _Crew:
    """The workers of one job."""

    plan: PlannedJob
    uid: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    keepers: list[threading.Thread] = field(default_factory=list)
    waiting: int = 0
    ending: bool = False
    message: str = ""


class LocalEngine:
    """Spawned processes, started again when they die."""

    name = "local"

    def __init__(self) -> None:
        self._crews: dict[str, _Crew] = {}
        self._lock = threading.Lock()
        self._watchers: list[SimpleQueue[str]] = []

    def submit(self, plan: PlannedJob) -> Handle:
        """Start the job's workers, unless they are there."""
        job = plan.conf.id
        with self._lock:
            crew = self._crews.get(job)
            if crew and crew.plan.fingerprint != plan.fingerprint:
                raise Foreign(f"another job runs under the id {job}")
            if not crew or not crew.waiting:
                crew = self._crews[job] = _Crew(plan, uuid.uuid4().hex)
                workers = [(step, index) for step, count in plan.conf.workers.items() for index in range(count)]
                crew.waiting = len(workers)
                for step, index in workers:
                    crew.keepers.append(threading.Thread(target=self._keep, args=(crew, step, index), daemon=True))
                    crew.keepers[-1].start()
        return Handle(NAMESPACE, job, crew.uid)

    def observe(self, handle: Handle) -> Observation:
        """Whether any worker is left."""
        with self._lock:
            crew = self._crews.get(handle.name)
            if not crew or crew.uid != handle.uid:
                return Observation(Phase.GONE)
            return Observation(Phase.ACTIVE if crew.waiting else Phase.ENDED, crew.message)

    def active(self) -> Iterator[tuple[str, Handle]]:
        """Jobs with workers."""
        with self._lock:
            running = [(job, Handle(NAMESPACE, job, crew.uid)) for job, crew in self._crews.items() if crew.waiting]
        return iter(running)

    def watch(self, stop: Event) -> Iterator[str]:
        """Jobs whose last worker left."""
        changes: SimpleQueue[str] = SimpleQueue()
        self._watchers.append(changes)
        try:
            while not stop.is_set():
                with contextlib.suppress(Empty):
                    yield changes.get(timeout=0.2)
        finally:
            self._watchers.remove(changes)

    def cancel(self, handle: Handle) -> None:
        """Kill the workers: the tree is made to be left at any point."""
        with self._lock:
            crew = self._crews.get(handle.name)
            if crew and crew.uid == handle.uid:
                _end(crew)

    def close(self) -> None:
        """Kill all workers and see them gone; their jobs go on when they are submitted again."""
        with self._lock:
            keepers = [keeper for crew in self._crews.values() for keeper in crew.keepers]
            for crew in self._crews.values():
                _end(crew)
        for keeper in keepers:
            keeper.join()

    def _keep(self, crew: _Crew, step: str, index: int) -> None:
        """Run one worker, again and again if it dies without having ended the job (in a thread of its own)."""
        name = f"{step}-{index}"
        with scratch_folder() as folder:
            ended = ""
            for start in range(MOST_STARTS):
                process = self._start(crew, f"{step}-{index}", folder, ended)
                if process is None:
                    break
                with process:  # its stdin is closed in the end
                    status = _ended(process)
                if status == 0 and (folder / REPORT).exists():
                    break
                end, advice = _told(status)
                ended = "" if status == STORE_AWAY else f"{end}\t{advice}"
                crew.message = f"worker {name} {end}, start {start + 1} of {MOST_STARTS}{advice}{_tail(folder / LOG)}"
                if status in PERMANENT:
                    break
        with self._lock:
            crew.processes.pop(name, None)
            crew.waiting -= 1
            last = not crew.waiting
        if last:
            for watcher in self._watchers:
                watcher.put(crew.plan.conf.id)

    def _start(self, crew: _Crew, name: str, folder: Path, ended: str) -> subprocess.Popen[bytes] | None:
        # -P: the folder that the user stands in is no place to import from.
        step, _, index = name.partition("-")
        command = [sys.executable, "-P", "-m", "fanfold_steps", step, "--job", crew.plan.job_url, "--index", index]
        environ = {**os.environ, **ENVIRONMENT, "TMPDIR": str(folder), "FANFOLD_REPORT": str(folder / REPORT)}
        environ |= {"FANFOLD_TASK": str(folder / TASK), "FANFOLD_ENDED": ended}
        with self._lock, (folder / LOG).open("wb") as log:
            if crew.ending:
                return None
            process = subprocess.Popen(
                [*command, "--end-with-stdin"],
                stdin=subprocess.PIPE,  # held open: when this process dies, however, the worker's input ends
                stdout=log,
                stderr=log,
                env=environ,
                start_new_session=True,  # a terminal's Ctrl-C is for us to handle
            )
            crew.processes[name] = process
            return process


def _end(crew: _Crew) -> None:
    crew.ending = True
    for process in crew.processes.values():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what the user's code started goes, too


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for a worker's end; what the user's code started and left goes with it."""
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # as long as it isn't reaped, its group has its name
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def _told(status: int) -> tuple[str, str]:
    """How a worker ended, and what may be done."""
    if status == -signal.SIGKILL:
        return "was killed", ", perhaps by the system for want of memory: take fewer workers or less --memory"
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}", ": look for what crashes in the job's code"
    advice = "" if status == STORE_AWAY else ": look for os._exit() in the job's code"
    return f"ended with status {status}", advice


def _tail(log: Path) -> str:
    text = log.read_bytes()[-LOG_TAIL:].decode("utf-8", "replace").strip()
    return f":\n{text}" if text else ""
