"""Records and objects belong together, and one local engine works on them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fanfold_storage.errors import Unavailable
from fanfold_storage.objects import Objects
from fanfold_storage.records import Records, Write
from fanfold_storage.urls import open_objects, open_records
from fanfold_submit.stores import OBJECT, RECORD, Pairing, lock_for_local_engine
from fanfold_web.command import CannotServe
from tests.submit_api.conftest import ISSUER, KeyServer, Site
from tests.waiting import at_once


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return open_objects(f"file://{tmp_path}/data/")


@pytest.fixture
def new_records(tmp_path: Path) -> Iterator[Callable[[], Records]]:
    opened: list[Records] = []

    def make() -> Records:
        opened.append(open_records(f"sqlite://{tmp_path}/{len(opened)}.db"))
        return opened[-1]

    yield make
    for records in opened:
        records.close()


def test_new_stores_are_paired_and_stay_so(objects: Objects, new_records: Callable[[], Records]) -> None:
    records = new_records()
    for _ in range(2):
        Pairing(records, objects).check()
    for _ in range(2):
        with pytest.raises(CannotServe, match="know nothing of this store, which is in use"):
            Pairing(new_records(), objects).check()


def test_records_of_another_store_are_refused(
    objects: Objects, new_records: Callable[[], Records], tmp_path: Path
) -> None:
    records, others = new_records(), new_records()
    Pairing(records, objects).check()
    other_objects = open_objects(f"file://{tmp_path}/other/")
    Pairing(others, other_objects).check()
    with pytest.raises(CannotServe, match="belong to another store"):
        Pairing(others, objects).check()
    with pytest.raises(CannotServe, match="belong to another store"):
        Pairing(records, open_objects(f"file://{tmp_path}/empty/")).check()
    objects.put(OBJECT, [b"[]"])
    with pytest.raises(CannotServe, match="belong to another store"):
        Pairing(records, objects).check()


def test_stores_from_before_are_taken_as_they_are(objects: Objects, new_records: Callable[[], Records]) -> None:
    records = new_records()
    records.transact([], [Write("submit/jobs/000m3k2v8q1x7f9a2b4c", {})])
    objects.put("jobs/000m3k2v8q1x7f9a2b4c/job.json", [b"{}"])
    Pairing(records, objects).check()
    Pairing(records, objects).check()


def test_files_without_a_job_are_no_sign_of_lost_records(objects: Objects, new_records: Callable[[], Records]) -> None:
    objects.put("files/ada/a.txt", [b"a"])
    Pairing(new_records(), objects).check()


def test_jobs_without_records_are(objects: Objects, new_records: Callable[[], Records]) -> None:
    objects.put("jobs/000m3k2v8q1x7f9a2b4c/job.json", [b"{}"])
    with pytest.raises(CannotServe, match="Serve it with its own records"):
        Pairing(new_records(), objects).check()


def test_replicas_that_start_together_pair_the_same(objects: Objects, new_records: Callable[[], Records]) -> None:
    records = new_records()
    at_once(8, lambda _: Pairing(records, objects).check())
    Pairing(records, objects).check()


@pytest.mark.parametrize("broken", [1, 2])
def test_a_crash_in_between_is_made_good(
    objects: Objects, new_records: Callable[[], Records], monkeypatch: pytest.MonkeyPatch, broken: int
) -> None:
    records, calls = new_records(), list[int]()
    transact = records.transact

    def crash(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) > broken:
            raise Unavailable("killed")
        return transact(*arguments)

    monkeypatch.setattr(records, "transact", crash)
    if broken == 1:
        with pytest.raises(Unavailable):
            Pairing(records, objects).check()
    else:
        monkeypatch.setattr(objects, "put_if_absent", crash_after(objects))
        with pytest.raises(Unavailable):
            Pairing(records, objects).check()
    monkeypatch.undo()
    Pairing(records, objects).check()
    record = records.get(RECORD)
    assert record and record.value["marked"]


def crash_after(objects: Objects) -> Callable[..., bool]:
    put = objects.put_if_absent

    def put_and_crash(*arguments: Any) -> bool:
        put(*arguments)
        raise Unavailable("killed")

    return put_and_crash


def test_a_second_local_engine_is_refused(objects: Objects) -> None:
    with lock_for_local_engine(objects):
        with pytest.raises(CannotServe, match="stop that one"), lock_for_local_engine(objects):
            pass
        with pytest.raises(CannotServe), lock_for_local_engine(objects):
            pass
    with lock_for_local_engine(objects):
        pass


@pytest.mark.thorough
def test_a_second_service_on_a_store_does_not_start(tmp_path: Path, key_server: KeyServer) -> None:
    environ = {
        **os.environ,
        "FANFOLD_SUBMIT_ISSUER": ISSUER,
        "FANFOLD_SUBMIT_JWKS_URL": key_server.url,
        "FANFOLD_SUBMIT_AUTH_URL": "http://{host}:1337",
        "FANFOLD_SUBMIT_RECORDS": f"sqlite://{tmp_path}/records.db",
        "FANFOLD_SUBMIT_STORE": f"file://{tmp_path}/data",
        "FANFOLD_SUBMIT_ENGINE": "local",
    }
    command = [sys.executable, "-m", "fanfold_submit", "serve", "--host", "127.0.0.1", "--port", "0"]
    with lock_for_local_engine(open_objects(f"file://{tmp_path}/data/")):
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "another service runs the jobs" in done.stderr) == (3, True)
    objects = open_objects(f"file://{tmp_path}/data/")
    with closing(open_records(f"sqlite://{tmp_path}/old.db")) as records:
        Pairing(records, objects).check()
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "know nothing of this store" in done.stderr) == (3, True)


def test_a_store_that_takes_no_writes_is_not_ready(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise Unavailable("the disk is full, on node 10.0.0.7")

    http = site.bearer(None).http
    service = site.apps[0].app.state.service
    service.pairing.check()
    stores = [(site.records, "transact"), (service.objects, "put")]
    with monkeypatch.context() as patch:
        for store, method in stores:
            patch.setattr(store, method, full)
        answer = http.get("/readyz")
        assert answer.status_code == 503 and answer.headers["Retry-After"] and "10.0.0.7" not in answer.text
        assert answer.json()["detail"].startswith("Not available: writing to the records, writing to the objects.")
    assert http.get("/readyz").status_code == 200
    with monkeypatch.context() as patch:
        for store, method in stores:
            patch.setattr(store, method, full)
        assert http.get("/readyz").status_code == 200, "a success counts for some seconds"


def test_foreign_records_are_not_ready(site: Site, new_records: Callable[[], Records]) -> None:
    Pairing(new_records(), site.objects).check()
    answer = site.bearer(None).http.get("/readyz")
    assert answer.status_code == 503 and "records that belong to the objects" in answer.json()["detail"]
