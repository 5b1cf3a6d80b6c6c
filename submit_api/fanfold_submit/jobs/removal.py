"""Removes a job that has ended, with its tree and the output kept in it, or everything that belongs to a user."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fanfold_steps.outputs.staged import discard_staged
from fanfold_steps.tree.job_tree import JobTree
from fanfold_storage.objects import Objects
from fanfold_storage.urls import join_url, open_objects
from fanfold_submit.jobs.job import Job, State
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.jobs.places import files_prefix, run_url, tree_prefix, workflows_prefix
from fanfold_submit.jobs.shared import SharedFolders, shared_prefix
from fanfold_submit.jobs.steering import cancel
from fanfold_submit.principal import Principal
from fanfold_submit.refusals import JobActive, JobFinal, NoSuchJob, NotAdmitted
from fanfold_web.refusals import Forbidden

REMOVING_SECONDS = 5.0  # after which one request stops; the client repeats it until nothing is left


def remove(job_id: str, principal: Principal, jobs: JobRecords, objects: Objects) -> None:
    """Remove the job. What it wrote to its owner's files stays.

    The record goes last: after a crash on the way the job can still be seen, and removed again.

    Raises:
        NoSuchJob: there is none, or it is another user's.
        Forbidden: it is another one's of the principal's team.
        JobActive: it has not ended, or its workers are still stopping.
        StorageError: a store is away.
    """
    current = jobs.visible(job_id, principal)
    if not (principal.is_admin or principal.id == current.job.owner_id):
        raise Forbidden(f"Only its owner, {current.job.owner!r}, and administrators may remove job {job_id}.")
    if not current.job.state.final:
        raise JobActive(f"Job {job_id} is {current.job.state}. Cancel it first, or wait until it has ended.")
    if not remove_ended(job_id, jobs, objects):
        raise JobActive(f"Job {job_id} was just retried, or its workers are still stopping. Try again in a moment.")


def remove_ended(job_id: str, jobs: JobRecords, objects: Objects) -> bool:
    """Remove the job if it needs no reconciling any more, and is not retried; False if so. Raises StorageError."""
    current = jobs.find(job_id)
    if current is None:
        return True
    if not current.job.state.final or not jobs.begin_removal(current):
        return False
    if current.job.state is not State.SUCCEEDED and current.job.admitted:
        _discard_staged(current.job, objects)
    for prefix in (workflows_prefix(job_id), tree_prefix(job_id)):
        objects.sweep(prefix)
        for stat in objects.list(prefix):
            objects.delete(stat.key)
    return jobs.remove(current)


def _discard_staged(job: Job, objects: Objects) -> None:
    """Discard what the job's runs have committed, and would have made visible if one of them had succeeded."""
    first = join_url(objects.url, tree_prefix(job.id))
    for url in (first, *(run_url(first, run) for run in range(2, job.runs + 1))):
        output = f"{url}output/" if job.output is None else job.conf["output"]
        discard_staged(JobTree.open(url), open_objects(output))


@dataclass(slots=True)
class Removed:
    """How much of a user's was removed, the ids of jobs that were cancelled, and whether nothing is left."""

    files: int = 0
    jobs: int = 0
    cancelled: list[str] = field(default_factory=list)
    done: bool = True


def remove_everything_of(
    owner_id: str, admin: Principal, jobs: JobRecords, objects: Objects, shared: SharedFolders
) -> Removed:
    """Cancel a user's jobs, remove those that have ended and, once none are left, the files, also those in `@shared/`.

    It stops after REMOVING_SECONDS, or if a job is still active; call it again until `done`. Raises Contended,
    StorageError.
    """
    removed, end = Removed(), time.monotonic() + REMOVING_SECONDS
    folders = shared.of(owner_id)
    prefixes = [files_prefix(owner_id), *map(shared_prefix, folders)]
    for _ in _removing(removed, owner_id, admin, jobs, objects, prefixes):
        if time.monotonic() > end:
            removed.done = False
            break
    if removed.done:
        for folder in folders:
            shared.forget(folder)
    return removed


def _removing(
    removed: Removed,
    owner_id: str,
    admin: Principal,
    jobs: JobRecords,
    objects: Objects,
    prefixes: Sequence[str],
) -> Iterator[None]:
    """Remove one thing at a time, and count it."""
    for job in jobs.newest(owner_id):
        try:
            if not job.state.final:
                cancel(job.id, admin, jobs)
                removed.cancelled.append(job.id)
            remove(job.id, admin, jobs, objects)
            removed.jobs += 1
        except (JobActive, JobFinal, NotAdmitted):
            removed.done = False
        except NoSuchJob:  # somebody else has removed it
            continue
        yield
    if not removed.done:
        return
    for prefix in prefixes:
        objects.sweep(prefix)
        for stat in objects.list(prefix):
            objects.delete(stat.key)
            removed.files += 1
            yield
