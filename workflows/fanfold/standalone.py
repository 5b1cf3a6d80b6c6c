"""Jobs without a service: each lies in its own output, under `_job`, until the output is whole.

The last thing that is removed there is `report.json`: as long as it stands without `kept.json`, the output is whole and
only clearing up is left.
"""

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fanfold import planner
from fanfold.authored import Authored
from fanfold.planner import Places, PlannedJob, Refused, Sizing, refuse_taken_output, resolved
from fanfold.replacing import Target, put_in_place, remove_leftovers, target_of
from fanfold_steps.crash_points import around
from fanfold_steps.finish import REPLACES, certify, sweep
from fanfold_steps.spec import Inputs, JobConf, urls_of
from fanfold_steps.tree import JobTree
from fanfold_storage.errors import NotFound
from fanfold_storage.urls import open_objects

OWNER = "local"
REPORT, KEPT = "report.json", "kept.json"


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan, and where its output is made and belongs."""

    plan: PlannedJob
    target: Target

    @property
    def tree(self) -> JobTree:
        """The job's tree, which may not be there yet."""
        return JobTree.open(self.plan.job_url)


def draft(
    authored: Authored, inputs: Inputs, output: str, sizing: Sizing, engine: str, *, overwrite: bool = False
) -> Draft:
    """The plan of a job that writes to the URL `output`. Nothing is written yet.

    Its id follows from code, inputs and output, not from splits, workers or memory: the same command, the same job.

    Raises:
        Refused: as `planner.plan`; or the output is there and may not be replaced.
    """
    places = Places(inputs, output, _tree_url(output), output_may_exist=True)
    plan = planner.plan(authored.spec, places, sizing, job_id="", owner=OWNER, engine=engine)
    plan = replace(plan, conf=replace(plan.conf, params=authored.params))
    identity = {**plan.conf.to_json(), "split_size": 0, "workers": {}, "memory": None}
    identity["bundle_url"] = f"{places.job}bundle.zip" if authored.bundle else None
    name = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:20]
    if _is_begun(places.job, name, overwrite=overwrite):
        target = Target(output, output)
    elif overwrite:
        target = target_of(output, urls_of(inputs))
    else:
        refuse_taken_output(output)
        target = Target(output, output)
    url = _tree_url(target.work)
    bundle = f"{url}bundle.zip" if authored.bundle else None
    return Draft(PlannedJob(replace(plan.conf, id=name, output=target.work, bundle_url=bundle), url, OWNER), target)


def take_up(draft: Draft, authored: Authored) -> PlannedJob:
    """Write what the workers read; or, if this job was interrupted there, the plan it began with.

    A failed job's tree is cleared away first.

    Raises:
        Refused: an unfinished run of another job is there.
    """
    tree, plan = draft.tree, draft.plan
    if found := _unfinished(draft):
        return replace(plan, conf=found)
    if authored.bundle:
        with around("start.bundle"):
            tree.objects.put("bundle.zip", [authored.bundle.data])
    if draft.target.replaces:
        with around("start.replaces"):
            tree.create(REPLACES, {"manifest": draft.target.replaces})
    with around("start.job"):
        planner.write(plan)
    return plan


@contextmanager
def alone(output: str) -> Iterator[None]:
    """Keep other commands on this machine from running a job into the same output; ends with the process.

    Raises:
        Refused: one does.
    """
    name = hashlib.sha256(resolved(output).encode()).hexdigest()[:24]
    path = Path(tempfile.gettempdir()) / f"fanfold-{os.getuid()}-{name}.lock"
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = os.path.samestat(os.fstat(lock.fileno()), path.stat())  # not one that its holder just removed
        except (BlockingIOError, FileNotFoundError):
            is_ours = False
        if not is_ours:
            raise Refused(f"another command runs a job into {output} now: wait for it, or choose another output")
        try:
            yield
        finally:
            path.unlink()


def settle(draft: Draft, *, keep: bool) -> None:
    """Clear up behind a job whose output is whole, and let it take its place. Only when nobody works on it."""
    target = draft.target
    certify(draft.tree, draft.plan.conf)
    sweep(draft.plan.conf)
    draft.tree.objects.sweep()
    if not keep:
        _clear(target.work)
    if target.is_beside:
        put_in_place(target)
    remove_leftovers(target.final)
    with around("clear.report"):
        if keep:
            JobTree.open(_tree_url(target.final)).create(KEPT, {})
        else:
            open_objects(target.final).delete(f"_job/{REPORT}")


def _tree_url(output: str) -> str:
    return f"{output}_job/"


def _clear(output: str) -> None:
    """Remove a job's tree from an output, all but its report; last what tells whose it is."""
    store = open_objects(output)  # deleting as the output's keys takes the emptied folder `_job` with the last one
    last = ["_job/job.json", f"_job/{KEPT}"]
    keys = {stat.key for stat in store.list("_job/")} - {f"_job/{REPORT}"}
    for key in [*sorted(keys - {*last}), *(key for key in last if key in keys)]:
        with around("clear.tree"):
            store.delete(key)


def _is_begun(job_url: str, job_id: str, *, overwrite: bool) -> bool:
    """Whether the output at hand is this job's own, and not settled yet."""
    tree = JobTree.open(job_url)
    if tree.find(KEPT):
        return False
    if report := tree.find(REPORT):
        return bool(report["job"] == job_id)
    try:
        if tree.conf().id != job_id:
            return False
    except NotFound:
        return False
    return overwrite or not tree.find(REPLACES)


def _unfinished(draft: Draft) -> JobConf | None:
    """The configuration with which this very job was begun. What another one left is cleared away or refused."""
    tree, wanted = draft.tree, draft.plan.conf
    report = tree.find(REPORT)
    if report and report["job"] == wanted.id and not tree.find(KEPT):
        return wanted
    try:
        conf = tree.conf()
    except NotFound:
        conf = None
    if conf and not report and conf.id == wanted.id:
        tree.objects.delete("failed.json")
        return conf
    if conf and not (report or draft.target.is_beside or tree.failure()):
        raise Refused(
            f"{conf.output} holds an unfinished run of another job, or of this one with other inputs or code: "
            "let that one end, remove the folder (--overwrite replaces what is whole), or choose another output"
        )
    if draft.target.is_beside:
        remove_leftovers(draft.target.final)
    else:
        _remove_tree(wanted.output)
    return None


def _remove_tree(output: str) -> None:
    store = open_objects(output)
    if next(iter(store.list("_job/")), None):
        open_objects(_tree_url(output)).sweep()
        store.delete(f"_job/{REPORT}")
        _clear(output)
