"""The sizes of a job: partitions, splits, and workers.

Only the number of partitions affects the output, and it follows from the size of the inputs alone.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fanfold.errors import Refused
from fanfold_steps.failure.wording import quantity
from fanfold_steps.job.sizes import LARGEST_SPLIT, MIB, SMALLEST_SPLIT, partitions_for, split_size_for
from fanfold_steps.job.spec import MOST_PARTITIONS
from fanfold_steps.memory.budget import SMALLEST_SHARE, available_memory

SMALL_JOB_BYTES = 64 * MIB  # up to this size one pod does everything: starting more takes longer than they save
MOST_PODS = 50  # pods share the splits, so a large input doesn't need more (Argo slows far beyond this)
MOST_WORKERS = {"local": 64, "argo": 400}  # more would be a typing error, or overload the machine


@dataclass(frozen=True, slots=True)
class Sizing:
    """Sizes that the submitter may fix; None leaves one to the planner. `split_size` and `memory` are in bytes."""

    partitions: int | None = None
    split_size: int | None = None
    workers: int | None = None
    memory: int | None = None
    """The total for all workers."""
    most_at_once: int | None = None
    """The most workers that run at a time here, where other jobs wait for them: no job has more, or more than tasks.

    On one machine a job that asks for more has fewer; if it asks for more pods, it is refused.
    """


@dataclass(frozen=True, slots=True)
class Demand:
    """What the sizes of a job must suit: its reduce tasks, and what its stages ask of their workers."""

    reduces: Callable[[int], int] = lambda partitions: partitions
    """The most reduce tasks that a stage has, given the number of partitions."""
    cpu: float | None = None
    """Cores of one worker, of the stage that wants most."""
    memory: int | None = None
    """Bytes that the container of one worker has, in the stage that wants most."""
    crews: tuple[int, ...] = (0,)
    """The stages at which pods of another kind take over."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of a planned job."""

    partitions: int
    split_size: int
    """Bytes."""
    workers: dict[str, int]
    """How many there are of each kind: `split`, `map` and `reduce`, or `all`; or `stage-0`, `stage-1`, …"""
    memory: int | None = None
    """Bytes for all workers together, if the submitter or the job's resources fix it."""


def check_sizing(sizing: Sizing, engine: str) -> None:
    """Check what can be checked before the inputs are known. Raises Refused: a size is out of range."""
    if sizing.partitions is not None and not 1 <= sizing.partitions <= MOST_PARTITIONS:
        raise Refused(f"partitions must be between 1 and {MOST_PARTITIONS:,}, not {sizing.partitions}")
    if sizing.split_size is not None and sizing.split_size < 1024:
        raise Refused(f"the split size must be at least 1 KiB, not {quantity(sizing.split_size, 'byte')}")
    if sizing.workers is not None and not 1 <= sizing.workers <= MOST_WORKERS[engine]:
        raise Refused(f"workers must be between 1 and {MOST_WORKERS[engine]} on this engine, not {sizing.workers}")


def sizes_for(total: int, demand: Demand, sizing: Sizing, engine: str) -> Sizes:
    """The sizes of a job that reads `total` bytes.

    Args:
        total: the size of all inputs.
        demand: what the job asks for.
        sizing: what the submitter has fixed; `check_sizing` has accepted it.
        engine: `local` or `argo`.

    Raises:
        Refused: the memory isn't enough for the workers.
    """
    partitions = sizing.partitions or partitions_for(total)
    memory = sizing.memory
    if engine == "local":
        count = sizing.workers or _workers_that_fit(demand)
        if sizing.most_at_once:
            count = min(count, sizing.most_at_once, _most_tasks(total, partitions, demand, sizing))
        workers = {"all": count}
        memory = memory or (demand.memory and count * demand.memory // 2)
    else:
        workers = _pods(total, partitions, demand, sizing)
    _check_memory(sizing, sum(workers.values()))
    return Sizes(partitions, sizing.split_size or split_size_for(total, max(workers.values())), workers, memory)


def _workers_that_fit(demand: Demand) -> int:
    """The workers that run at once on this machine: as many as its cores and its memory allow, at least one."""
    counts = [int(available_cores() // (demand.cpu or 1))]
    if demand.memory:
        counts.append(available_memory() // demand.memory)
    return max(1, min(counts))


def _most_tasks(total: int, partitions: int, demand: Demand, sizing: Sizing) -> int:
    """The most tasks that a step has: further workers would have nothing to do."""
    return max(1, -(-total // (sizing.split_size or SMALLEST_SPLIT)), demand.reduces(partitions))


def _pods(total: int, partitions: int, demand: Demand, sizing: Sizing) -> dict[str, int]:
    is_small = sizing.workers is None and total <= SMALL_JOB_BYTES
    if is_small and len(demand.crews) == 1:
        return {"all": 1}
    maps = 1 if is_small else sizing.workers or min(-(-total // LARGEST_SPLIT), MOST_PODS)
    pods = _pods_for(maps, partitions, demand)
    most = sizing.most_at_once
    if most is None or at_once(pods) <= most:
        return pods
    if sizing.workers is not None:
        what = f"{quantity(sizing.workers, 'worker')} for each step would be {quantity(at_once(pods), 'pod')} at a time"
        raise Refused(f"{what}, and the limit here is {most}: ask for fewer workers")
    fitting = (_pods_for(fewer, partitions, demand) for fewer in range(maps - 1, 0, -1))
    return next((pods for pods in fitting if at_once(pods) <= most), {"all": 1})


def _pods_for(maps: int, partitions: int, demand: Demand) -> dict[str, int]:
    reduces = demand.reduces(partitions)
    if len(demand.crews) > 1:
        later = min(maps, max(reduces, partitions))
        return {f"stage-{stage}": later if stage else maps for stage in demand.crews}
    return {"split": 1, "map": maps, **({"reduce": min(reduces, maps)} if reduces else {})}


def at_once(workers: Mapping[str, int]) -> int:
    """The most workers that run at a time, given how many there are of each kind: those of stages follow each other.

    >>> at_once({"split": 1, "map": 4, "reduce": 2}), at_once({"stage-0": 4, "stage-1": 2})
    (7, 4)
    """
    follow_each_other = all(kind.startswith("stage-") for kind in workers)
    return max(workers.values()) if follow_each_other else sum(workers.values())


def _check_memory(sizing: Sizing, workers: int) -> None:
    if sizing.memory is None or sizing.memory >= workers * SMALLEST_SHARE:
        return
    given = f"{sizing.memory} B" if sizing.memory < MIB else f"{sizing.memory / MIB:.3g}MiB"
    raise Refused(
        f"memory must be at least {workers * SMALLEST_SHARE // MIB}MiB for {quantity(workers, 'worker')} "
        f"({SMALLEST_SHARE // MIB}MiB each), not {given}: increase it, or use fewer workers"
    )


def available_cores() -> int:
    """The number of cores that this process may use; in a container possibly fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
