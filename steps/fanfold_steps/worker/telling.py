"""What a worker says of its tasks in the job's log."""

from fanfold_steps.failure.wording import quantity
from fanfold_steps.tree.commit import Commit


def claimed(turn: int, deaths: int) -> str:
    """That a task was begun: for the first time, as a backup task, or again after processes died at it.

    >>> claimed(2, 0)
    'claimed as a backup task, in turn 2: the worker that has it is late, or has stopped'
    """
    if deaths:
        return f"retried: {deaths} {'process' if deaths == 1 else 'processes'} died at this task"
    if turn > 1:
        return f"claimed as a backup task, in turn {turn}: the worker that has it is late, or has stopped"
    return "claimed"


def committed(commit: Commit) -> str:
    """That a task was committed, and what it did.

    >>> committed(Commit("a", records=1200, bytes=5, seconds=0.25, spills=2, spilled=3000))
    'committed: 1,200 records in 0.25 s; spilled 2 times, 3,000 bytes'
    """
    said = [f"committed: {quantity(commit.records, 'record')} in {commit.seconds:g} s"]
    if commit.spills:
        said.append(f"spilled {quantity(commit.spills, 'time')}, {quantity(commit.spilled, 'byte')}")
    if bad := commit.skipped:
        said.append(f"quarantined {bad.count:,}, the first: {bad.first.where}")
    return "; ".join(said)
