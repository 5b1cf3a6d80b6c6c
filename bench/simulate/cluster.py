"""A job on simulated machines: planned, started and worked at by the product's code, to its report."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache, partial
from random import Random
from typing import Any
from unittest.mock import patch

from bench.simulate import former
from bench.simulate.bodies import Bodies, Work
from bench.simulate.bucket import BUCKET, Server, SimulatedBucket
from bench.simulate.clock import Clock, Lost, Pool, Process, Threads, Times
from bench.simulate.stores import S3, Store
from fanfold.planning import planner, sizing
from fanfold.planning.planner import Places
from fanfold.planning.sizing import Sizing
from fanfold_steps.job.spec import Function, JobSpec, StageSpec
from fanfold_steps.tasks import stage
from fanfold_steps.tree import parallel
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.plan import PLAN_KEY, Plan
from fanfold_steps.tree.task import Task
from fanfold_steps.worker import claims, heartbeat, logs, loop, schedule
from fanfold_storage.errors import StorageError
from fanfold_storage.objects import read_all, s3

INPUT, OUTPUT = f"s3://{BUCKET}/input/", f"s3://{BUCKET}/output/"
TREE = f"{OUTPUT}_job/"
FILE_BYTES = 1 << 30
RESTART_SECONDS = 10.0
STARTING_SECONDS = 10.0  # in which all workers start, one after the other
SPEC = JobSpec(stages=[StageSpec(map=Function("simulated:mapper"), reduce=Function("simulated:reducer"))])

WORK, BY_SIZE = Work(), Sizing()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A job, its workers, and what befalls them."""

    bytes: int
    workers: int
    store: Store = S3
    work: Work = WORK
    sizing: Sizing = BY_SIZE
    stragglers: float = 0.0
    """The share of workers that compute `slowness` times slower."""
    slowness: float = 5.0
    lost: float = 0.0
    """The share of workers that are killed, and not started again."""
    lost_at: float = 0.0
    """When that is, in seconds."""
    formerly: bool = False
    """Whether workers look for tasks as they did before decision 51."""


@dataclass
class Run:
    """What happened in a simulated run."""

    scenario: Scenario
    clock: Clock = field(default_factory=Clock)
    restarts: int = 0
    reported: float | None = None
    """When the report was written."""
    tasks: dict[str, int] = field(default_factory=dict)
    """How many are committed, by step."""
    commits: dict[str, float] = field(default_factory=dict)
    """When the last of them was."""
    duplicates: int = 0
    """Attempts that another one had forestalled."""
    busy: float = 0.0
    """Seconds that all attempts took together."""
    workers: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = Server(self.clock, self.scenario.store)
        self.bodies = Bodies(self.clock, self.scenario.work)


def simulate(scenario: Scenario) -> Run:
    """Run a job to its report."""
    run = Run(scenario)
    with _simulated(run):
        run.clock.start(Process("command"), lambda: _command(run))
        run.clock.run(until=lambda: run.reported is not None)
        run.clock.end()
    assert run.reported is not None, "the simulated job came to a standstill"
    return run


def _command(run: Run) -> None:
    """Plan the job as a command or a service does, and start its workers."""
    scenario = run.scenario
    for number in range(-(-scenario.bytes // FILE_BYTES)):
        size = min(FILE_BYTES, scenario.bytes - number * FILE_BYTES)
        run.server.write(f"input/{number:06d}.txt", size)
    wanted = replace(scenario.sizing, workers=scenario.workers)
    plan = planner.plan(SPEC, Places([INPUT], OUTPUT, TREE), wanted, job_id="simulated", owner="bench", engine="argo")
    planner.write(plan)
    run.workers = plan.conf.workers
    names = [(step, index) for step, count in plan.conf.workers.items() for index in range(count)]
    random = Random(len(names))
    slow = set(random.sample(names, round(scenario.stragglers * len(names))))
    lost = set(random.sample(names, round(scenario.lost * len(names))))
    for number, name in enumerate(names):
        process = Process(f"{name[0]}-{name[1]}", scenario.slowness if name in slow else 1.0)
        run.clock.start(process, partial(_worker, run, *name, number / len(names)))
        if name in lost:
            run.clock.start(Process("fate"), partial(_kill, run, process))


def _kill(run: Run, process: Process) -> None:
    run.clock.wait(run.scenario.lost_at)
    process.is_lost = True


def _worker(run: Run, step: str, index: int, place: float) -> None:
    """A worker's processes, one after the other, as an engine starts them."""
    try:
        run.clock.wait(place * STARTING_SECONDS)
        while True:
            try:
                worker = loop.Worker(JobTree.open(TREE), step, index)
                worker._logs.capture = nullcontext  # type: ignore[method-assign,assignment]
                worker.run()
                break
            except StorageError:
                run.restarts += 1
                run.clock.wait(RESTART_SECONDS)
    except Lost:
        return


@contextmanager
def _simulated(run: Run) -> Iterator[None]:
    """The product's code, with its clock, its threads, its bucket and the bodies of its tasks replaced."""
    times, threads = Times(run.clock), Threads(run.clock)
    with ExitStack() as stack:

        def put(module: Any, **replaced: Any) -> None:
            stack.enter_context(patch.multiple(module, **replaced))

        put(schedule, time=times)
        put(claims, time=times)
        put(parallel, time=times)
        put(heartbeat, threading=threads)
        put(logs, time=times, threading=threads)
        put(s3, threading=threads, S3Bucket=lambda _name, _environ: SimulatedBucket(run.server))
        put(
            stage,
            time=times,
            map_step=run.bodies.map_step,
            reduce_step=run.bodies.reduce_step,
            ShuffleStep=run.bodies.shuffle_step,
            PartWriter=run.bodies.sink,
            _cpu_seconds=lambda: 0.0,
        )
        put(loop, time=times, Plan=_PlanOnce(), Task=cache(Task), HOST="simulated")
        if run.scenario.formerly:
            put(former, time=times)
            put(loop, TaskSchedule=former.FormerSchedule)
            put(parallel, THREADS=former.THREADS)
        stack.enter_context(patch.dict(sizing.MOST_WORKERS, argo=10_000))
        stack.enter_context(patch("concurrent.futures.ThreadPoolExecutor", lambda count: Pool(run.clock, count)))
        stack.enter_context(_observed(run))
        yield


class _PlanOnce:
    """In the place of `Plan`: each worker fetches the plan, and all share the one that the first has parsed."""

    def __init__(self) -> None:
        self._plan: Plan | None = None

    def load(self, tree: JobTree) -> Plan:
        """The plan in a tree."""
        read_all(tree.objects, PLAN_KEY)
        self._plan = self._plan or _parsed(tree)
        return self._plan


def _parsed(tree: JobTree) -> Plan:
    return Plan.load(tree)


@contextmanager
def _observed(run: Run) -> Iterator[None]:
    """Note when tasks are committed, and how long workers are at tasks."""
    commit, attempt, create = JobTree.commit, loop.Worker._run_task, JobTree.create

    def committed(self: JobTree, task: Task, what: Any) -> bool:
        is_first = commit(self, task, what)
        if is_first:
            run.commits[task.step] = run.clock.now
            run.tasks[task.step] = run.tasks.get(task.step, 0) + 1
        else:
            run.duplicates += 1
        return is_first

    def timed(self: loop.Worker, task: Task, name: str) -> None:
        began = run.clock.now
        try:
            attempt(self, task, name)
        finally:
            run.busy += run.clock.now - began

    def created(self: JobTree, key: str, data: dict[str, Any], *, hint: bool = False) -> bool:
        is_first = create(self, key, data, hint=hint)
        if key == "report.json" and is_first:
            run.reported = run.clock.now
        return is_first

    with (
        patch.object(JobTree, "commit", committed),
        patch.object(JobTree, "create", created),
        patch.object(loop.Worker, "_run_task", timed),
    ):
        yield


def figures(run: Run) -> dict[str, Any]:
    """What a run shows, as JSON."""
    assert run.reported is not None
    requests, tasks, workers = run.server.requests, sum(run.tasks.values()), sum(run.workers.values())
    total = sum(count for kind, count in requests.items() if not kind.startswith("refused"))
    return {
        "bytes": run.scenario.bytes,
        "store": run.scenario.store.name,
        "workers": workers,
        "tasks": run.tasks,
        "requests": total,
        "requests_per_task": round(total / tasks, 1),
        "requests_a_second": round(total / run.reported),
        "most_in_a_second": max(run.server.by_second.values()),
        "throttled": run.server.throttled,
        "committed": {step: round(at, 1) for step, at in run.commits.items()},
        "seconds": round(run.reported, 1),
        "idle": round(1 - run.busy / (workers * run.reported), 3),
        "duplicates": run.duplicates,
        "restarts": run.restarts,
        "by_kind": dict(requests.most_common(16)),
    }
