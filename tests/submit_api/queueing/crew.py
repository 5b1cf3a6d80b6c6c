"""The workers of one job, as one process that ends the job at once: what is noted says how many were there when.

FOLDER/ID         the crew has come; a second one leaves again
FOLDER/ID.ended   it has left
FOLDER/log        {job, workers}: so many workers came or, below 0, left
"""

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from fanfold_steps.tree.job_tree import JobTree
from fanfold_storage.urls import open_objects


def work(folder: Path, job: str, tree: str, output: str, workers: int) -> None:
    """Come, finish the job, leave."""
    (folder / job).touch(exist_ok=False)
    note(folder, job, workers)
    manifest: dict[str, Any] = {"job": job, "parts": [], "records": 0, "bytes": 0}
    JobTree(open_objects(output)).create("_SUCCESS", manifest)
    note(folder, job, -workers)
    (folder / f"{job}.ended").touch()
    JobTree.open(tree).create("report.json", manifest)


def note(folder: Path, job: str, workers: int) -> None:
    """Add a line, by one write, so that lines of several processes don't mix."""
    with (folder / "log").open("a") as file:
        file.write(json.dumps({"job": job, "workers": workers}) + "\n")


if __name__ == "__main__":
    with contextlib.suppress(FileExistsError):
        work(Path(sys.argv[1]), sys.argv[2], **json.loads(sys.argv[3]))
