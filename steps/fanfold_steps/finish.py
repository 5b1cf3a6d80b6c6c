"""Finish: make every part visible, then say that the output is whole. Anyone may do it, any number of times."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from fanfold_steps.counters import OWN_GROUP, added, counted
from fanfold_steps.crash_points import around
from fanfold_steps.plan import Plan
from fanfold_steps.policy import Skip
from fanfold_steps.quarantine import BAD_RECORDS, demand_few, write_into
from fanfold_steps.spec import JobConf
from fanfold_steps.tree import JobTree, Task
from fanfold_storage.errors import NotFound
from fanfold_storage.objects import Objects, read_all
from fanfold_storage.urls import open_objects

MANIFEST = "_SUCCESS"
REPLACES = "replaces.json"


def finish(tree: JobTree, conf: JobConf) -> None:
    """Commit the staged parts, write `_SUCCESS` with the manifest, then `report.json`."""
    output = open_objects(conf.output)
    plan = Plan.load(tree)
    commits = dict(zip(plan.all_tasks, tree.commits_of(plan.all_tasks), strict=True))
    last = [commits[task] for task in plan.last_tasks]
    staged = {"": [part for commit in last for part in commit["parts"]]}
    for name in plan.spec.outputs:
        staged[name] = [part for commit in last for part in commit["named"].get(name, {"parts": []})["parts"]]
    _demand_few(plan, commits)
    kept = {BAD_RECORDS} if any(commit.get("skipped") for commit in commits.values()) else set()
    _remove_old(tree, output, kept | {key for name, parts in staged.items() for key in _keys(name, parts)})
    skipped = write_into(output, tree.objects, commits.values())
    for part in chain.from_iterable(staged.values()):
        with around("finish.part"):
            output.commit(part["handle"])
    manifest = {"job": conf.id, **_told(staged.pop(""))}
    if staged:
        manifest["outputs"] = {name: _told(parts) for name, parts in staged.items()}
    if isinstance(plan.spec.on_error, Skip):
        manifest["skipped"] = skipped
    with around("finish.manifest"):
        _write_manifest(output, manifest)
    own = {OWN_GROUP: {"output_records": manifest["records"], "output_bytes": manifest["bytes"]}}
    counters = added([*(counted(task, commit) for task, commit in commits.items()), own])
    with around("finish.report"):
        tree.create("report.json", {**manifest, "counters": counters})


def _demand_few(plan: Plan, commits: Mapping[Task, Mapping[str, Any]]) -> None:
    for stage in range(len(plan.tasks)):
        for step, what in (("map", "records"), ("reduce", "keys")):
            of_step = [commit for task, commit in commits.items() if (task.stage, task.step) == (stage, step)]
            demand_few(plan.spec.on_error, of_step, what)


def _keys(output: str, parts: list[dict[str, Any]]) -> Iterator[str]:
    return (f"{output}/{part['name']}" if output else part["name"] for part in parts)


def _told(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """What the manifest tells of an output."""
    told = [{what: part[what] for what in ("name", "records", "bytes", "sha256")} for part in parts]
    return {"parts": told, **{what: sum(part[what] for part in parts) for what in ("records", "bytes")}}


def certify(tree: JobTree, conf: JobConf) -> None:
    """See that an output that the tree reports as whole says so itself.

    Of two workers that finish one job, which replaces an old output in place, a slow one may have taken the new
    manifest away for the old one, and died. Only for who knows that the job's workers have left.
    """
    report = tree.load("report.json")
    _write_manifest(open_objects(conf.output), {name: report[name] for name in report if name != "counters"})


def _write_manifest(output: Objects, manifest: dict[str, Any]) -> None:
    output.put_if_absent(MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())


def _remove_old(tree: JobTree, output: Objects, parts: set[str]) -> None:
    """Where this output replaces an old one in place: first of all the old one's manifest, then its parts."""
    replaced = tree.find(REPLACES)
    if not replaced:
        return
    try:
        old = hashlib.sha256(read_all(output, MANIFEST)).hexdigest() == replaced["manifest"]
    except NotFound:
        old = False
    if old:
        with around("overwrite.manifest"):
            output.delete(MANIFEST)
    for stat in list(output.list()):
        if not stat.key.startswith("_job/") and stat.key not in {*parts, MANIFEST}:
            with around("overwrite.part"):
                output.delete(stat.key)


def sweep(conf: JobConf) -> None:
    """Drop staged parts that nobody committed. Only for who knows that the job's workers have left."""
    open_objects(conf.output).sweep()
