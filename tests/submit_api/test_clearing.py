"""What has become old goes, and nothing that anybody still needs."""

import os
from pathlib import Path
from typing import Any

import pytest

from fanfold_storage.objects import Objects
from fanfold_storage.urls import open_objects
from fanfold_submit.going import Going
from fanfold_submit.jobs.admission import Admission
from fanfold_submit.jobs.allowed import Allowed
from fanfold_submit.jobs.job import Job, State
from fanfold_submit.jobs.job_records import JobAtRevision
from fanfold_submit.jobs.request import JobRequest
from fanfold_submit.principal import Principal
from fanfold_submit.reconciling.clearing import DAY, Cleared, Clearing, Kept
from fanfold_submit.refusals import JobRefused, PlaceRefused, UnknownBundle
from fanfold_web.clock import timestamp
from fanfold_web.refusals import Contended
from tests.submit_api.reconciling import Bench
from tests.waiting import at_once

OLD, YOUNG = 8 * DAY, 6 * DAY  # with seven days to keep
SHA, OTHER = "a" * 64, "b" * 64
ONE = "0123456789abcdef0123"


class Site:
    """Jobs, code and uploads of any age."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench(folder)
        self.folder = folder / "data"
        self.objects: Objects = open_objects(self.bench.root)
        self.elsewhere: list[str] = []
        self.clearing = self.clearing_for(Kept.for_days(7, 30))

    def clearing_for(self, kept: Kept) -> Clearing:
        """A replica's clearing."""
        bench = self.bench
        return Clearing(bench.records, bench.jobs, self.objects, kept, bench.clock, lambda: self.elsewhere)

    def put(self, key: str, age: float) -> str:
        self.objects.put(key, [b"x"])
        moment = self.bench.clock.now - age
        os.utime(self.folder / key, (moment, moment))
        return self.objects.url + key

    def job(self, ended: float | None, *, inputs: Any = None, code: str | None = None, closed: bool = True) -> Job:
        """A job that ended so long ago; None: it hasn't."""
        self.bench.clock.now -= (ended or 0) + 60
        job = self.bench.admit()
        self.bench.clock.now += (ended or 0) + 60
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


@pytest.mark.parametrize("when", ["old", "begin"])
def test_code_that_a_new_job_names_meanwhile_stays(site: Site, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job is admitted after it was seen what is old, or after all jobs were read, and before its code goes."""
    code = site.put(f"bundles/{SHA}", OLD)
    if when == "old":
        old = site.clearing._old
        monkeypatch.setattr(site.clearing, "_old", lambda oldest: [*old(oldest), site.job(None, code=code).id][:-1])
    else:
        begin = Going.begin
        monkeypatch.setattr(Going, "begin", lambda *given: (site.job(None, code=code), begin(*given))[1])
    assert site.clearing.clear().bundles == 0
    assert b"".join(site.objects.read(f"bundles/{SHA}")) == b"x"
    assert Going.now(site.bench.records).keys == frozenset()


def test_what_is_named_elsewhere_stays(site: Site) -> None:
    site.put(f"bundles/{SHA}", OLD)
    site.put(f"files/ada/uploads/{ONE}/texts/a.txt", OLD)
    site.elsewhere += [f"{site.objects.url}{key}" for key in (f"bundles/{SHA}", f"files/ada/uploads/{ONE}/texts/")]
    assert site.clearing.clear() == Cleared()


def test_by_default_jobs_stay_and_what_none_uses_goes_after_thirty_days(site: Site) -> None:
    job = site.job(100 * DAY)
    site.put(f"bundles/{SHA}", 31 * DAY)
    site.put(f"bundles/{OTHER}", 29 * DAY)
    assert site.clearing_for(Kept.for_days(None, 30)).clear() == Cleared(bundles=1)
    assert site.keys("bundles/") == [f"bundles/{OTHER}"] and site.bench.jobs.find(job.id)
    assert Kept.for_days(60, 30) == Kept(60 * DAY, 30 * DAY)


def test_of_replicas_one_clears_until_it_is_given_up(site: Site) -> None:
    site.put(f"bundles/{SHA}", OLD)
    records, clock = site.bench.records, site.bench.clock
    other = Going.now(records).begin(records, [f"bundles/{OTHER}"], clock())
    assert other and Going.now(records).begin(records, [], clock()) is None
    assert site.clearing.clear() == Cleared()
    clock.now += 2 * DAY
    assert site.clearing_for(Kept.for_days(7, 7)).clear() == Cleared(bundles=1)
    other.end(records)  # it comes too late, and changes nothing
    assert Going.now(records).keys == frozenset()


class Submitter:
    """Somebody who submits a job with old code."""

    def __init__(self, site: Site) -> None:
        bench = site.bench
        allowed = Allowed((), (), (), "local")
        self.admission = Admission(bench.jobs, bench.places, site.objects, allowed, bench.queueing, bench.stored)

    def submit(self) -> Job:
        body = {"job": {"bundle": SHA, "entry": "m:job"}, "inputs": [f"files:uploads/{ONE}/texts/*.txt"]}
        return self.admission.admit(JobRequest.model_validate(body), Principal("ada", "ada", ("submitter",))).job


@pytest.mark.parametrize("key", [f"bundles/{SHA}", f"files/ada/uploads/{ONE}/"])
def test_a_job_is_not_admitted_while_its_code_or_input_goes(site: Site, key: str) -> None:
    site.put(f"bundles/{SHA}", OLD)
    site.put(f"files/ada/uploads/{ONE}/texts/a.txt", OLD)
    records = site.bench.records
    going = Going.now(records).begin(records, [key], site.bench.clock())
    assert going
    with pytest.raises(PlaceRefused, match="just being cleared"):
        Submitter(site).submit()
    going.end(records)
    assert Submitter(site).submit()


def test_a_job_that_was_checked_before_its_code_went_is_checked_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.put(f"bundles/{SHA}", OLD)
    site.put(f"files/ada/uploads/{ONE}/texts/a.txt", YOUNG)
    submitter = Submitter(site)
    prepare = submitter.admission._prepare

    def then_clear(*given: Any) -> Job:
        job = prepare(*given)
        assert site.clearing.clear().bundles == 1
        return job

    monkeypatch.setattr(submitter.admission, "_prepare", then_clear)
    with pytest.raises(UnknownBundle):
        submitter.submit()


@pytest.mark.thorough
def test_no_job_is_admitted_without_its_code_and_input_whoever_is_faster(site: Site) -> None:
    def clear(_: int) -> None:
        clearing = site.clearing_for(Kept.for_days(None, 7))
        for _ in range(15):
            clearing._unused_at = 0.0
            clearing.clear()

    def submit(_: int) -> None:
        submitter = Submitter(site)
        for _ in range(15):
            site.put(f"bundles/{SHA}", OLD)
            site.put(f"files/ada/uploads/{ONE}/texts/a.txt", OLD)
            try:
                job = submitter.submit()
            except (JobRefused, PlaceRefused, UnknownBundle, Contended):
                continue
            assert site.keys("bundles/") == [f"bundles/{SHA}"]
            assert site.keys("files/ada/uploads/") == [f"files/ada/uploads/{ONE}/texts/a.txt"]
            current = site.found(job)
            ended = current.job.changed(state=State.FAILED, finished=timestamp(site.bench.clock.now))
            assert site.bench.jobs.change(current, ended)
            site.bench.jobs.close(site.found(job))
            site.bench.jobs.remove(site.found(job))

    at_once(3, lambda part: submit(part) if part == 0 else clear(part))


@pytest.mark.parametrize("form", [lambda url: [url], lambda url: {"words": [url]}])
def test_old_uploads_go_unless_a_job_names_them(site: Site, form: Any) -> None:
    named = site.put(f"files/ada/uploads/{ONE}/texts/a.txt", OLD)
    site.put(f"files/ada/uploads/{ONE[::-1]}/texts/b.txt", OLD)
    site.put(f"files/bob/uploads/{ONE}/c.txt", YOUNG)
    site.job(YOUNG, inputs=form(named.removesuffix("a.txt")))
    assert site.clearing.clear().uploads == 1
    assert site.keys("files/ada/uploads/") == [f"files/ada/uploads/{ONE}/texts/a.txt"]
    assert site.keys("files/bob/uploads/") == [f"files/bob/uploads/{ONE}/c.txt"]


def test_what_users_put_among_their_files_stays(site: Site) -> None:
    for key in (
        f"bundles/{SHA}.zip",
        "files/ada/a.txt",
        "files/ada/my/uploads/1/a.txt",
        "files/@shared/a.txt",
        "files/ada/uploads/loose.txt",
        "files/ada/uploads/my own/a.txt",
    ):
        site.put(key, OLD)
    before = site.keys("")
    assert site.clearing.clear() == Cleared()
    assert site.keys("") == before


def test_the_service_clears_by_itself(site: Site, tmp_path: Path) -> None:
    from fanfold_submit.controllers.controller import Chore
    from fanfold_submit.reconciling.job_controller import JobController
    from tests.waiting import poll

    old = site.job(OLD)
    bench, clear = site.bench, Chore("clearing", 30.0, lambda _: site.clearing.clear())
    controller = JobController(bench.reconciler, bench.jobs, bench.engine, 30, chores=[clear])
    controller.start()
    try:
        poll(lambda: site.bench.jobs.find(old.id) is None)
    finally:
        controller.stop()
