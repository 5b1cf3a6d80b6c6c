"""A replica in a process of its own: submit_api over etcd, and an engine whose crews are processes that outlive it.

python -m tests.submit_api.queueing.replica RECORDS STORE CREWS KEYS JOBS WORKERS
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

from fanfold.engines import Handle, Observation, Phase
from fanfold.planning.planner import PlannedJob
from fanfold.planning.sizing import at_once
from fanfold_storage.urls import open_objects, open_records
from fanfold_submit.app import build_app
from fanfold_submit.settings import Settings
from fanfold_web import log, server
from tests.submit_api.conftest import ISSUER
from tests.submit_api.queueing import crew


class FolderEngine:
    """Crews in a folder that all replicas share (see `crew`)."""

    name = "argo"
    isolates = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def submit(self, plan: PlannedJob) -> Handle:
        if not (self._folder / plan.conf.id).exists():
            place = {"tree": plan.job_url, "output": plan.conf.output, "workers": at_once(plan.conf.workers)}
            subprocess.Popen(
                [sys.executable, "-m", crew.__name__, str(self._folder), plan.conf.id, json.dumps(place)],
                start_new_session=True,
            )
        return Handle("test", plan.conf.id, "uid")

    def manifest(self, plan: PlannedJob) -> None:
        """There is none."""

    def observe(self, handle: Handle) -> Observation:
        has_ended = (self._folder / f"{handle.name}.ended").exists()
        return Observation(Phase.ENDED if has_ended else Phase.ACTIVE)

    def active(self) -> Iterator[tuple[str, Handle]]:
        return iter(())

    def watch(self, stop: Event) -> Iterator[str]:
        stop.wait()
        return iter(())

    def cancel(self, handle: Handle) -> None:
        """They end soon anyway."""

    def close(self) -> None:
        """Crews end by themselves."""


def main(records: str, store: str, crews: str, keys: str, jobs: str, workers: str) -> None:
    """Serve until a signal."""
    log.to_stderr()
    settings = Settings(issuer=ISSUER, jwks_url=keys, auth_url="http://auth.test", jobs=int(jobs), workers=int(workers))
    app = build_app(settings, open_records(records), open_objects(store), FolderEngine(Path(crews)))
    server.serve(app, "127.0.0.1", 0, log.logger("replica"))


if __name__ == "__main__":
    main(*sys.argv[1:])
