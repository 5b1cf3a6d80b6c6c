"""A replica of the submit service as a process of its own, over etcd and a folder, whose workers survive it.

`python -m tests.storms.slow_replica PORT RECORDS STORE JWKS`. Workers are files in STORE/crews/, which the test lets
work: as on a cluster, they belong to no replica.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import uvicorn

from fanfold.engines import Handle, Observation, Phase
from fanfold.planning.planner import PlannedJob
from fanfold_storage.urls import open_objects, open_records
from fanfold_submit.app import build_app
from fanfold_submit.settings import Settings
from fanfold_web.server import configure, listen
from tests.submit_api.conftest import ISSUER


@dataclass
class Crews:
    """An engine: a crew is the file STORE/crews/ID-RUN, which says `active` or `ended`."""

    folder: Path
    name: str = "scripted"
    isolates: bool = True

    def submit(self, plan: PlannedJob) -> Handle:
        name = f"{plan.conf.id}-{plan.run}"
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        if not path.exists():
            path.write_text("active")
        return Handle("storm", name, "1")

    def manifest(self, plan: PlannedJob) -> None:
        return None

    def observe(self, handle: Handle) -> Observation:
        path = self.folder / handle.name
        if not path.exists():
            return Observation(Phase.GONE)
        return Observation(Phase.ACTIVE if path.read_text() != "ended" else Phase.ENDED)

    def active(self) -> Iterator[tuple[str, Handle]]:
        for path in self.folder.glob("*"):
            if path.read_text() != "ended":
                yield path.name.partition("-")[0], Handle("storm", path.name, "1")

    def watch(self, stop: Event) -> Iterator[str]:
        stop.wait()
        return iter(())

    def cancel(self, handle: Handle) -> None:
        (self.folder / handle.name).write_text("ended")

    def close(self) -> None:
        pass


def main() -> None:
    port, records, store, jwks = sys.argv[1:]
    settings = Settings(issuer=ISSUER, jwks_url=jwks, auth_url="http://auth.test", reconcile_seconds=2.0)
    app = build_app(settings, open_records(records), open_objects(f"file://{store}/"), Crews(Path(store) / "crews"))
    uvicorn.Server(configure(app)).run([listen("127.0.0.1", int(port))])


if __name__ == "__main__":
    main()
