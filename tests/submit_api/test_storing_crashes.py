"""Every write of what users keep: the process dies before or after it, another goes on, and accounts come out right."""

import contextlib
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fanfold_storage.errors import NotFound
from fanfold_storage.objects import Objects
from fanfold_storage.records import scan_all
from fanfold_storage.urls import open_objects
from fanfold_submit.http.storing import Storing
from fanfold_submit.jobs.bundles import bundle_key
from fanfold_submit.jobs.job import Job
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.jobs.removal import remove_ended
from fanfold_submit.principal import Principal
from fanfold_submit.queueing.parts import Queueing
from fanfold_submit.reconciling.reconciler import Reconciler
from fanfold_submit.routes.bundles import store_bundle
from fanfold_submit.storing.accounts import ACCOUNTS, BUNDLES, TREES, Account, ByteLimits
from fanfold_submit.storing.recount import AT_LEAST_EVERY, Recount
from fanfold_submit.storing.stored import StoredBytes
from tests.submit_api.reconciling import Bench
from tests.submit_api.test_crashes import Killed, Tripwire

ADA = Principal("ada", "ada", ("submitter",))
WRITES = {"transact", "put", "delete", "sweep"}


class Body:
    """An upload that has arrived."""

    def __init__(self, data: bytes, at_end: Any = lambda size: None) -> None:
        self._data, self._at_end = data, at_end
        self.sha256, self.size = hashlib.sha256(data).hexdigest(), len(data)

    def __iter__(self) -> Iterator[bytes]:
        yield self._data
        self._at_end(self.size)


class World:
    """What one process works with; the stores outlive it."""

    def __init__(self, bench: Bench, objects: Objects, wire: Tripwire) -> None:
        self.bench, self.clock = bench, bench.clock
        self.records, self.objects = wire.around(bench.records), wire.around(objects)
        self.stored = StoredBytes(self.records, ByteLimits())
        self.service: Any = SimpleNamespace(stored=self.stored, objects=self.objects)
        self.jobs = JobRecords(self.records)
        self.recount = Recount(self.records, self.objects, self.stored, self.clock)

    def put(self, path: str, size: int) -> None:
        storing = Storing(self.service, ADA, f"files/ada/{path}")
        storing.put(Body(bytes(size), storing.reserve))

    def delete(self, path: str) -> None:
        with contextlib.suppress(NotFound):
            self.objects.stat(f"files/ada/{path}")
            Storing(self.service, ADA, f"files/ada/{path}").delete()

    def bundle(self, who: Principal, data: bytes) -> None:
        body: Any = Body(data)
        store_bundle(self.service, who, body.sha256, body)

    def settle(self, job: Job) -> None:
        queueing = Queueing.over(self.records, self.bench.queueing.limits, self.clock)
        reconciler = Reconciler(
            self.jobs, self.bench.engine, self.bench.places, self.bench.reach, queueing, self.stored
        )
        for _ in range(10):
            self.clock.now += 5
            if self.jobs.find(job.id) is None or reconciler.reconcile(job.id) is None:
                return

    def live(self, job: Job) -> None:
        """What users, jobs and the service itself do; all of it is done again if the process before has died."""
        self.put("a", 1000)
        self.put("a", 10)
        self.put("b", 500)
        self.delete("b")
        self.recount.count_stale()
        self.bundle(ADA, zipped("a"))
        self.bundle(ADA, zipped("b"))
        self.settle(job)
        assert remove_ended(job.id, self.jobs, self.objects)
        self.objects.delete(bundle_key(Body(zipped("b")).sha256))
        for _ in range(2):
            self.recount.forget_bundles()


def zipped(name: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(zipfile.ZipInfo(f"{name}.py"), "")
    return content.getvalue()


def crash_at(folder: Path, point: int, after: bool) -> bool:
    """Whether that write was reached. Afterwards, and a day later, accounts must say what is there."""
    folder.mkdir()
    bench = Bench(folder)
    objects = open_objects(bench.root)
    job = bench.admit()
    bench.reconcile(job)
    bench.engine.finish(job.id)
    bench.engine.end(job.id)
    wire = Tripwire(point, after, WRITES)
    with contextlib.suppress(Killed):
        World(bench, objects, wire).live(job)
    world = World(bench, objects, Tripwire(0, False, WRITES))
    world.live(job)
    bench.clock.now += AT_LEAST_EVERY + 1
    world.recount.count_stale()
    for _ in range(2):
        world.recount.forget_bundles()
    found = bench.records.get(ACCOUNTS + "ada")
    account = Account.of(found.value if found else None)
    assert account.files == sum(stat.size for stat in objects.list("files/ada/"))
    assert account.trees == 0 and scan_all(bench.records, TREES).records == []
    kept = {
        record.key.removeprefix(BUNDLES): record.value["size"] for record in scan_all(bench.records, BUNDLES).records
    }
    assert kept == {stat.key.removeprefix(bundle_key("")): stat.size for stat in objects.list(bundle_key(""))}
    assert account.bundles == sum(kept.values())
    bench.records.close()
    return wire.calls >= point


def test_a_bundle_that_two_send_at_once_is_counted_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    world = World(bench, open_objects(bench.root), Tripwire(0, False, WRITES))
    world.stored.reserve(ADA, "ada", "bundles", 106, "0" * 64)
    world.stored.reserve(Principal("bob", "bob", ("submitter",)), "bob", "bundles", 106, "0" * 64)
    accounts = {record.key: record.value["bundles"] for record in scan_all(bench.records, ACCOUNTS).records}
    assert accounts == {f"{ACCOUNTS}ada": 106}
    bench.records.close()


@pytest.mark.thorough
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_kill_at_any_write_leaves_accounts_that_come_out_right(tmp_path: Path, after: bool) -> None:
    point = 1
    while crash_at(tmp_path / str(point), point, after):
        point += 1
    assert point > 20, "what users keep is written more often than that"
