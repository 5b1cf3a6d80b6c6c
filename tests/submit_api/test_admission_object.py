"""Admission by itself, as a schedule or a retry calls it: no request, no response, no framework."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanfold_storage.errors import Unknown
from fanfold_storage.records import Conflict, Expect, Write
from fanfold_storage.records.sqlite import SqliteRecords
from fanfold_storage.urls import open_objects, open_records
from fanfold_submit.jobs.admission import Admission
from fanfold_submit.jobs.allowed import Allowed
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.jobs.places import Places
from fanfold_submit.jobs.request import JobRequest
from fanfold_submit.principal import Principal
from fanfold_submit.queueing.limits import Limits
from fanfold_submit.queueing.parts import Queueing
from fanfold_submit.refusals import (
    InvalidIdempotencyKey,
    InvalidSpec,
    JobRefused,
    KeyReused,
    OutputInUse,
    UnknownBundle,
)
from fanfold_submit.storing.accounts import ByteLimits
from fanfold_submit.storing.stored import StoredBytes
from fanfold_web.refusals import Forbidden

ADA, ROOT = Principal("ada", "ada", ("submitter",)), Principal("root", "root", ("admin",))


def request(**changes: object) -> JobRequest:
    return JobRequest.model_validate({"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"], **changes})


ALLOWED = Allowed(["registry.example.org/team/*"], ["shared-*", "mine/token"], ["batch"], "argo")
LOCAL = Allowed((), (), (), "local")


@contextlib.contextmanager
def admitting(folder: Path, allowed: Allowed) -> Iterator[Admission]:
    records, objects = open_records(f"sqlite://{folder}/records.db"), open_objects(f"file://{folder}/data/")
    for owner in (ADA, ROOT):
        objects.put(f"files/{owner.name}/texts/a.txt", [b"a b a\n"])
    clock = lambda: 1_795_504_500.0  # noqa: E731
    queueing = Queueing.over(records, Limits(), clock)
    yield Admission(
        JobRecords(records), Places(objects.url), objects, allowed, queueing, StoredBytes(records, ByteLimits())
    )
    records.close()


@pytest.fixture
def admission(tmp_path: Path) -> Iterator[Admission]:
    with admitting(tmp_path, LOCAL) as admission:
        yield admission


def test_a_key_admits_one_job(admission: Admission) -> None:
    first = admission.admit(request(), ADA, "monday")
    again = admission.admit(request(), ADA, "monday")
    assert (first.is_new, again.is_new) == (True, False) and first.job.view() == again.job.view()
    assert (first.job.owner, first.job.state, first.job.name) == ("ada", "queued", "wordcount")
    assert admission.admit(request(), ADA).job.id != first.job.id
    with pytest.raises(KeyReused, match=first.job.id):
        admission.admit(request(partitions=3), ADA, "monday")


def test_an_output_is_written_by_one_job(admission: Admission) -> None:
    first = admission.admit(request(output="files:counts/"), ADA).job
    with pytest.raises(OutputInUse, match=f"your job {first.id}"):
        admission.admit(request(output="files:counts/"), ADA)


def test_only_an_administrator_writes_to_the_shared_area(admission: Admission) -> None:
    with pytest.raises(Forbidden, match="Writing to @shared/ needs the role admin; 'ada' has: submitter"):
        admission.admit(request(output="files:@shared/counts/"), ADA)
    assert admission.admit(request(output="files:@shared/counts/"), ROOT).is_new


def test_refusals_say_what_is_wrong(admission: Admission) -> None:
    with pytest.raises(JobRefused, match="files:nowhere/"):
        admission.admit(request(inputs=["files:nowhere/"]), ADA)
    with pytest.raises(UnknownBundle, match="Upload it first"):
        admission.admit(request(job={"bundle": "0" * 64, "entry": "a:b"}), ADA)
    with pytest.raises(InvalidIdempotencyKey, match="1 to 255 visible"):
        admission.admit(request(), ADA, "two words")


@pytest.mark.parametrize("was_stored", [True, False])
def test_a_job_whose_response_was_lost_is_admitted_if_it_was_stored(
    admission: Admission, monkeypatch: pytest.MonkeyPatch, was_stored: bool
) -> None:
    transact = SqliteRecords.transact

    def lose(self: SqliteRecords, expectations: list[Expect], writes: list[Write]) -> int | Conflict:
        if was_stored:
            transact(self, expectations, writes)
        raise Unknown("the response was lost")

    monkeypatch.setattr(SqliteRecords, "transact", lose)
    if was_stored:
        assert admission.admit(request(), ADA).is_new
    else:
        with pytest.raises(Unknown):
            admission.admit(request(), ADA)


def test_on_a_cluster_a_job_names_what_the_operator_allows(tmp_path: Path) -> None:
    with admitting(tmp_path, ALLOWED) as admission:
        asked = {"memory": "4GiB", "priority": "batch", "secrets": {"A": "shared-db/password", "B": "mine/token"}}
        job = admission.admit(request(image="registry.example.org/team/steps:3", resources=asked), ADA).job
        assert (job.plan.conf.spec.image, job.plan.conf.spec.resources_of(0).memory) == (
            "registry.example.org/team/steps:3",
            "4GiB",
        )
        assert job.notes == []
        refused: list[tuple[dict[str, object], str]] = [
            ({"image": "registry.example.org/other/x"}, "names the image registry.example.org/other/x.*SUBMIT_IMAGES"),
            ({"resources": {"secrets": {"A": "mine/other"}}}, "variable A comes from the Secret mine/other.*_SECRETS"),
            ({"resources": {"priority": "system-node-critical"}}, "priority system-node-critical.*_PRIORITIES"),
        ]
        for changes, words in refused:
            with pytest.raises(JobRefused, match=words):
                admission.admit(request(**changes), ADA)


def test_of_a_job_on_one_machine_it_is_said_what_has_no_effect(admission: Admission) -> None:
    asked = {"memory": "128Mi", "priority": "batch", "node_selector": {"a": "b"}}
    job = admission.admit(request(image="steps:3", resources=asked), ADA).job
    assert job.notes == [
        "the image steps:3 has no effect on this machine: workers run in the Python that is here",
        "resources: node_selector, priority: no effect on this machine, which has no pods",
    ]
    assert job.view().notes == job.notes
    with pytest.raises(JobRefused, match="variable A comes from the Secret s/k, and there are none on this service's"):
        admission.admit(request(resources={"secrets": {"A": "s/k"}}), ADA)


@pytest.mark.parametrize("asked", [{"cpu": "2"}, {"cpu": -1}, {"gpu": 1}, {"env": {"AWS_REGION": "x"}}])
def test_resources_of_a_request_are_checked_as_a_specs_are(admission: Admission, asked: dict[str, object]) -> None:
    with pytest.raises(InvalidSpec, match="resources"):
        admission.admit(request(resources=asked), ADA)
