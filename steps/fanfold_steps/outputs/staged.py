"""The parts that committed tasks have staged: they become visible when the job is done, and wait until then."""

from collections.abc import Iterator
from contextlib import suppress

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.tree.commit import Commit
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.plan import PLAN_BEFORE, PlanHead
from fanfold_steps.tree.task import Task
from fanfold_storage.errors import InvalidKey, NotFound
from fanfold_storage.objects import Objects

MOST_BYTES = 64 << 20  # of all handles together: user code can write to the tree, and an S3 handle may have 100 KB


def committed_parts(tree: JobTree) -> Iterator[tuple[Task, Commit]]:
    """The committed tasks of the last stage's last step, which write the parts. Raises NotFound, PermanentFailure."""
    try:
        head = PlanHead.load(tree)
    except NotFound:  # other code hasn't been planned yet
        head = PlanHead.load(tree, PLAN_BEFORE)
    stage = len(head.tasks) - 1
    step, count = list(head.tasks[stage].items())[-1]
    for index in tree.committed(stage, step):
        if index < count:
            task = Task(stage, step, index)
            with suppress(NotFound):  # something else put it there
                yield task, tree.commit_of(task)


def handles_of(commit: Commit) -> list[str]:
    """The handles of everything that a task has staged."""
    return [part.handle for part in (*commit.parts, *(part for one in commit.named.values() for part in one.parts))]


def staged_handles(tree: JobTree) -> list[str]:
    """The handles of what committed tasks have staged, as far as the tree can be read."""
    found: list[str] = []
    size = 0
    with suppress(NotFound, PermanentFailure):
        for _, commit in committed_parts(tree):
            handles = handles_of(commit)
            size += sum(map(len, handles))
            if size > MOST_BYTES:
                break
            found += handles
    return found


def discard_staged(tree: JobTree, output: Objects) -> None:
    """Discard what committed tasks have staged in an output, since nobody will make it visible. Raises StorageError."""
    for handle in staged_handles(tree):
        with suppress(InvalidKey):  # the job's code wrote it
            output.abort(handle)
