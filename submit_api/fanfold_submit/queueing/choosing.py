"""Who starts next, decided from what waits, what runs, and the limits: no records, no clock, no threads.

Of the owners that wait, the one with the least usage goes first; of an owner's jobs, the one with the highest
priority, then the oldest. An owner whose own limit is reached is left out, and holds up nobody else. If a limit that
owners share leaves no room for the first job, up to PASSES smaller ones may start before it; then whatever becomes free
is kept for it. So every job starts at some time, however large it is, if those that run end.
"""

from collections.abc import Mapping, Sequence

from fanfold_submit.queueing.entries import Entry, user_scope
from fanfold_submit.queueing.limits import Limits
from fanfold_submit.queueing.totals import Passed, Totals

PASSES = 8


def choose(queues: Mapping[str, Sequence[Entry]], totals: Totals, limits: Limits, now: float, most: int) -> list[Entry]:
    """The jobs that start now, at most so many, counted into `totals`.

    Args:
        queues: the first jobs of each owner that waits, in their order; `most` of each are enough.
        totals: what runs; changed.
        limits: how much may run.
        now: Unix seconds.
        most: the most jobs to choose.
    """
    chosen: list[Entry] = []
    left = {owner: list(reversed(entries)) for owner, entries in queues.items() if entries}
    while len(chosen) < most and (entry := _next(left, totals, limits, now)):
        chosen.append(entry)
        totals.grant(entry, now)
        left[entry.owner].pop()
        if not left[entry.owner]:
            del left[entry.owner]
    return chosen


def fair_order(heads: Mapping[str, Entry], totals: Totals, now: float) -> list[str]:
    """The owners that wait, the one whose turn it is first; of those with equal usage, the one who waits longest."""
    return sorted(heads, key=lambda owner: (totals.usage_of(owner, now), heads[owner].job))


def kept_from(entry: Entry, totals: Totals) -> Passed | None:
    """The job for which room is kept that this one would take; None: it would take none."""
    for scope in entry.scopes:
        passed = totals.passed.get(scope)
        if passed and passed.job != entry.job and passed.times >= PASSES:
            return passed
    return None


def _next(left: Mapping[str, Sequence[Entry]], totals: Totals, limits: Limits, now: float) -> Entry | None:
    heads = {owner: entries[-1] for owner, entries in left.items()}
    for owner in fair_order(heads, totals, now):
        head = heads[owner]
        obstacle = limits.obstacle(head, totals.running)
        if obstacle is None and kept_from(head, totals) is None:
            return head
        if obstacle and obstacle.scope != user_scope(owner):
            totals.passed.setdefault(obstacle.scope, Passed(head.job))
    return None
