"""left/STEP-N.json: the failure because of which a worker left, so that it is known again if it is started once more.

Engines don't start a worker again whose job has failed. If Argo does, because somebody has retried the Workflow, the
failure is history: the worker clears it, and goes on from what is committed. A worker that starts late or crashed
hasn't seen the failure, and leaves because of it like any other.
"""

import hashlib
import json
from contextlib import suppress

from fanfold_steps.crash_points import around
from fanfold_steps.tree.failed import FAILED_KEY
from fanfold_steps.tree.job_tree import LARGEST, JobTree
from fanfold_storage.errors import NotFound, StorageError
from fanfold_storage.objects import read_all


def leave(tree: JobTree, worker: str) -> None:
    """Note which failure a worker has seen. That it can't be noted changes nothing."""
    with suppress(StorageError):
        if seen := _failure(tree):
            tree.objects.put(_key(worker), [json.dumps({"failure": seen}).encode()], hint=True)


def clear_if_left(tree: JobTree, worker: str) -> None:
    """Clear the job's failure if this worker has left because of it before. Raises StorageError."""
    note = tree.find(_key(worker))
    if note and note.get("failure") == _failure(tree):
        with around("begin.retry"):
            tree.objects.delete(FAILED_KEY)


def _failure(tree: JobTree) -> str | None:
    try:
        return hashlib.sha256(read_all(tree.objects, FAILED_KEY, LARGEST[FAILED_KEY])).hexdigest()
    except NotFound:
        return None


def _key(worker: str) -> str:
    return f"left/{worker}.json"
