"""The reconciler: every way from queued to final, with workers that do as they are told."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from fanfold.engines import Phase
from fanfold.engines.protocol import Pending
from fanfold.planning import planner
from fanfold_steps.summary.task_table import find_table
from fanfold_steps.tree.commit import Commit
from fanfold_steps.tree.failed import Failure
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.progress import ProgressReader
from fanfold_steps.tree.task import Task
from fanfold_storage.errors import Unavailable
from fanfold_storage.records import Records
from fanfold_storage.urls import open_objects
from fanfold_submit.controllers.work_queue import WorkQueue
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.reconciling import closing
from fanfold_submit.reconciling import reconciler as reconciler_module
from fanfold_submit.reconciling.job_controller import JobController
from fanfold_submit.reconciling.reconciler import DISPATCHES_AGAIN, LONGEST_REASON, Reconciler
from fanfold_submit.service import view_of
from tests.submit_api.reconciling import Bench
from tests.waiting import poll


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    found = Bench(tmp_path)
    yield found
    found.records.close()


def test_a_job_goes_through_its_states(bench: Bench) -> None:
    job = bench.admit()
    seen = bench.reconcile(job)
    assert seen.state == "dispatched" and seen.workflow and seen.workflow.name == f"fanfold-{job.id}"
    assert bench.reconcile(job) == seen
    bench.engine.work(job.id)
    seen = bench.reconcile(job)
    assert seen.state == "running" and seen.started and not seen.finished
    assert [(step.step, step.done) for step in seen.stages[0].steps] == [("split", 1), ("map", 2), ("reduce", 0)]
    bench.engine.finish(job.id)
    seen = bench.reconcile(job)
    assert seen.state == "succeeded" and seen.finished and seen.error is None
    assert bench.jobs.queue()[0] == [job.id], "its workers are still there"
    bench.engine.end(job.id)
    assert bench.settle(job) == seen
    assert bench.jobs.queue()[0] == [] and bench.jobs.writer_of(job) is None
    assert bench.engine.started == [job.id]


@pytest.mark.parametrize(
    ("argo_ui", "engine", "url"),
    [
        ("https://argo.example.org", "argo", "https://argo.example.org/workflows/test/fanfold-{id}"),
        ("https://example.org/argo/", "argo", "https://example.org/argo/workflows/test/fanfold-{id}"),
        ("http://{host}:30003", "argo", None),  # depends on who asks
        ("https://argo.example.org", "local", None),
        (None, "argo", None),
    ],
)
def test_callers_see_where_the_argo_ui_shows_the_workflow(bench: Bench, argo_ui, engine, url) -> None:
    job = bench.reconcile(bench.admit()).changed(engine=engine)
    seen = view_of(job, bench.queueing.view, argo_ui).workflow
    assert seen and seen.url == (url and url.format(id=job.id))
    assert ("url" in seen.model_dump()) == bool(url), "what isn't known isn't told"
    stored = bench.jobs.find(job.id)
    assert stored and stored.job.workflow
    assert stored.job.workflow.model_dump().keys() == {"namespace", "name", "uid"}


def test_workers_that_cant_do_the_job_are_not_started_again_but_stopped(bench: Bench, monkeypatch) -> None:
    job = bench.admit()
    bench.reconcile(job)
    crew = bench.engine.crews[job.id]
    crew.message, crew.hopeless = "map(0:0): the image x can't be pulled", True
    seen = bench.reconcile(job)
    assert seen.state == "failed" and seen.error
    assert seen.error["detail"] == "The workers can't do the job. map(0:0): the image x can't be pulled."
    monkeypatch.setattr(closing, "LINGER", dict.fromkeys(closing.LINGER, 0.0))
    assert bench.settle(job) == seen
    assert crew.phase is not Phase.ACTIVE
    assert bench.engine.started == [job.id]


@pytest.mark.parametrize("have_ended", [False, True])
def test_workers_that_somebody_else_stops_are_not_started_again_but_the_job_is_cancelled(
    bench: Bench, have_ended: bool
) -> None:
    """As an admin does in the Argo UI."""
    job = bench.admit()
    bench.reconcile(job)
    bench.engine.work(job.id, 1)
    bench.engine.crews[job.id].stopped = True
    if have_ended:
        bench.engine.end(job.id, "Stopped with strategy 'Stop'")
    assert bench.reconcile(job).desired == "cancel"
    seen = bench.settle(job)
    assert seen.state == "cancelled" and seen.error is None and bench.engine.started == [job.id]


def test_what_was_done_before_somebody_stopped_the_workers_counts(bench: Bench) -> None:
    job = bench.admit()
    bench.reconcile(job)
    bench.engine.finish(job.id)
    bench.engine.crews[job.id].stopped = True
    assert bench.reconcile(job).state == "succeeded"


def test_the_users_error_is_kept(bench: Bench) -> None:
    job = bench.admit()
    bench.reconcile(job)
    bench.engine.fail(job.id)
    seen = bench.reconcile(job)
    assert seen.state == "failed" and seen.error
    assert seen.error["detail"] == "the mapper raised E" and seen.error["traceback"] == "Traceback …"
    assert seen.error["task"] == {"stage": 0, "step": "map", "index": 1}
    assert {step.step: step.failed for step in seen.stages[0].steps}["map"] == 1
    bench.clock.now += 60
    bench.settle(job)
    assert bench.engine.crews[job.id].phase is Phase.ENDED, "workers that linger are ended"


FORGED: dict[str, bytes] = {
    "surrogates": json.dumps({"message": "a\udc80", "traceback": "\ud800", "record": {"source": "\udfff"}}).encode(),
    "megabytes": json.dumps({"message": "x" * (3 << 20), "traceback": "\1" * (3 << 20), "task": "y" * 9}).encode(),
    "megabytes elsewhere": json.dumps({"task": {"step": "x" * (2 << 20)}, "record": ["y" * (2 << 20)]}).encode(),
    "other types": b'{"message": 7, "task": [], "record": {"source": 1, "offset": "x", "text": {}}, "traceback": []}',
    "large numbers": b'{"task": {"index": 1e999, "stage": %d}, "record": {"offset": NaN}}' % 10**4000,
    "a terminal's commands": json.dumps({"message": "a\x1b[2J\x9bb"}).encode(),
    "a list": b"[1]",
    "nothing": b"",
    "an empty object": b"{}",
    "no text": b"\xff",
    "depth": b"[" * 200_000,
}


@pytest.mark.thorough
@pytest.mark.parametrize("case", FORGED)
def test_a_failure_that_users_code_forged_ends_the_job(bench: Bench, case: str) -> None:
    job = bench.admit()
    bench.reconcile(job)
    bench.engine.work(job.id, 1)
    JobTree.open(job.url).objects.put("failed.json", [FORGED[case]])
    bench.engine.end(job.id)
    seen = bench.settle(job)
    assert seen.state == "failed" and seen.error and seen.error["detail"]
    text = seen.view().model_dump_json()
    assert len(text.encode()) < 100_000 and not re.search(r"[\x00-\x08\x1b\x7f-\x9f]", seen.error["detail"])


@pytest.mark.parametrize("version", [None, 1000])
@pytest.mark.parametrize("key", ["plan.json", "stage-0/map/commits/00000.json"])
def test_a_tree_that_another_version_began_ends_the_job_in_words(bench: Bench, key: str, version: int | None) -> None:
    job = bench.admit()
    bench.reconcile(job)
    bench.engine.work(job.id, 1)
    objects = JobTree.open(job.url).objects
    objects.put(key, [json.dumps({"version": version} if version else {"tasks": []}).encode()])
    seen = bench.settle(job)
    assert seen.state == "failed" and seen.error
    assert "the job was begun by another version of Fanfold" in seen.error["detail"]
    assert "start over: with --overwrite, or by submitting the job again" in seen.error["detail"]


def test_a_job_that_failed_tells_what_its_other_workers_still_did(bench: Bench) -> None:
    job = bench.admit()
    bench.reconcile(job)
    bench.engine.work(job.id, 1, planned=4)
    bench.engine.fail(job.id)
    failed = bench.reconcile(job)
    assert (failed.state, failed.tasks_done) == ("failed", 2), "the split and one map"
    tree = JobTree.open(job.url)
    for index in (2, 3):  # by workers that haven't seen the failure yet
        tree.commit(Task(0, "map", index), Commit("b", records=3, bytes=4, counters={"words": {"long": 1}}))
    bench.engine.end(job.id)
    seen = bench.settle(job)
    (step,) = [step for step in seen.stages[0].steps if step.step == "map"]
    assert (step.done, step.records, step.failed) == (3, 11, 1)
    assert seen.counters["words"] == {"long": 2}
    unchanged = {"state", "finished", "error", "runs"}
    assert seen.model_dump(include=unchanged) == failed.model_dump(include=unchanged)
    assert bench.jobs.queue()[0] == []


def test_what_its_workers_still_did_is_left_out_if_it_can_t_be_stored(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = bench.admit()
    bench.reconcile(job)
    bench.engine.fail(job.id)
    failed = bench.reconcile(job)
    read = ProgressReader.read
    monkeypatch.setattr(
        ProgressReader, "read", lambda reader: replace(read(reader), counters={"words": {"x" * (2 << 20): 1}})
    )
    bench.engine.end(job.id)
    assert bench.settle(job).counters == failed.counters
    assert bench.jobs.queue()[0] == []


def test_what_is_too_large_to_be_remembered_ends_the_job(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = bench.admit()
    bench.reconcile(job)
    monkeypatch.setattr(reconciler_module, "members_of", lambda *_: {"traceback": "x" * (2 << 20)})
    bench.engine.fail(job.id)
    bench.engine.end(job.id)
    seen = bench.settle(job)
    assert seen.state == "failed" and seen.error and "too large" in seen.error["detail"]
    assert bench.jobs.queue()[0] == []


def test_what_is_too_large_to_be_remembered_can_be_cancelled(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = bench.admit()
    bench.reconcile(job)
    bench.engine.work(job.id, 1, planned=2)
    read = ProgressReader.read
    monkeypatch.setattr(
        ProgressReader, "read", lambda reader: replace(read(reader), counters={"words": {"x" * (2 << 20): 1}})
    )
    bench.cancel(job)
    bench.engine.end(job.id)
    seen = bench.settle(job)
    assert (seen.state, seen.error) == ("cancelled", None)


def test_nothing_is_kept_of_a_job_that_another_replica_tidied(bench: Bench) -> None:
    job = bench.admit()
    bench.reconcile(job)
    bench.reconciler.reconcile(job.id)
    assert bench.reconciler.trees.find(job) and bench.reconciler._seen_active
    bench.engine.finish(job.id)
    bench.engine.end(job.id)
    other = bench.replica()
    while other.reconcile(job.id) is not None:
        pass
    assert bench.reconciler.reconcile(job.id) is None
    assert not bench.reconciler.trees.find(job) and not bench.reconciler._seen_active


@pytest.mark.parametrize("phase", [Phase.ENDED, Phase.GONE])
def test_lost_workers_are_started_again_a_few_times(bench: Bench, phase: Phase) -> None:
    job = bench.admit()
    for number in range(1 + DISPATCHES_AGAIN):
        assert not bench.reconcile(job, 2).state.final
        assert len(bench.engine.started) == number + 1
        bench.engine.end(job.id, "no room on any node", phase)
    seen = bench.settle(job)
    assert seen.state == "failed" and seen.error and "4 times" in seen.error["detail"]
    assert ("no room on any node" in seen.error["detail"]) == (phase is Phase.ENDED)
    assert len(bench.engine.started) == 1 + DISPATCHES_AGAIN


def test_workers_that_bring_something_may_be_lost_more_often(bench: Bench) -> None:
    job = bench.admit()
    for maps in range(1, 8):
        bench.reconcile(job, 2)
        bench.engine.work(job.id, maps, planned=8)
        bench.reconcile(job)
        bench.engine.end(job.id)
    bench.reconcile(job, 2)
    bench.engine.finish(job.id)
    bench.engine.end(job.id)
    assert bench.settle(job).state == "succeeded" and len(bench.engine.started) == 8


def test_workers_whose_service_was_killed_are_started_again_however_often(bench: Bench) -> None:
    job = bench.admit()
    for number in range(3 * DISPATCHES_AGAIN):
        assert not bench.reconcile(job, 2).state.final
        assert len(bench.engine.started) == number + 1
        bench.engine.crews[job.id].abandoned = True
        bench.restart()
    bench.reconcile(job, 2)
    bench.engine.finish(job.id)
    bench.engine.end(job.id)
    assert bench.settle(job).state == "succeeded"


def test_a_result_counts_however_its_workers_ended(bench: Bench) -> None:
    job = bench.admit()
    bench.reconcile(job)
    bench.engine.finish(job.id)
    bench.engine.end(job.id, "killed", Phase.GONE)
    assert bench.settle(job).state == "succeeded" and len(bench.engine.started) == 1


def test_a_queued_job_is_cancelled_without_workers(bench: Bench) -> None:
    job = bench.admit()
    bench.cancel(job)
    assert bench.settle(job).state == "cancelled" and bench.engine.started == []


def test_cancelled_means_that_nobody_works_any_more(bench: Bench) -> None:
    job = bench.admit()
    bench.reconcile(job)
    bench.cancel(job)
    bench.engine.slow_to_end = True
    assert bench.reconcile(job, 3).state == "dispatched"
    bench.engine.end(job.id, "terminated")
    assert bench.settle(job).state == "cancelled"


@pytest.mark.parametrize("is_before", [True, False], ids=["before the service has seen it", "while it stops"])
def test_a_cancel_that_was_acknowledged_outweighs_a_result(bench: Bench, is_before: bool) -> None:
    job = bench.admit()
    bench.reconcile(job)
    bench.engine.slow_to_end = True
    if is_before:
        bench.engine.finish(job.id)
    bench.cancel(job)
    bench.reconcile(job)
    if not is_before:
        bench.engine.finish(job.id)
    bench.engine.end(job.id)
    assert bench.settle(job).state == "cancelled"


def test_a_failure_does_not_outweigh_a_cancel(bench: Bench) -> None:
    job = bench.admit()
    bench.reconcile(job)
    bench.cancel(job)
    JobTree.open(job.url).fail(Failure("the mapper raised"))
    bench.engine.end(job.id)
    seen = bench.settle(job)
    assert (seen.state, seen.error) == ("cancelled", None)


def test_a_name_that_is_taken_fails_the_job(bench: Bench) -> None:
    job = bench.admit()
    bench.engine.foreign = True
    seen = bench.settle(job)
    assert seen.state == "failed" and seen.error and "taken" in seen.error["detail"]


def test_what_was_seen_stays_when_tree_and_workflow_are_gone(bench: Bench) -> None:
    job = bench.admit()
    bench.reconcile(job)
    bench.engine.finish(job.id)
    bench.engine.end(job.id, phase=Phase.GONE)
    seen = bench.settle(job)
    objects = open_objects(bench.root)
    for stat in list(objects.list(f"jobs/{job.id}/")):
        objects.delete(stat.key)
    bench.restart()
    assert bench.settle(job) == seen and seen.stages[0].steps[1].done == 2


def test_workers_started_while_their_job_was_cancelled_are_ended(bench: Bench) -> None:
    job = bench.admit()
    planner.write(job.plan)
    bench.cancel(job)
    assert bench.settle(job).state == "cancelled"
    bench.engine.submit(job.plan)  # by a replica that had looked before the cancel
    bench.reconciler.stop_strays()
    assert bench.engine.crews[job.id].phase is Phase.ENDED


def test_workers_that_nobody_wrote_down_are_ended_before_their_job_is_cancelled(bench: Bench) -> None:
    job = bench.admit()
    planner.write(job.plan)
    bench.engine.submit(job.plan)  # and then the process died
    bench.cancel(job)
    assert bench.settle(job).state == "cancelled"
    assert bench.engine.crews[job.id].phase is Phase.ENDED


def test_workers_started_after_their_job_was_over_are_taken_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = bench.admit()
    submit = bench.engine.submit

    def slow(plan: planner.PlannedJob) -> object:
        monkeypatch.undo()
        bench.cancel(job)
        assert bench.replica().reconcile(job.id) == 0.0
        assert bench.job(job).state == "cancelled"
        return submit(plan)

    monkeypatch.setattr(bench.engine, "submit", slow)
    bench.reconciler.reconcile(job.id)
    assert bench.engine.started == [job.id] and bench.engine.crews[job.id].phase is Phase.ENDED


def test_a_job_frees_its_output_once(bench: Bench) -> None:
    output = f"{bench.root}files/ada/counts/"
    first = bench.admit(output)
    bench.cancel(first)
    bench.settle(first)
    current = bench.jobs.find(first.id)
    second = bench.admit(output)
    assert current
    bench.jobs.close(current)
    assert bench.jobs.writer_of(second) == second.id


@pytest.mark.parametrize(
    ("age", "pause"), [(0.0, 0.2), (1.9, 0.2), (5.0, 0.5), (29.0, 2.9), (30.0, 3.0), (3600.0, 3.0)]
)
def test_a_running_job_is_looked_at_less_and_less_often(bench: Bench, age: float, pause: float) -> None:
    job = bench.reconcile(bench.admit())
    bench.clock.now = datetime.fromisoformat(job.dispatched or "").timestamp() + age  # however long it waited
    assert bench.reconciler.reconcile(job.id) == pytest.approx(pause, abs=0.02)
    bench.cancel(job)
    bench.engine.slow_to_end = True
    assert bench.reconciler.reconcile(job.id) == 1.0


def test_workers_that_were_lost_are_started_again_after_a_pause_that_doubles(bench: Bench) -> None:
    job = bench.admit()
    pauses = []
    for _ in range(DISPATCHES_AGAIN):
        bench.reconcile(job)
        bench.engine.end(job.id)
        bench.reconciler._seen_active.clear()
        pauses.append(bench.reconciler.reconcile(job.id))
    assert pauses == [2.0, 4.0, 8.0]


def test_strangers_workers_are_left_alone(bench: Bench) -> None:
    job = bench.admit()
    planner.write(job.plan)
    bench.engine.submit(job.plan)
    bench.engine.crews["0" * 20] = bench.engine.crews.pop(job.id)
    bench.reconciler.stop_strays()
    assert bench.engine.crews["0" * 20].phase is Phase.ACTIVE


def test_leftovers_are_swept_before_the_output_is_free(bench: Bench) -> None:
    output = f"{bench.root}files/ada/counts/"
    job = bench.admit(output)
    bench.reconcile(job)
    staged = open_objects(output).stage("part-00000.txt")
    staged.write(b"half")
    handle = staged.seal()
    bench.engine.fail(job.id)
    bench.engine.end(job.id)
    bench.settle(job)
    with pytest.raises(Exception, match="nothing to commit"):
        open_objects(output).commit(handle)
    bench.admit(output)


@pytest.mark.thorough
def test_many_replicas_at_once_start_each_job_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    jobs = [bench.admit() for _ in range(12)]
    replicas = [bench.replica() for _ in range(4)]

    def run(replica: Reconciler) -> None:
        for _ in range(6):
            for job in jobs:
                if bench.engine.crews.get(job.id) and job.id[-1] in "02468acegikmoqsuwy":
                    bench.engine.finish(job.id)
                replica.reconcile(job.id)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(run, replica) for replica in replicas]:
            future.result()
    assert sorted(bench.engine.started) == sorted(job.id for job in jobs)
    for job in jobs:
        finished = bool(JobTree.open(job.url).find("report.json"))
        assert bench.job(job).state == ("succeeded" if finished else "dispatched")
    bench.records.close()


class Flaky:
    """Records that are away for a while."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.away = False

    def __getattr__(self, name: str) -> object:
        if self.away and name in {"get", "scan", "transact", "watch"}:
            raise Unavailable("the records are away")
        return getattr(self._records, name)


@pytest.mark.thorough
def test_the_loop_outlives_everything_being_away(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    flaky = Flaky(bench.records)
    jobs = JobRecords(flaky)  # type: ignore[arg-type]
    controller = JobController(bench.replica(jobs), jobs, bench.engine, seconds=0.2)
    broken = bench.admit()
    bench.engine.away = flaky.away = True
    controller.start()
    try:
        job = bench.admit()
        controller.enqueue(job.id)
        poll(lambda: controller._failures)
        flaky.away = bench.engine.away = False
        poll(lambda: {job.id, broken.id} <= set(bench.engine.started))
        JobTree.open(broken.url).objects.put("report.json", [b"no JSON"])  # by its own code
        bench.engine.finish(job.id)
        poll(lambda: bench.job(job).state == "succeeded")
        poll(lambda: bench.job(broken).state == "failed")
        late = bench.admit()
        poll(lambda: late.id in bench.engine.started)
        assert controller.alive
    finally:
        controller.stop()
        bench.records.close()
    assert not controller.alive


def test_a_job_is_taken_by_one_thread_and_nothing_is_lost() -> None:
    queue = WorkQueue()
    queue.put("a", 0)
    queue.put("b", 60)
    assert queue.take(0) == "a"
    queue.put("a", 0)
    assert queue.take(0.01) is None
    queue.done("a", 30)
    assert queue.take(0) == "a"
    queue.put("b", 0)
    assert queue.take(0) == "b"
    queue.done("b", None)
    queue.close()
    assert queue.take(60) is None


def test_a_job_whose_pods_cant_start_says_why(bench: Bench) -> None:
    """Until they can; in its owner's names, and at bounded length."""
    job = bench.reconcile(bench.admit())
    store = bench.root.removeprefix("file://").rstrip("/")
    crew = bench.engine.crews[job.id]
    crew.pending = Pending("unschedulable", f"no node has {store}/files/ada/x {'and ' * 1000}")
    wait = bench.reconcile(job).waiting
    assert wait and (wait.reason, wait.place) == ("unschedulable", None)
    assert wait.message.startswith("no node has files:x and and") and len(wait.message) == LONGEST_REASON
    revision = bench.jobs.find(job.id)
    bench.reconcile(job)
    assert bench.jobs.find(job.id) == revision, "the same reason is stored once"
    crew.pending = None
    assert bench.reconcile(job).waiting is None
    crew.pending = Pending("quota", "full")
    assert bench.reconcile(job).waiting
    bench.engine.finish(job.id)
    ended = bench.reconcile(job, 2)
    assert (ended.state, ended.waiting) == ("succeeded", None)


def test_what_tasks_did_is_kept_of_a_job_that_failed(bench: Bench) -> None:
    job = bench.admit()
    bench.reconcile(job, 2)
    bench.engine.fail(job.id)
    bench.engine.end(job.id)
    assert bench.settle(job).state == "failed"
    kept = find_table(JobTree.open(job.url))
    assert kept is not None
    assert list(kept.of_step(0, "map")) == [0]
