"""What was counted in earlier steps, for the user's code: counters that don't depend on how the input was split."""

from fanfold_steps.tree.commit import Counters
from fanfold_steps.tree.counters import OWN_GROUP, added, counted
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.plan import Plan

DEPEND_ON_SPLITS = ("map_output_bytes",)
"""Fanfold's own counters that depend on how the input was split."""


def counted_before(tree: JobTree, plan: Plan, stage: int, step: str) -> Counters:
    """What committed tasks counted in earlier stages and, for a reduce step, in the map step of its own stage."""
    tasks = [
        task
        for task in plan.all_tasks
        if task.stage < stage or (step == "reduce" and task.stage == stage and task.step == "map")
    ]
    counters = added(counted(task, commit) for task, commit in zip(tasks, tree.commits_of(tasks), strict=True))
    own = {name: number for name, number in counters.pop(OWN_GROUP, {}).items() if name not in DEPEND_ON_SPLITS}
    return {OWN_GROUP: own, **counters}
