"""Finish: make every part visible, then mark the output as complete. Any worker may do it, any number of times."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Literal

from fanfold_steps.crash_points import around
from fanfold_steps.job.spec import JobConf
from fanfold_steps.outputs.quarantine import demand_few, files_of, write_into
from fanfold_steps.outputs.same_columns import with_same_columns
from fanfold_steps.summary.task_table import TaskTable, write_table
from fanfold_steps.tree.commit import Commit, Part
from fanfold_steps.tree.counters import OWN_GROUP, added, counted
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.parallel import each
from fanfold_steps.tree.plan import Plan
from fanfold_steps.tree.report import REPORT_KEY, OutputReport, Report
from fanfold_steps.tree.task import Task
from fanfold_storage.errors import NotFound
from fanfold_storage.objects import Objects, read_all
from fanfold_storage.urls import open_objects

MANIFEST = "_SUCCESS"
REPLACES = "replaces.json"


def finish(tree: JobTree, conf: JobConf) -> None:
    """Commit the staged parts; then write `_SUCCESS`, which holds the manifest; then `report.json`.

    Raises:
        PermanentFailure: too many records were skipped, or the tree can't be read.
    """
    output = open_objects(conf.output)
    plan = Plan.load(tree)
    commits = dict(zip(plan.all_tasks, tree.commits_of(plan.all_tasks), strict=True))
    last = [commits[task] for task in plan.last_tasks]
    staged = {"": [part for commit in last for part in commit.parts]}
    for name in plan.spec.outputs:
        staged[name] = [part for commit in last if name in commit.named for part in commit.named[name].parts]
    _demand_few(plan, commits)
    bad = files_of((_input_of(plan, task), commit) for task, commit in commits.items())
    _remove_old(tree, output, {*bad} | {key for name, parts in staged.items() for key in _keys(name, parts)})
    write_into(output, tree.objects, bad)
    each(partial(_commit_part, output), list(chain.from_iterable(staged.values())))
    for name, parts in staged.items():
        declared, folder = (plan.spec.outputs[name], f"{name}/") if name else (plan.spec.output, "")
        staged[name] = with_same_columns(output, folder, declared, parts)
    whole = OutputReport.of(staged.pop(""))
    own = {OWN_GROUP: {"output_records": whole.records, "output_bytes": whole.bytes}}
    report = Report(
        job=conf.id,
        parts=whole.parts,
        records=whole.records,
        bytes=whole.bytes,
        outputs={name: OutputReport.of(parts) for name, parts in staged.items()},
        skipped=sum(one.skipped.count for one in commits.values() if one.skipped) if plan.skips else None,
        counters=added([*(counted(task, commit) for task, commit in commits.items()), own]),
    )
    table = TaskTable()
    for task, commit in commits.items():
        table.add(task, commit)
    write_table(tree, table)
    with around("finish.manifest"):
        _write_manifest(output, report)
    with around("finish.report"):
        tree.create(REPORT_KEY, report.to_json())


def _commit_part(output: Objects, part: Part) -> None:
    with around("finish.part"):
        output.commit(part.handle)


def _input_of(plan: Plan, task: Task) -> str:
    """The name of the input that a task reads; '' if it has none."""
    is_first = (task.stage, task.step) == (0, "map")
    return plan.files[plan.splits[task.index][0][0]].input if is_first else ""


def _demand_few(plan: Plan, commits: Mapping[Task, Commit]) -> None:
    steps: list[tuple[str, Literal["records", "keys"]]] = [("map", "records"), ("reduce", "keys")]
    for stage in range(len(plan.tasks)):
        for step, what in steps:
            of_step = [commit for task, commit in commits.items() if (task.stage, task.step) == (stage, step)]
            demand_few(plan.spec.on_error, of_step, what)


def _keys(output: str, parts: list[Part]) -> Iterator[str]:
    return (f"{output}/{part.name}" if output else part.name for part in parts)


def ensure_manifest(tree: JobTree, conf: JobConf) -> None:
    """Write the manifest of an output that is complete according to the tree, unless it exists.

    If two workers finish a job that replaces an old output in place, the slower one may have deleted the new manifest,
    taking it for the old one, and died. Only to be called when the job's workers have exited.
    """
    report = tree.report()
    assert report
    _write_manifest(open_objects(conf.output), report)


def _write_manifest(output: Objects, report: Report) -> None:
    output.put_if_absent(MANIFEST, (json.dumps(report.manifest(), indent=2) + "\n").encode())


def _remove_old(tree: JobTree, output: Objects, parts: set[str]) -> None:
    """If this output replaces an old one in place, delete the old manifest, then the old parts."""
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


def sweep(conf: JobConf, tree: JobTree, keep: Collection[str] = ()) -> None:
    """Remove what was staged in output and tree but never committed, except what has the handles `keep`.

    Only for when the workers have exited.
    """
    open_objects(conf.output).sweep(keep=keep)
    tree.objects.sweep(keep=keep)
