"""`python -m bench.services.up DATA [RECORDS]`: `fanfold up`, but jobs have no workers: an engine plays them.

While there is a file DATA/hold, the engine accepts no job, so that only their admission is measured. Jobs that it
accepts while there is a file DATA/idle have workers that do nothing, as long as the file is there. Records lie at the
URL RECORDS, if one is named. Prints what `fanfold up --json` prints.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import patch

from fanfold.engines.protocol import Handle, Observation, Phase
from fanfold.planning.planner import PlannedJob
from fanfold_client.local import up, wiring
from fanfold_steps.tree.commit import Commit
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task
from fanfold_steps.tree.version import TREE_VERSION
from fanfold_storage.urls import open_objects, open_records

HELD_SECONDS = 0.05


class Played:
    """An engine whose jobs have succeeded as soon as they are submitted: it writes the tree that workers would."""

    name = "local"
    isolates = False

    def __init__(self, data: Path) -> None:
        self._hold, self._idle = data / "hold", data / "idle"

    def submit(self, plan: PlannedJob) -> Handle:
        """Write a tree of one map and one reduce task."""
        while self._hold.exists():
            time.sleep(HELD_SECONDS)
        handle = Handle("local", plan.conf.id, plan.conf.id)
        if self._idle.exists():
            return handle
        tree, output = JobTree.open(plan.job_url), JobTree(open_objects(plan.conf.output))
        report: dict[str, Any] = {"job": plan.conf.id, "parts": [], "records": 0, "bytes": 0}
        tree.create("plan.json", {"version": TREE_VERSION, "tasks": [{"map": 1, "reduce": 1}], "bytes": 1})
        tree.commit(Task(0, "map", 0), Commit("a", records=1, bytes=1, read=1))
        tree.commit(Task(0, "reduce", 0), Commit("a", records=1, bytes=1))
        output.create("_SUCCESS", report)
        tree.create("report.json", report)
        return handle

    def manifest(self, plan: PlannedJob) -> str | None:
        """There is nothing to be shown."""
        return None

    def observe(self, handle: Handle) -> Observation:
        """All have ended that aren't idle."""
        return Observation(Phase.ACTIVE if self._idle.exists() else Phase.ENDED)

    def active(self) -> Iterator[tuple[str, Handle]]:
        """None has workers."""
        return iter(())

    def watch(self, stop: Event) -> Iterator[str]:
        """Nothing ever changes."""
        stop.wait()
        yield from ()

    def cancel(self, handle: Handle) -> None:
        """Nothing to stop."""

    def close(self) -> None:
        """Let go of those that are held."""
        self._hold.unlink(missing_ok=True)


def main() -> None:
    """Serve until a signal."""
    data = Path(sys.argv[1])
    options = up.Options(data, host="127.0.0.1", port=0, auth_port=0, demo=False)
    records_url = sys.argv[2] if len(sys.argv) > 2 else None
    with (
        patch.object(wiring, "engine_of_services", lambda: Played(data)),
        patch.object(wiring, "open_records", lambda url: open_records(records_url or url)),
    ):
        up.serve(options, lambda ready: print(json.dumps({**asdict(ready), "data": str(data)}), flush=True))


if __name__ == "__main__":
    main()
