"""What has become old goes, and nothing that anybody still needs."""

import os
from pathlib import Path
from typing import Any

import pytest

from fanfold_storage.objects import Objects
from fanfold_storage.urls import open_objects
from fanfold_submit.jobs.job import Job, State
from fanfold_submit.jobs.job_records import JobAtRevision
from fanfold_submit.reconciling.clearing import DAY, Cleared, Clearing
from fanfold_web.clock import timestamp
from tests.submit_api.reconciling import Bench

OLD, YOUNG = 8 * DAY, 6 * DAY  # with seven days to keep
SHA, OTHER = "a" * 64, "b" * 64


class Site:
    """Jobs, code and uploads of any age."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench(folder)
        self.folder = folder / "data"
        self.objects: Objects = open_objects(self.bench.root)
        self.clearing = Clearing(self.bench.jobs, self.objects, 7, self.bench.clock)

    def put(self, key: str, age: float) -> str:
        self.objects.put(key, [b"x"])
        moment = self.bench.clock.now - age
        os.utime(self.folder / key, (moment, moment))
        return self.objects.url + key

    def job(self, ended: float | None, *, inputs: Any = None, code: str | None = None, closed: bool = True) -> Job:
        """A job that ended so long ago; None: it hasn't."""
        job = self.bench.admit()
        conf = {**job.conf, **({"inputs": inputs} if inputs else {}), **({"bundle_url": code} if code else {})}
        after = job.changed(conf=conf)
        if ended is not None:
            finished = timestamp(self.bench.clock.now - ended)
            after = after.changed(state=State.SUCCEEDED, finished=finished)
        assert self.bench.jobs.change(self.found(job), after)
        if closed and ended is not None:
            self.bench.jobs.close(self.found(after))
        self.objects.put(f"jobs/{job.id}/output/part-00000.txt", [b"x"])
        return after

    def found(self, job: Job) -> JobAtRevision:
        current = self.bench.jobs.find(job.id)
        assert current
        return current

    def keys(self, prefix: str) -> list[str]:
        return [stat.key for stat in self.objects.list(prefix)]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_jobs_that_ended_long_ago_go_with_their_trees(site: Site) -> None:
    old, young, running = site.job(OLD), site.job(YOUNG), site.job(None)
    assert site.clearing.clear() == Cleared(jobs=1, bundles=0, uploads=0)
    assert site.bench.jobs.find(old.id) is None
    assert [key.split("/")[1] for key in site.keys("jobs/")] == sorted([young.id, running.id])
    assert [job.id for job in site.bench.jobs.newest(None)] == [running.id, young.id]
    assert site.clearing.clear() == Cleared(0, 0, 0)


def test_a_job_whose_workers_are_still_stopping_stays(site: Site) -> None:
    stopping = site.job(OLD, closed=False)
    assert site.clearing.clear().jobs == 0
    assert site.bench.jobs.find(stopping.id)


def test_old_code_goes_unless_a_job_names_it(site: Site) -> None:
    named, unnamed = site.put(f"bundles/{SHA}", OLD), site.put(f"bundles/{OTHER}", OLD)
    young = site.put(f"bundles/{'c' * 64}", YOUNG)
    site.job(YOUNG, code=named)
    assert site.clearing.clear().bundles == 1
    assert [site.objects.url + key for key in site.keys("bundles/")] == [named, young]
    assert unnamed not in (named, young)


def test_wheels_stay_as_long_as_a_job_names_them(site: Site) -> None:
    named, unnamed = site.put(f"bundles/{SHA}", OLD), site.put(f"bundles/{OTHER}", OLD)
    job = site.job(None)
    wheels = [{"name": "x-1-py3-none-any.whl", "sha256": SHA, "size": 1}]
    spec = {**job.conf["spec"], "dependencies": {"python": "3.13", "platform": "linux", "wheels": wheels}}
    conf = {**job.conf, "spec": spec, "wheels_url": f"{site.objects.url}bundles/"}
    assert site.bench.jobs.change(site.found(job), job.changed(conf=conf))
    assert site.clearing.clear().bundles == 1
    assert [site.objects.url + key for key in site.keys("bundles/")] == [named]
    assert unnamed != named


def test_code_goes_with_the_last_job_that_named_it(site: Site) -> None:
    site.job(OLD, code=site.put(f"bundles/{SHA}", OLD))
    assert site.clearing.clear() == Cleared(jobs=1, bundles=1, uploads=0)


def test_code_that_a_new_job_names_meanwhile_is_put_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job is admitted after all jobs were read, and before its code is removed."""
    code = site.put(f"bundles/{SHA}", OLD)
    listing = site.objects.list

    def then_admit(prefix: str = "") -> Any:
        if prefix == "bundles/":
            site.job(None, code=code)
        return listing(prefix)

    monkeypatch.setattr(site.objects, "list", then_admit)
    assert site.clearing.clear().bundles == 0
    assert b"".join(site.objects.read(f"bundles/{SHA}")) == b"x"


@pytest.mark.parametrize("form", [lambda url: [url], lambda url: {"words": [url]}])
def test_old_uploads_go_unless_a_job_names_them(site: Site, form: Any) -> None:
    named = site.put("files/ada/uploads/11/texts/a.txt", OLD)
    site.put("files/ada/uploads/22/texts/b.txt", OLD)
    site.put("files/bob/uploads/33/c.txt", YOUNG)
    site.job(YOUNG, inputs=form(named.removesuffix("a.txt")))
    assert site.clearing.clear().uploads == 1
    assert site.keys("files/ada/uploads/") == ["files/ada/uploads/11/texts/a.txt"]
    assert site.keys("files/bob/uploads/") == ["files/bob/uploads/33/c.txt"]


def test_what_users_put_among_their_files_stays(site: Site) -> None:
    for key in (
        "files/ada/a.txt",
        "files/ada/my/uploads/1/a.txt",
        "files/@shared/a.txt",
        "files/ada/uploads/loose.txt",
    ):
        site.put(key, OLD)
    before = site.keys("files/")
    assert site.clearing.clear().uploads == 0
    assert site.keys("files/") == before


def test_the_service_clears_by_itself(site: Site, tmp_path: Path) -> None:
    from fanfold_submit.reconciling.controller import Controller
    from tests.waiting import poll

    old = site.job(OLD)
    controller = Controller(site.bench.reconciler, site.bench.jobs, site.bench.engine, 30, site.clearing)
    controller.start()
    try:
        poll(lambda: site.bench.jobs.find(old.id) is None)
    finally:
        controller.stop()
