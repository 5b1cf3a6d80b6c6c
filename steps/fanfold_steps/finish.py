"""Finish: make every part visible, then say that the output is whole. Anyone may do it, any number of times."""

import json
from typing import Any

from fanfold_steps.spec import JobConf
from fanfold_steps.tree import JobTree, Task
from fanfold_storage.urls import open_objects


def finish(tree: JobTree, conf: JobConf) -> None:
    """Commit the staged parts, write `_SUCCESS` with the manifest, then `report.json`."""
    output = open_objects(conf.output)
    parts = []
    for partition in range(conf.partitions):
        commit = tree.commit_of(Task(0, "reduce", partition))
        output.commit(commit["handle"])
        parts.append({"name": commit["part"], **{what: commit[what] for what in ("records", "bytes", "sha256")}})
    manifest: dict[str, Any] = {
        "job": conf.id,
        "parts": parts,
        "records": sum(part["records"] for part in parts),
        "bytes": sum(part["bytes"] for part in parts),
    }
    output.put_if_absent("_SUCCESS", (json.dumps(manifest, indent=2) + "\n").encode())
    tree.create("report.json", manifest)


def sweep(conf: JobConf) -> None:
    """Drop staged parts that nobody committed. Only for who knows that the job's workers have left."""
    open_objects(conf.output).sweep()
