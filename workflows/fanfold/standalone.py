"""Jobs without a service: each lies in its own output, under `_job`, until the output is whole."""

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fanfold import planner
from fanfold.authored import Authored
from fanfold.planner import Places, Plan, Refused, Sizing
from fanfold_steps.spec import JobConf
from fanfold_steps.tree import JobTree
from fanfold_storage.errors import NotFound
from fanfold_storage.urls import open_objects

OWNER = "local"


def draft(authored: Authored, inputs: Sequence[str], output: str, sizing: Sizing, engine: str) -> Plan:
    """The plan of a job that writes to the URL `output`. Nothing is written yet.

    Its id follows from code, inputs and output, not from splits and workers: the same command means the same job.

    Raises:
        Refused: as `planner.plan`.
    """
    job_url = f"{output}_job/"
    places = Places(inputs, output, job_url, f"{job_url}bundle.zip" if authored.bundle else None)
    plan = planner.plan(authored.spec, places, sizing, job_id="", owner=OWNER, engine=engine)
    identity = json.dumps({**plan.conf.to_json(), "split_size": 0, "workers": {}}, sort_keys=True)
    return replace(plan, conf=replace(plan.conf, id=hashlib.sha256(identity.encode()).hexdigest()[:20]))


def take_up(plan: Plan, authored: Authored) -> Plan:
    """Write what the workers read; or, if this job was interrupted there, the plan it began with.

    A failed job's tree is cleared away first.

    Raises:
        Refused: an unfinished run of another job is there.
    """
    tree = JobTree.open(plan.job_url)
    if found := _unfinished(tree, plan.conf):
        return replace(plan, conf=found)
    if authored.bundle:
        tree.objects.put("bundle.zip", [authored.bundle.data])
    planner.write(plan)
    return plan


@contextmanager
def alone(output: str) -> Iterator[None]:
    """Keep other commands on this machine from running a job into the same output; ends with the process.

    Raises:
        Refused: one does.
    """
    name = hashlib.sha256(output.encode()).hexdigest()[:24]
    with (Path(tempfile.gettempdir()) / f"fanfold-{os.getuid()}-{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused(
                f"another command runs a job into {output} now: wait for it, or choose another output"
            ) from error
        try:
            yield
        finally:
            Path(lock.name).unlink()


def clear(conf: JobConf, tree: JobTree) -> None:
    """Remove a job's tree from its output. Only when nobody works on it."""
    tree.objects.sweep()
    store = open_objects(conf.output)  # deleting as the output's keys takes the emptied folder `_job` with the last one
    for stat in list(store.list("_job/")):
        store.delete(stat.key)


def _unfinished(tree: JobTree, wanted: JobConf) -> JobConf | None:
    failed = tree.find("failed.json") is not None
    try:
        conf = tree.conf()
    except NotFound:
        return None
    if conf.id == wanted.id:
        tree.objects.delete("failed.json")
        return conf
    if not failed:
        raise Refused(
            f"{conf.output} holds an unfinished run of another job, or of this one with other inputs or code: "
            "let that one end, remove the folder, or choose another output"
        )
    clear(conf, tree)
    return None
