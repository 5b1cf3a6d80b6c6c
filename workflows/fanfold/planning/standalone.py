"""Run jobs without a service: a job's tree lies in its own output, under `_job`, until the output is complete.

The last file removed from there is `report.json`. While it stands without `kept.json`, the output is complete and only
the clean-up remains.
"""

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from fanfold.errors import Refused
from fanfold.planning import kept, planner
from fanfold.planning.compiled import CompiledJob
from fanfold.planning.planner import Places, PlannedJob, refuse_taken_output
from fanfold.planning.replacing import Target, put_in_place, remove_leftovers, target_of
from fanfold.planning.sizing import Sizing
from fanfold_steps.crash_points import around
from fanfold_steps.job.spec import Inputs, JobConf, urls_of
from fanfold_steps.outputs.finish import REPLACES, ensure_manifest, sweep
from fanfold_steps.outputs.place import resolved
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.plan import begun_conf
from fanfold_steps.tree.version import OtherVersion
from fanfold_storage.errors import NotFound
from fanfold_storage.urls import open_objects

OWNER = "local"
_LOCK_FOLDERS = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 (the name holds a user's id, the file is locked)
WHEELS = "wheels/"
CHUNK = 1 << 20
REPORT, KEPT = "report.json", "kept.json"


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A planned job, with the place where its output is built and the place where it belongs."""

    plan: PlannedJob
    target: Target
    overwrite: bool = False
    """Whether an unfinished run of another job may be removed."""

    @property
    def tree(self) -> JobTree:
        """The job's tree, which may not exist yet."""
        return JobTree.open(self.plan.job_url)


def plan_run(
    compiled: CompiledJob, inputs: Inputs, output: str, sizing: Sizing, engine: str, *, overwrite: bool = False
) -> PlannedRun:
    """Plan a job that writes to the URL `output`. Nothing is written yet.

    The job's id follows from its code, inputs and output, not from splits, workers or memory: the same command always
    means the same job.

    Raises:
        Refused: as `planner.plan`; or the output exists and may not be replaced.
    """
    places = Places(inputs, output, _tree_url(output), output_may_exist=True)
    plan = planner.plan(compiled.spec, places, sizing, job_id="", owner=OWNER, engine=engine)
    plan = replace(plan, conf=replace(plan.conf, params=compiled.params))
    identity = {**plan.conf.to_json(), "split_size": 0, "workers": {}, "memory": None}
    identity["bundle_url"] = f"{places.job}bundle.zip" if compiled.bundle else None
    identity["wheels_url"] = None
    job_id = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:20]
    if _is_started(places.job, job_id, overwrite=overwrite):
        target = Target(output, output)
    elif overwrite:
        target = target_of(output, urls_of(inputs))
    else:
        refuse_taken_output(output)
        target = Target(output, output)
    url = _tree_url(target.work)
    bundle = f"{url}bundle.zip" if compiled.bundle else None
    wheels = _wheels_url(compiled, url, engine)
    conf = replace(plan.conf, id=job_id, output=target.work, bundle_url=bundle, wheels_url=wheels)
    return PlannedRun(PlannedJob(conf, url, OWNER), target, overwrite)


def _wheels_url(compiled: CompiledJob, tree_url: str, engine: str) -> str | None:
    """Where workers find the job's wheels: in this machine's cache, or, from another machine, in the job's tree."""
    if compiled.wheels is None:
        return None
    return f"{compiled.wheels.as_uri()}/" if engine == "local" else f"{tree_url}{WHEELS}"


def start_or_resume(run: PlannedRun, compiled: CompiledJob) -> PlannedJob:
    """Write what the workers read; or, if this job was interrupted before, return the plan it was started with.

    The tree of a failed job is cleared first.

    Raises:
        Refused: the output holds an unfinished run of another job.
    """
    tree, plan = run.tree, run.plan
    if conf := _interrupted(run):
        return replace(plan, conf=conf)
    if compiled.bundle:
        with around("start.bundle"):
            tree.objects.put("bundle.zip", [compiled.bundle.data])
    if plan.conf.wheels_url == f"{plan.job_url}{WHEELS}":
        _put_wheels(tree, compiled)
    if run.target.replaces:
        with around("start.replaces"):
            tree.create(REPLACES, {"manifest": run.target.replaces})
    with around("start.job"):
        planner.write(plan)
    return plan


def _put_wheels(tree: JobTree, compiled: CompiledJob) -> None:
    assert compiled.wheels and compiled.spec.dependencies
    for wheel in compiled.spec.dependencies.wheels:
        with around("start.wheels"), (compiled.wheels / wheel.sha256).open("rb") as file:
            tree.objects.put(f"{WHEELS}{wheel.sha256}", iter(partial(file.read, CHUNK), b""))


@contextmanager
def lock_output(output: str) -> Iterator[None]:
    """Keep other commands on this machine from running a job into the same output; the lock ends with the process.

    Raises:
        Refused: another command holds the lock.
    """
    name = hashlib.sha256(os.fsencode(resolved(output))).hexdigest()[:24]
    path = _lock_folder() / f"fanfold-{os.getuid()}-{name}.lock"
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = os.path.samestat(os.fstat(lock.fileno()), path.stat())  # not one that its holder just removed
        except (BlockingIOError, FileNotFoundError):
            is_ours = False
        if not is_ours:
            raise Refused(f"another command is running a job into {output}: wait for it, or choose another output")
        try:
            yield
        finally:
            path.unlink()


def _lock_folder() -> Path:
    """One folder for all commands, whatever TMPDIR each of them was started with."""
    return next((folder for folder in _LOCK_FOLDERS if os.access(folder, os.W_OK)), Path(tempfile.gettempdir()))


def finalize(run: PlannedRun, *, keep: bool, seconds: float | None = None) -> None:
    """Clean up after a job whose output is complete, and move the output into place. Its workers must have left.

    What is worth knowing of the job is kept in the output: how long it took, in `seconds`, its log, and its tasks.
    """
    target = run.target
    ensure_manifest(run.tree, run.plan.conf)
    kept.keep(run.tree, run.plan.conf, target.work, seconds)
    sweep(run.plan.conf, run.tree)
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
    """Remove a job's tree from an output, except its report; the files that identify the job go last."""
    store = open_objects(output)  # deleting as the output's keys takes the emptied folder `_job` with the last one
    last = ["_job/job.json", f"_job/{KEPT}"]
    keys = {stat.key for stat in store.list("_job/")} - {f"_job/{REPORT}"}
    for key in [*sorted(keys - {*last}), *(key for key in last if key in keys)]:
        with around("clear.tree"):
            store.delete(key)


def _is_started(job_url: str, job_id: str, *, overwrite: bool) -> bool:
    """Whether the output holds a run of this very job that isn't finalized yet."""
    tree = JobTree.open(job_url)
    if tree.find(KEPT):
        return False
    if report := tree.report():
        return report.job == job_id
    try:
        if begun_conf(tree).id != job_id:
            return False
    except NotFound:
        return False
    except OtherVersion as error:
        if overwrite:
            return False
        raise Refused(str(error)) from error
    return overwrite or not tree.find(REPLACES)


def _interrupted(run: PlannedRun) -> JobConf | None:
    """The configuration with which this very job was started before; None if it wasn't.

    The leftovers of another job are cleared.

    Raises:
        Refused: another job may still be running there.
    """
    tree, wanted = run.tree, run.plan.conf
    report = tree.report()
    if report and report.job == wanted.id and not tree.find(KEPT):
        return wanted
    try:
        conf = begun_conf(tree)
    except (NotFound, OtherVersion):  # one that another version began is only met here if it is to be overwritten
        conf = None
    if conf and not report and conf.id == wanted.id:
        tree.objects.delete("failed.json")
        return conf
    if conf and not (report or run.target.is_beside or run.overwrite or tree.failure()):
        raise Refused(
            f"{conf.output} holds an unfinished run of another job, or of this job with different inputs, code "
            "or resources: let that run finish, start over with --overwrite, or choose another output"
        )
    if run.target.is_beside:
        remove_leftovers(run.target.final)
    else:
        _remove_tree(wanted.output)
    return None


def _remove_tree(output: str) -> None:
    store = open_objects(output)
    if next(iter(store.list("_job/")), None):
        open_objects(_tree_url(output)).sweep()
        store.delete(f"_job/{REPORT}")
        _clear(output)
