"""The local engine: a job's workers are processes on this machine, and die with the process that started them."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event

from fanfold.engines.local.boots import begin_within_boot
from fanfold.engines.local.scratch import scratch_folder
from fanfold.engines.protocol import ENVIRONMENT, Foreign, Handle, Observation, Phase
from fanfold.planning.planner import PlannedJob
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.worker.descendants import ROUNDS, adopt_orphans, children, end_below, end_child, end_marked
from fanfold_steps.worker.exits import PERMANENT, STORE_AWAY

NAMESPACE = "local"
MOST_STARTS = 8  # of one worker that keeps dying without the job having failed; a task fails the job after half as many
MOST_ENDED = 200  # jobs whose workers have exited, and of which it is remembered why; what matters is in their trees
STOPPED_WITHIN = 1.0  # seconds; one that waits for a disk stops later, and must not hold up a cancellation
LOG_TAIL = 2000  # bytes
REPORT, LOG, TASK = "report.json", "log", "task"


@dataclass(slots=True)
class _Crew:
    """The workers of one job."""

    plan: PlannedJob
    uid: str
    within_boot: bool
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    supervisors: list[threading.Thread] = field(default_factory=list)
    running: int = 0
    ending: bool = False
    message: str = ""


SERVICES_UMASK = 0o077


class LocalEngine:
    """Runs workers as spawned processes, and restarts them when they die."""

    name = "local"
    isolates = False  # workers run as this process's user

    def __init__(self, environ: Mapping[str, str] = os.environ, umask: int = -1, *, adopts: bool = False) -> None:
        """Workers get these environment variables, and this umask; -1: the one of this process.

        With `adopts`, this process has no children but those that it has now, and workers; it ends what workers leave
        that were killed.
        """
        self._environ, self._umask, self._adopts = environ, umask, adopts
        self._others: frozenset[int] = frozenset()
        if adopts:
            self._others = frozenset(children())  # such as those of a script that became this process
            adopt_orphans()
        self._incarnation = uuid.uuid4().hex
        self._crews: dict[str, _Crew] = {}
        self._lock = threading.Lock()
        self._watchers: list[SimpleQueue[str]] = []

    def submit(self, plan: PlannedJob) -> Handle:
        """Start the job's workers, unless they are running. Raises StorageError."""
        job = plan.conf.id
        with self._lock:
            crew = self._crews.get(job)
            if crew and crew.running and crew.plan.fingerprint != plan.fingerprint:
                raise Foreign(f"another job is running under the id {job}")
            if not crew or not crew.running:
                within_boot = plan.job_url.startswith("file:") and begin_within_boot(JobTree.open(plan.job_url))
                crew = self._crews[job] = _Crew(plan, f"{self._incarnation}.{uuid.uuid4().hex}", within_boot)
                workers = [(step, index) for step, count in plan.conf.workers.items() for index in range(count)]
                crew.running = len(workers)
                for step, index in workers:
                    crew.supervisors.append(
                        threading.Thread(target=self._supervise, args=(crew, step, index), daemon=True)
                    )
                    crew.supervisors[-1].start()
        return Handle(NAMESPACE, job, crew.uid)

    def manifest(self, plan: PlannedJob) -> None:
        """Nothing: processes have none."""

    def observe(self, handle: Handle) -> Observation:
        """Whether any workers are left."""
        with self._lock:
            crew = self._crews.get(handle.name)
            if not crew or crew.uid != handle.uid:
                return Observation(Phase.GONE, abandoned=not handle.uid.startswith(self._incarnation))
            return Observation(Phase.ACTIVE if crew.running else Phase.ENDED, crew.message)

    def active(self) -> Iterator[tuple[str, Handle]]:
        """Jobs with workers."""
        with self._lock:
            running = [(job, Handle(NAMESPACE, job, crew.uid)) for job, crew in self._crews.items() if crew.running]
        return iter(running)

    def watch(self, stop: Event) -> Iterator[str]:
        """Jobs whose last worker has exited."""
        changes: SimpleQueue[str] = SimpleQueue()
        self._watchers.append(changes)
        try:
            while not stop.is_set():
                with contextlib.suppress(Empty):
                    yield changes.get(timeout=0.2)
        finally:
            self._watchers.remove(changes)

    def cancel(self, handle: Handle) -> None:
        """Kill the workers: a job's tree can be abandoned at any point."""
        with self._lock:
            crew = self._crews.get(handle.name)
            if crew and crew.uid == handle.uid:
                _kill(crew)

    def close(self) -> None:
        """Kill all workers and wait for them; their jobs resume when they are submitted again."""
        with self._lock:
            supervisors = [supervisor for crew in self._crews.values() for supervisor in crew.supervisors]
            for crew in self._crews.values():
                _kill(crew)
        for supervisor in supervisors:
            supervisor.join()

    def _supervise(self, crew: _Crew, step: str, index: int) -> None:
        """Run one worker, and restart it if it dies before the job has ended. Runs in a thread of its own."""
        name = f"{step}-{index}"
        with scratch_folder() as folder:
            last_end = ""
            retries = crew.plan.conf.spec.resources_of(0).retries
            starts = MOST_STARTS if retries is None else retries + 1
            for start in range(starts):
                process = self._start(crew, name, folder, last_end)
                if process is None:
                    break
                with process:  # closes its stdin at the end
                    status = _wait(process)
                if status:  # killed, perhaps, and then it couldn't tidy up
                    end_marked(f"TMPDIR={folder}")
                    self._end_orphans()
                if status == 0 and (folder / REPORT).exists():
                    break
                end, advice = _describe(status)
                last_end = "" if status == STORE_AWAY else f"{end}\t{advice}"
                crew.message = f"worker {name} {end}, start {start + 1} of {starts}{advice}{_tail(folder / LOG)}"
                if status in PERMANENT:
                    break
        with self._lock:
            crew.processes.pop(name, None)
            crew.running -= 1
            last = not crew.running
            if last:
                ended = [job for job, other in self._crews.items() if not other.running]
                for job in ended[:-MOST_ENDED]:
                    del self._crews[job]
        if last:
            for watcher in self._watchers:
                watcher.put(crew.plan.conf.id)

    def _end_orphans(self) -> None:
        """End all children of this process that are no workers: daemons that outlived theirs."""
        for _ in range(ROUNDS if self._adopts else 0):
            with self._lock:  # as workers are started
                workers = {process.pid for crew in self._crews.values() for process in crew.processes.values()}
                orphans = [pid for pid in children() if pid not in workers | self._others]
            if not orphans:
                return
            for pid in orphans:
                end_child(pid)

    def _start(self, crew: _Crew, name: str, folder: Path, last_end: str) -> subprocess.Popen[bytes] | None:
        # -P: don't import from the current directory.
        step, _, index = name.rpartition("-")
        command = [sys.executable, "-P", "-m", "fanfold_steps", step, "--job", crew.plan.job_url, "--index", index]
        if crew.within_boot:
            command.append("--within-boot")
        environ = {**self._environ, **ENVIRONMENT, "TMPDIR": str(folder), "FANFOLD_REPORT": str(folder / REPORT)}
        environ |= {"FANFOLD_TASK": str(folder / TASK), "FANFOLD_ENDED": last_end}
        with self._lock, (folder / LOG).open("wb") as log:
            if crew.ending:
                return None
            process = subprocess.Popen(
                [*command, "--end-with-stdin"],
                stdin=subprocess.PIPE,  # kept open: however this process dies, the worker's stdin is closed then
                stdout=log,
                stderr=log,
                env=environ,
                start_new_session=True,  # we handle Ctrl-C, not the worker
                umask=self._umask,
            )
            crew.processes[name] = process
            return process


def _kill(crew: _Crew) -> None:
    crew.ending = True
    for process in crew.processes.values():
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            _stop(process.pid)
            end_below(process.pid)  # while they can still be told by their parents
            os.killpg(process.pid, signal.SIGKILL)


def _stop(worker: int) -> None:
    """Stop all threads of a worker: it would take its mapper's programs, once killed, for done, and commit the task."""
    os.killpg(worker, signal.SIGSTOP)
    if not hasattr(os, "waitid"):
        return
    told, until = os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG, time.monotonic() + STOPPED_WITHIN
    while not os.waitid(os.P_PID, worker, told) and time.monotonic() < until:
        time.sleep(0.001)


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for a worker to exit, kill processes that the user's code left behind, and return its status."""
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # until it is reaped, its group keeps its id
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def _describe(status: int) -> tuple[str, str]:
    """How a worker ended, and what may help."""
    if status == -signal.SIGKILL:
        return "was killed", ", perhaps by the system for lack of memory: use fewer workers or less --memory"
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}", ": look for what crashes in the job's code"
    advice = "" if status == STORE_AWAY else ": look for os._exit() in the job's code"
    return f"ended with status {status}", advice


def _tail(log: Path) -> str:
    text = log.read_bytes()[-LOG_TAIL:].decode("utf-8", "replace").strip()
    return f":\n{text}" if text else ""
