"""The next run of a job that failed or was cancelled: it goes on, in the same tree, from what is committed.

    runs/2.json           run 2 may begin: its tree is prepared
    runs/1/failed.json    why run 1 failed
    runs/1/job.json       what run 1 ran, and
    runs/1/plan.json      how it was planned, if run 2 has other code

A tree is prepared when its workers have left. After a crash at any point it is prepared again.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from fanfold.errors import Refused
from fanfold.planning import planner
from fanfold.planning.planner import PlannedJob
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.inputs.listing import LARGEST_MANIFEST
from fanfold_steps.outputs.finish import MANIFEST, sweep
from fanfold_steps.outputs.quarantine import FOLDER
from fanfold_steps.outputs.staged import committed_parts, handles_of, staged_handles
from fanfold_steps.tree.failed import FAILED_KEY
from fanfold_steps.tree.job_tree import JOB_KEY, LARGEST, JobTree
from fanfold_steps.tree.plan import PLAN_BEFORE, PLAN_KEY
from fanfold_steps.tree.report import REPORT_KEY
from fanfold_steps.tree.version import OtherVersion
from fanfold_storage.errors import InvalidKey, NotFound, TooLarge
from fanfold_storage.objects import Objects, read_all
from fanfold_storage.urls import open_objects

HINTS = ("claims/", "workers/", "deaths/", "left/")
MOST_HINTS = 20_000  # of each kind; what is left of them costs the new workers time, no more
MOST_FILES = 30_000  # of an output, which has a file for each of at most 10,000 partitions, for some named outputs


def prepare(plan: PlannedJob) -> None:
    """Prepare the tree for the plan's run: nothing that the run before has left there ends the new one.

    Raises:
        Refused: the tree can't be read.
        StorageError: a store is unavailable.
    """
    try:
        _prepare(plan, JobTree.open(plan.job_url), open_objects(plan.conf.output))
    except InvalidKey as error:  # the job's code has put a folder where a file belongs
        raise Refused(f"the job's tree can't be used again ({error}): retry the job anew") from error


def _prepare(plan: PlannedJob, tree: JobTree, output: Objects) -> None:
    marker = f"runs/{plan.run}.json"
    if _exists(tree.objects, marker):
        return
    if not _holds(tree, plan):
        _replace_conf(tree, plan)
    planner.write(plan)
    _drop_commits_without_parts(tree, output)
    sweep(plan.conf, tree, keep=staged_handles(tree))
    if not _exists(output, MANIFEST):  # a report would be about an output that was removed
        tree.objects.delete(REPORT_KEY)
    for folder in HINTS:
        for stat in list(islice(tree.objects.list(folder), MOST_HINTS)):
            tree.objects.delete(stat.key)
    _put_aside(tree, FAILED_KEY, plan.run)
    tree.objects.delete(FAILED_KEY)
    tree.objects.put(marker, [b"{}"])


def foreign_file(output: str, job_url: str | None, job_id: str) -> str | None:
    """A file in a job's output that the committed tasks in the job's tree haven't written. None: there is none.

    Without a tree, any file is foreign. Raises StorageError.
    """
    store = open_objects(output)
    found = [stat.key for stat in islice(store.list(), MOST_FILES)]
    if not found or job_url is None:
        return found[0] if found else None
    own = set(_own_files(JobTree.open(job_url)))
    if _manifests_job(store) == job_id:
        own.add(MANIFEST)
    return next((key for key in found if key not in own and not key.startswith(FOLDER)), None)


def _holds(tree: JobTree, plan: PlannedJob) -> bool:
    """Whether the tree's `job.json` is the plan's; a tree without one is about to get it."""
    try:
        return tree.conf() == plan.conf
    except NotFound:
        return True
    except OtherVersion as error:
        raise Refused(str(error)) from error
    except (PermanentFailure, LookupError, TypeError, ValueError, AttributeError):  # the job's code changed it
        return False


def _replace_conf(tree: JobTree, plan: PlannedJob) -> None:
    """Put other code into the tree. The first worker plans anew, and compares that with how tasks were planned before.

    A second one that does so at the same time writes the same.
    """
    _put_aside(tree, JOB_KEY, plan.run)
    _put_aside(tree, PLAN_KEY, plan.run)
    with suppress(NotFound):
        tree.objects.put(PLAN_BEFORE, tree.objects.read(f"runs/{plan.run - 1}/{PLAN_KEY}"))
    tree.objects.delete(PLAN_KEY)
    tree.objects.delete(JOB_KEY)


def _put_aside(tree: JobTree, key: str, run: int) -> None:
    """Copy a file of the tree to those of the run before, unless that was done."""
    copy = f"runs/{run - 1}/{key}"
    if not _exists(tree.objects, copy):
        with suppress(NotFound):
            tree.objects.put(copy, tree.objects.read(key, 0, LARGEST[key]))


def _drop_commits_without_parts(tree: JobTree, output: Objects) -> None:
    """Drop the commits whose staged parts are gone, such as those that another job has swept from the same output."""
    with suppress(NotFound, PermanentFailure):  # there is no plan; or the job's code changed it, and its workers say so
        for task, commit in committed_parts(tree):
            if not all(_is_staged(output, handle) for handle in handles_of(commit)):
                tree.objects.delete(task.commit)


def _is_staged(output: Objects, handle: str) -> bool:
    try:
        return output.is_staged(handle)
    except InvalidKey:  # the job's code wrote it
        return False


def _own_files(tree: JobTree) -> Iterator[str]:
    with suppress(NotFound, PermanentFailure):
        for _, commit in committed_parts(tree):
            yield from (part.name for part in commit.parts)
            for name, written in commit.named.items():
                yield from (f"{name}/{part.name}" for part in written.parts)


def manifest_digest(output: str) -> str | None:
    """The SHA-256 of the manifest in an output; None without one. Raises StorageError."""
    with suppress(NotFound, TooLarge):
        return hashlib.sha256(read_all(open_objects(output), MANIFEST, LARGEST_MANIFEST)).hexdigest()
    return None


def _manifests_job(output: Objects) -> str | None:
    """The id of the job whose manifest lies in an output."""
    with suppress(NotFound, TooLarge, ValueError, RecursionError, LookupError, TypeError):
        return str(json.loads(read_all(output, MANIFEST, LARGEST_MANIFEST))["job"])
    return None


def _exists(objects: Objects, key: str) -> bool:
    try:
        objects.stat(key)
    except NotFound:
        return False
    return True
