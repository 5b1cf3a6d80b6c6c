"""What is simulated, by the rows of docs/scale.md."""

from dataclasses import replace

from bench.simulate.bodies import Work
from bench.simulate.cluster import Scenario
from bench.simulate.stores import NFS, S3

SPLIT = 64 << 20
AGGREGATION = Work(map=50e6, output=0.01)
"""Map tasks write a hundredth of what they read."""
SORT = Work(map=50e6, output=1.0)
"""Map tasks write as much as they read."""

SIZES = [(1000, 10), (1000, 100), (10_000, 100), (10_000, 300), (2000, 1000)]
VAST = [(100_000, 200)]
CROWDS = (50, 100, 200, 400)


def growth(scale: float) -> dict[str, Scenario]:
    """More tasks, and more workers."""
    return {f"{maps:,} maps, {workers:,} workers": _job(maps * scale, workers) for maps, workers in SIZES}


def vast(scale: float) -> dict[str, Scenario]:
    """A job of 100,000 tasks, which takes some minutes by itself."""
    return {f"{maps:,} maps, {workers:,} workers": _job(maps * scale, workers) for maps, workers in VAST}


def crowd(scale: float) -> dict[str, Scenario]:
    """The same job with more and more workers, as they look for tasks now and as they did before."""
    jobs = {workers: _job(2000 * scale, workers) for workers in CROWDS}
    before = {f"{workers}, before": replace(job, formerly=True) for workers, job in jobs.items()}
    return {**{f"{workers}": job for workers, job in jobs.items()}, **before}


def trouble(scale: float) -> dict[str, Scenario]:
    """What stragglers, lost workers and slow stores cost."""
    whole = _job(5000 * scale, 50)
    return {
        "nothing": whole,
        "5 of 101 workers compute 5 times slower": replace(whole, stragglers=0.05),
        "10 of 101 workers are killed after a minute": replace(whole, lost=0.1, lost_at=60.0),
        "half of the workers are killed after a minute": replace(whole, lost=0.5, lost_at=60.0),
        "a store that is 3 times slower in all": replace(whole, store=S3.slower(3)),
        "a network file system in the place of S3": replace(whole, store=NFS),
        "a sort, which moves 100 times as much": replace(whole, work=SORT),
    }


def _job(maps: float, workers: int) -> Scenario:
    return Scenario(int(maps) * SPLIT, workers, work=AGGREGATION)


ROWS = {"growth": growth, "crowd": crowd, "trouble": trouble, "vast": vast}
