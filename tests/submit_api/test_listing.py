"""Jobs that Workflows have started by themselves, on the service's storage: listed, read, and otherwise left alone."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from fanfold import builtin
from fanfold.engines import Handle, Observation, Phase
from fanfold_steps.definition.begin import begin, job_id
from fanfold_steps.definition.definition import Arguments, Definition
from fanfold_steps.definition.marker import FOLDER, Marker
from fanfold_steps.tree.failed import Failure
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.worker.loop import Worker
from fanfold_storage.urls import open_objects
from fanfold_submit.jobs.defined import defined_job
from fanfold_submit.jobs.job import Job
from fanfold_submit.jobs.outputs.results import results_of
from fanfold_submit.jobs.steering import cancel
from fanfold_submit.principal import Principal
from fanfold_submit.reconciling import listing
from fanfold_submit.reconciling.listing import PATIENCE, Listing
from fanfold_submit.refusals import NoResults, NoSuchJob, NotAdmitted
from tests.submit_api.reconciling import Bench

ADA, BOB = Principal("ada", "ada", ("submitter",)), Principal("bob", "bob", ("submitter",))
ADMIN = Principal("root", "root", ("admin",))


class Cluster(Bench):
    """A service's storage, on which Workflows start jobs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.objects = open_objects(self.root)
        self.listing = Listing(self.jobs, self.objects, self.places, self.clock)
        self.phase = Phase.ACTIVE
        self.engine.observe = self._observe  # type: ignore[method-assign]

    def _observe(self, handle: Handle) -> Observation:
        assert handle == Handle("team", "visits-x7k2p", "the-uid")
        return Observation(self.phase, "somebody else's secret")

    def begin(self, output: str = "files/ada/counts/", owner: str = "ada") -> JobTree:
        """A Workflow's first worker begins a job."""
        definition = Definition(builtin.find("wordcount"), store=self.root, owner=owner)
        place = output if "://" in output else self.root + output
        arguments = Arguments("team/visits-x7k2p/the-uid", "1795504500", [f"{self.root}files/ada/texts/"], place)
        self.id = job_id(definition, arguments)
        return begin(definition, arguments, "all-0")

    def listed(self) -> Job:
        self.listing.list_new()
        current = self.jobs.find(self.id)
        assert current
        return current.job

    def markers(self) -> list[str]:
        return [stat.key for stat in self.objects.list(FOLDER)]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    found = Cluster(tmp_path)
    yield found
    found.records.close()


def test_it_is_listed_once_and_followed_to_its_end(cluster: Cluster) -> None:
    tree = cluster.begin()
    job = cluster.listed()
    assert (job.state, job.admitted, job.owner_id) == ("queued", False, "ada")
    assert (job.inputs, job.output) == ([f"{cluster.root}files/ada/texts/"], "files:counts/")
    assert cluster.markers() == []
    assert [one.id for one in cluster.jobs.newest("ada")] == [cluster.id]
    assert cluster.reconcile(job).state == "queued"
    Worker(tree, "all", 0).run()
    cluster.phase = Phase.ENDED
    seen = cluster.settle(job)
    assert (seen.state, seen.error) == ("succeeded", None)
    assert b"".join(results_of(seen).main.read(0, 99)) == b"a\t2\nb\t1\n"
    assert cluster.engine.started == []
    assert cluster.jobs.queue()[0] == []


def test_it_is_never_dispatched_or_failed_while_its_workflow_runs(cluster: Cluster) -> None:
    cluster.begin()
    job = cluster.listed()
    assert cluster.reconcile(job, 20).state == "queued"
    cluster.phase = Phase.GONE  # as one in a namespace that isn't the engine's
    assert cluster.reconcile(job, 20).state == "queued"
    assert cluster.engine.started == []


def test_a_failure_counts_once_the_workflow_has_ended(cluster: Cluster) -> None:
    tree = cluster.begin()
    job = cluster.listed()
    tree.fail(Failure("the mapper raised E"))
    assert cluster.reconcile(job).state == "queued", "it may still be retried"
    cluster.phase = Phase.ENDED
    seen = cluster.reconcile(job)
    assert seen.state == "failed"
    assert seen.error and seen.error["detail"] == "the mapper raised E"


def test_a_workflow_that_ends_without_a_result(cluster: Cluster) -> None:
    cluster.begin()
    job = cluster.listed()
    cluster.phase = Phase.ENDED
    seen = cluster.reconcile(job)
    assert seen.state == "failed"
    assert "secret" not in json.dumps(seen.error)


def test_its_owner_and_admins_see_it_and_nobody_stops_it_here(cluster: Cluster) -> None:
    cluster.begin()
    job = cluster.listed()
    assert cluster.jobs.visible(job.id, to=ADA).job == job
    assert cluster.jobs.visible(job.id, to=ADMIN).job == job
    with pytest.raises(NoSuchJob):
        cluster.jobs.visible(job.id, to=BOB)
    with pytest.raises(NotAdmitted, match="argo stop -n team visits-x7k2p"):
        cancel(job.id, ADA, cluster.jobs)


def test_without_an_owner_only_admins_see_it(cluster: Cluster) -> None:
    cluster.begin(owner="")
    job = cluster.listed()
    assert [one.id for one in cluster.jobs.newest(None)] == [job.id]
    with pytest.raises(NoSuchJob):
        cluster.jobs.visible(job.id, to=ADA)


ELSEWHERE = {
    "another user's": "files/bob/counts/",
    "a folder of the machine": "file:///etc/",
    "upwards": "files/ada/../bob/counts/",
    "upwards, quoted": "files/ada/%2e%2e/bob/",
    "the records": "records/",
    "another job's": f"jobs/{'0' * 20}/output/",
    "a bucket that jobs may not use": "s3://somewhere/else/",
}


@pytest.mark.parametrize("where", ELSEWHERE)
def test_an_output_where_the_service_serves_nothing_is_not_served(cluster: Cluster, where: str) -> None:
    cluster.begin()
    change(cluster, output=ELSEWHERE[where] if "://" in ELSEWHERE[where] else cluster.root + ELSEWHERE[where])
    job = cluster.listed()
    assert job.conf["output"] == ""
    with pytest.raises(NoResults, match="this service reads nothing"):
        results_of(job.changed(state="succeeded"))


def change(cluster: Cluster, **fields: Any) -> None:
    """Forge fields of the job's job.json."""
    key = f"jobs/{cluster.id}/job.json"
    data = json.loads(b"".join(cluster.objects.read(key)))
    cluster.objects.put(key, [json.dumps({**data, **fields}).encode()])


def nested(depth: int) -> list[Any]:
    """Lists in lists."""
    return [] if not depth else [nested(depth - 1)]


FORGED: dict[str, dict[str, Any]] = {
    "another job's": {"id": "0" * 20},
    "no inputs": {"inputs": 7},
    "no partitions": {"partitions": "many"},
    "a version of its own": {"version": 99},
    "no spec": {"spec": []},
    "no output": {"output": None},
    "megabytes": {"inputs": ["x" * 1000] * 2000},
    "half a character": {"inputs": ["\ud800"]},
    "depth": {"inputs": nested(900)},
    "too few partitions": {"partitions": -1},
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_tree_becomes_no_record(cluster: Cluster, what: str) -> None:
    cluster.begin()
    change(cluster, **FORGED[what])
    cluster.listing.list_new()
    assert cluster.jobs.find(cluster.id) is None
    assert cluster.markers() == []


MARKER = asdict(Marker("team", "visits-x7k2p", "the-uid", "ada"))
MARKERS: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"\xff{",
    "a list": b"[]",
    "megabytes": b" " * (1 << 20),
    "an owner that is a path": json.dumps({**MARKER, "owner": "../ada"}).encode(),
    "a name of megabytes": json.dumps({**MARKER, "name": "x" * 5000}).encode(),
    "a terminal's commands": json.dumps({**MARKER, "name": "\x1b[2J"}).encode(),
    "a number": json.dumps({**MARKER, "uid": 7}).encode(),
}


@pytest.mark.parametrize("what", MARKERS)
def test_a_forged_marker_becomes_no_record(cluster: Cluster, what: str) -> None:
    cluster.begin()
    cluster.objects.put(f"{FOLDER}{cluster.id}.json", [MARKERS[what]])
    cluster.listing.list_new()
    assert cluster.jobs.find(cluster.id) is None
    assert cluster.markers() == []


def test_a_bug_at_one_marker_keeps_no_other_job_waiting(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.objects.put(f"{FOLDER}{'0' * 20}.json", [json.dumps(MARKER).encode()])
    cluster.begin()

    def fails(job_id: str, *rest: Any) -> Job:
        if job_id == "0" * 20:
            raise RuntimeError("a bug")
        return defined_job(job_id, *rest)

    monkeypatch.setattr(listing, "defined_job", fails)
    assert cluster.listed().state == "queued"


def test_it_holds_no_output_against_jobs_of_the_service(cluster: Cluster) -> None:
    cluster.begin("files/ada/counts/")
    job = cluster.listed()
    cluster.admit(output=job.conf["output"])


def test_a_marker_changes_no_job_that_is_known(cluster: Cluster) -> None:
    job = cluster.admit()
    cluster.reconcile(job)
    before = cluster.job(job)
    cluster.objects.put(f"{FOLDER}{job.id}.json", [json.dumps(MARKER).encode()])
    cluster.listing.list_new()
    assert cluster.job(job) == before
    assert cluster.markers() == []


def test_a_marker_waits_for_its_tree_but_not_forever(cluster: Cluster) -> None:
    cluster.objects.put(f"{FOLDER}{'1' * 20}.json", [json.dumps(MARKER).encode()])
    cluster.objects.put(f"{FOLDER}no-id.json", [json.dumps(MARKER).encode()])
    (stat,) = [one for one in cluster.objects.list(FOLDER) if "no-id" not in one.key]
    cluster.clock.now = stat.modified
    cluster.listing.list_new()
    assert cluster.markers() == [stat.key]
    cluster.clock.now += PATIENCE
    cluster.listing.list_new()
    assert cluster.markers() == []
