"""The next run of a job, without HTTP: races with late replicas, and a kill before or after each write of it."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from fanfold.engines import Phase
from fanfold_steps.job.spec import conf_from_json
from fanfold_steps.tree.commit import Commit, Part
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task
from fanfold_storage.objects import read_all
from fanfold_storage.objects.filesystem import FilesystemObjects
from fanfold_storage.urls import open_objects
from fanfold_submit.going import Going
from fanfold_submit.jobs.admission import Admission
from fanfold_submit.jobs.allowed import Allowed
from fanfold_submit.jobs.job import Job, State
from fanfold_submit.jobs.job_records import JobAtRevision
from fanfold_submit.jobs.request import Spec
from fanfold_submit.principal import Principal
from fanfold_submit.reconciling.reconciler import Reconciler
from fanfold_submit.refusals import PlaceRefused
from fanfold_submit.runs.retry import Retrying, RetryRequest
from fanfold_web.refusals import Refusal
from tests.submit_api.job_lists import wrong_lists
from tests.submit_api.reconciling import Bench
from tests.submit_api.test_crashes import Killed, Tripwire

ADA = Principal("ada", "ada", ("submitter",))
STAGED = Task(0, "reduce", 0)
SHA = "5a" * 32


def retrying(bench: Bench) -> Retrying:
    objects = open_objects(bench.root)
    allowed = Allowed((), (), (), "local")
    admission = Admission(bench.jobs, bench.places, objects, allowed, bench.queueing, bench.stored)
    return Retrying(bench.jobs, bench.places, admission, bench.reach, bench.queueing.waiting, bench.clock)


def retry(bench: Bench, job: Job, request: RetryRequest | None = None) -> Job:
    """Retry the job, and grant it its workers."""
    after = retrying(bench).retry(job.id, request or RetryRequest(), ADA).job
    bench.ledger.load()
    bench.ledger.grant()
    return after


def failed(bench: Bench, version: str | None = None) -> Job:
    """A job that has failed after a map and its only reduce task were committed, and nobody works on it any more."""
    job = bench.admit(f"{bench.root}files/ada/counts/")
    current = found(bench, job)
    spec = replace(conf_from_json(job.conf).spec, task_version=version)
    conf = replace(conf_from_json(job.conf), spec=spec).to_json()
    assert bench.jobs.change(current, current.job.changed(conf=conf, engine="local", output="files:counts/"))
    bench.reconcile(job)
    bench.engine.fail(job.id)
    staged = open_objects(job.conf["output"]).stage("part-00000.txt")
    staged.write(b"a\t2\n")
    part = Part("part-00000.txt", staged.seal(), 1, 4, "")
    JobTree.open(job.url).commit(STAGED, Commit("a", 1, 4, parts=(part,)))
    bench.engine.end(job.id)
    settled = bench.settle(job)
    assert settled.state is State.FAILED and bench.jobs.queue()[0] == []
    return settled


def found(bench: Bench, job: Job) -> JobAtRevision:
    current = bench.jobs.find(job.id)
    assert current
    return current


def staged_files(bench: Bench) -> list[Path]:
    return [path for path in Path(bench.root.removeprefix("file://")).glob("**/.staged/*") if path.is_file()]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.records.close()


def test_a_late_replica_neither_closes_the_next_run_nor_changes_it(bench: Bench) -> None:
    before = found(bench, failed(bench))
    retry(bench, before.job)
    bench.jobs.close(before)
    assert bench.jobs.queue()[0] == [before.job.id]
    assert bench.jobs.writer_of(before.job) == before.job.id
    assert not bench.jobs.begin_run(before, before.job.next_run("", resumed=True))
    assert found(bench, before.job).job.runs == 2


def with_code(bench: Bench, job: Job) -> RetryRequest:
    """A retry with other code, which was uploaded before."""
    open_objects(bench.root).put(f"bundles/{SHA}", [b"PK"])
    spec = replace(conf_from_json(job.conf).spec, bundle=SHA)
    return RetryRequest(code=Spec(spec=json.loads(json.dumps(asdict(spec)))))


def test_a_job_is_not_retried_with_code_that_is_being_cleared(bench: Bench) -> None:
    job = failed(bench)
    request = with_code(bench, job)
    going = Going.now(bench.records).begin(bench.records, [f"bundles/{SHA}"], bench.clock())
    assert going
    with pytest.raises(PlaceRefused, match="just being cleared"):
        retry(bench, job, request)
    going.end(bench.records)
    assert retry(bench, job, request).runs == 2


def test_a_retry_that_was_checked_before_its_code_went_is_checked_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = failed(bench)
    request = with_code(bench, job)
    next_run = Retrying._next_run

    def then_clear(*given: Any) -> Job:
        after = next_run(*given)
        monkeypatch.undo()
        assert Going.now(bench.records).begin(bench.records, [f"bundles/{SHA}"], bench.clock())
        return after

    monkeypatch.setattr(Retrying, "_next_run", then_clear)
    with pytest.raises(PlaceRefused, match="just being cleared"):
        retry(bench, job, request)
    assert found(bench, job).job.runs == 1


def test_a_late_replica_sweeps_nothing_of_the_next_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = bench.admit(f"{bench.root}files/ada/counts/")
    bench.reconcile(job)
    bench.engine.fail(job.id)
    bench.engine.end(job.id)
    bench.reconcile(job)
    observe = bench.engine.observe

    def slow(handle: Any) -> Any:
        monkeypatch.undo()
        bench.settle(job)
        retry(bench, job)
        bench.reconcile(job)
        open_objects(job.conf["output"]).stage("part-00000.txt").seal()
        return observe(handle)

    late = bench.replica()
    monkeypatch.setattr(bench.engine, "observe", slow)
    late.reconcile(job.id)
    assert len(staged_files(bench)) == 1
    assert bench.job(job).runs == 2 and bench.jobs.queue()[0] == [job.id]


def test_what_failed_before_does_not_end_the_next_run_and_is_kept(bench: Bench) -> None:
    job = failed(bench)
    tree = JobTree.open(job.url)
    for hint in ("claims/0-map-00001.json", "workers/all-0.json", "deaths/0-map-00001.json", "left/all-0.json"):
        tree.objects.put(hint, [b"{}"])
    after = retry(bench, job)
    assert (after.runs, after.state, after.error, after.workflow) == (2, State.QUEUED, None, None)
    assert bench.reconcile(job).state is State.DISPATCHED
    assert tree.failure() is None
    assert json.loads(read_all(tree.objects, "runs/1/failed.json"))["message"] == "the mapper raised E"
    assert [
        stat.key for stat in tree.objects.list() if stat.key.split("/")[0] in {"claims", "workers", "deaths", "left"}
    ] == []
    assert tree.objects.stat(STAGED.commit) and len(staged_files(bench)) == 1
    manifests = [stat.key for stat in open_objects(bench.root).list(f"workflows/{job.id}/")]
    assert manifests == [f"workflows/{job.id}/1.yaml", f"workflows/{job.id}/2.yaml"]


def test_a_run_that_was_retried_can_be_cancelled_before_it_starts(bench: Bench) -> None:
    job = failed(bench)
    retrying(bench).retry(job.id, RetryRequest(), ADA)
    assert list(bench.jobs.waiting()) == [job.id]
    bench.cancel(job)
    assert list(bench.jobs.waiting()) == []
    settled = bench.settle(job)
    assert (settled.state, settled.runs) == (State.CANCELLED, 2)
    retry(bench, job)
    bench.reconcile(job)
    bench.engine.finish(job.id)
    bench.engine.end(job.id)
    assert bench.settle(job).state is State.SUCCEEDED


@contextlib.contextmanager
def wired(bench: Bench, wire: Tripwire) -> Iterator[Reconciler]:
    """Within the context, each write of this process counts, and it dies at one of them."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(bench.jobs, "_records", wire.around(bench.records))
        for name in ("put", "put_if_absent", "delete", "sweep"):
            monkeypatch.setattr(FilesystemObjects, name, wire.wrap(getattr(FilesystemObjects, name)))
        monkeypatch.setattr(bench.ledger, "_records", wire.around(bench.records))
        engine = wire.around(bench.engine)
        yield Reconciler(bench.jobs, engine, bench.places, bench.reach, bench.queueing, bench.stored)


def live(bench: Bench, job: Job, wire: Tripwire, request: RetryRequest) -> None:
    """A job's second run, under one process, until that is killed or the job has ended."""
    for _ in range(30):
        bench.clock.now += 100
        with wired(bench, wire) as reconciler:
            retry(bench, job, request)
            left = reconciler.reconcile(job.id)
        current = bench.job(job)
        if left is None:
            return
        if current.state in (State.DISPATCHED, State.RUNNING) and bench.engine.crews[job.id].phase is Phase.ACTIVE:
            bench.engine.finish(job.id)
            bench.engine.end(job.id)
    raise AssertionError("it never ends")


def crash_at(folder: Path, point: int, after: bool, case: str) -> bool:
    """Whether that point was reached. Afterwards the job must have ended, with one set of workers for each run."""
    bench = Bench(folder)
    job = failed(bench, "1")
    spec = conf_from_json(job.conf).spec
    other = replace(spec, timeout=7.0, task_version="1" if case == "kept" else "2")
    code = None if case == "as it was" else Spec(spec=json.loads(json.dumps(asdict(other))))
    wire, request = Tripwire(point, after), RetryRequest(run=1, code=code)
    with contextlib.suppress(Killed):
        live(bench, job, wire, request)
    live(bench, job, Tripwire(0, False), request)
    settled = bench.job(job)
    bench.reconciler.stop_strays()
    assert (settled.state, settled.runs, settled.resumed) == (State.SUCCEEDED, 2, case != "anew")
    assert bench.engine.started == [job.id] * 2
    assert all(crew.phase is not Phase.ACTIVE for crew in bench.engine.crews.values())
    tree = JobTree.open(settled.url)
    assert tree.find("report.json") and tree.failure() is None
    assert conf_from_json(settled.conf) == tree.conf() and tree.conf().spec.timeout == (None if code is None else 7.0)
    assert (tree.commit_of(STAGED).parts != ()) == (case != "anew"), "what was committed counts"
    assert bench.jobs.queue()[0] == [] and bench.jobs.writer_of(job) is None
    assert list(bench.jobs.waiting()) == [] and bench.ledger.held() == []
    assert wrong_lists(bench.records) == set()
    bench.records.close()
    return wire.calls >= point


@pytest.mark.thorough
@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", ["as it was", "kept", "anew"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_kill_at_any_write_of_a_retry_changes_nothing(tmp_path: Path, after: bool, case: str) -> None:
    point = 1
    while crash_at(tmp_path / str(point), point, after, case):
        point += 1
        assert point < 100
    assert point > 10, "a retry has more writes than that"


def folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir(parents=True)
    (path / "x").touch()


def link(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/etc/passwd")


def raw(data: bytes) -> Any:
    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


HANDLE = json.dumps({"staged": ".staged/../../../../../etc/passwd"})
PART = {"name": "../x", "handle": HANDLE, "records": 1, "bytes": 1, "sha256": ""}
COMMIT = {"version": 1, "attempt": "a", "records": 1, "bytes": 1, "parts": [PART, {**PART, "handle": "[" * 100_000}]}
FORGED = [raw(b"[" * 100_000), raw(b" " * (20 << 20)), raw(b"7"), raw(json.dumps(COMMIT).encode()), folder, link]
FILES = [
    "job.json",
    "plan.json",
    "failed.json",
    "report.json",
    STAGED.commit,
    "runs/2.json",
    "runs/1",
    "claims",
    "left",
]


@pytest.mark.thorough
@pytest.mark.parametrize("case", ["as it was", "kept", "anew"])
@pytest.mark.parametrize("file", FILES)
def test_whatever_the_jobs_code_has_left_in_its_tree_the_next_run_ends(tmp_path: Path, file: str, case: str) -> None:
    for number, forge in enumerate(FORGED):
        bench = Bench(tmp_path / str(number))
        job = failed(bench, "1")
        spec = replace(conf_from_json(job.conf).spec, timeout=7.0, task_version="1" if case == "kept" else "2")
        code = None if case == "as it was" else Spec(spec=json.loads(json.dumps(asdict(spec))))
        path = Path(job.url.removeprefix("file://")) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_dir():
            forge(path)
        try:
            retry(bench, job, RetryRequest(code=code))
        except Refusal as refusal:
            assert str(refusal)
            bench.records.close()
            continue
        for _ in range(12):
            if (crew := bench.engine.crews[job.id]).phase is Phase.ACTIVE and len(bench.engine.started) > 1:
                bench.engine.end(crew.plan.conf.id)
            bench.reconcile(job)
        settled = bench.settle(job)
        assert settled.state.final and (settled.state is State.SUCCEEDED or settled.error), (number, file)
        bench.records.close()
