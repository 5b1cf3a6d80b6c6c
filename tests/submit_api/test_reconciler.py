"""The reconciler: every way from queued to final, with workers that do as they are told."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fanfold import builtin, planner
from fanfold.engines import Phase
from fanfold_steps.tree import JobTree
from fanfold_storage.errors import Unavailable
from fanfold_storage.records import Records
from fanfold_storage.urls import open_objects, open_records
from fanfold_submit import dispatcher
from fanfold_submit.agenda import Agenda
from fanfold_submit.dispatcher import DISPATCHES_AGAIN, Dispatcher
from fanfold_submit.jobs import Job, State
from fanfold_submit.places import Places
from fanfold_submit.reconciler import Reconciler
from fanfold_submit.register import Register, new_job_id
from fanfold_web.clock import timestamp
from tests.submit_api.engine import ScriptedEngine
from tests.waiting import poll


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_795_504_500.0

    def __call__(self) -> float:
        self.now += 0.01
        return self.now


class Bench:
    """A dispatcher over real records and trees, and what is needed to look at it."""

    def __init__(self, folder: Path, records: Records | None = None) -> None:
        self.records = records or open_records(f"sqlite://{folder}/records.db")
        self.register = Register(self.records)
        self.engine = ScriptedEngine()
        self.clock = Clock()
        self.root = f"file://{folder}/data/"
        self.places = Places(self.root)
        objects = open_objects(self.root)
        objects.put("files/ada/texts/a.txt", [b"a b a\n"])
        self.dispatcher = Dispatcher(self.register, self.engine, self.places, self.clock)

    def restart(self) -> None:
        """As after a crash: nothing is left in memory."""
        self.dispatcher = Dispatcher(self.register, self.engine, self.places, self.clock)

    def admit(self, output: str = "") -> Job:
        job_id = new_job_id(self.clock)
        url = f"{self.root}jobs/{job_id}/"
        places = planner.Places([f"{self.root}files/ada/texts/"], output or f"{url}output/", url)
        plan = planner.plan(
            builtin.find("wordcount"), places, planner.Sizing(), job_id=job_id, owner="ada", engine="argo"
        )
        job = Job(
            id=job_id,
            name="wordcount",
            owner="ada",
            state=State.QUEUED,
            engine="scripted",
            inputs=["files:texts/"],
            partitions=plan.conf.partitions,
            created=timestamp(self.clock()),
            conf=plan.conf.to_json(),
            url=url,
        )
        assert self.register.admit(job, None)
        return job

    def look(self, job: Job, times: int = 1) -> Job:
        for _ in range(times):
            self.clock.now += 5
            self.dispatcher._seen_active.clear()
            self.dispatcher.look(job.id)
        return self.job(job)

    def job(self, job: Job) -> Job:
        held = self.register.find(job.id)
        assert held
        return held.job

    def cancel(self, job: Job) -> None:
        held = self.register.find(job.id)
        assert held and self.register.change(held, held.job.changed(desired="cancel"))

    def settle(self, job: Job) -> Job:
        """Look until there is nothing left to do."""
        for _ in range(30):
            self.clock.now += 5
            if self.dispatcher.look(job.id) is None:
                return self.job(job)
        raise AssertionError(f"never settled: {self.job(job)}")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    found = Bench(tmp_path)
    yield found
    found.records.close()


def test_a_job_goes_through_its_states(bench: Bench) -> None:
    job = bench.admit()
    seen = bench.look(job)
    assert seen.state == "dispatched" and seen.workflow and seen.workflow.name == f"fanfold-{job.id}"
    assert bench.look(job) == seen
    bench.engine.work(job.id)
    seen = bench.look(job)
    assert seen.state == "running" and seen.started and not seen.finished
    assert [(step.step, step.done) for step in seen.stages[0].steps] == [("split", 1), ("map", 2), ("reduce", 0)]
    bench.engine.finish(job.id)
    seen = bench.look(job)
    assert seen.state == "succeeded" and seen.finished and seen.error is None
    assert bench.register.queue()[0] == [job.id], "its workers are still there"
    bench.engine.end(job.id)
    assert bench.settle(job) == seen
    assert bench.register.queue()[0] == [] and bench.register.writer_of(job) is None
    assert bench.engine.started == [job.id]


def test_the_users_error_is_kept(bench: Bench) -> None:
    job = bench.admit()
    bench.look(job)
    bench.engine.fail(job.id)
    seen = bench.look(job)
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


@pytest.mark.parametrize("case", FORGED)
def test_a_failure_that_users_code_forged_ends_the_job(bench: Bench, case: str) -> None:
    job = bench.admit()
    bench.look(job)
    bench.engine.work(job.id, 1)
    JobTree.open(job.url).objects.put("failed.json", [FORGED[case]])
    bench.engine.end(job.id)
    seen = bench.settle(job)
    assert seen.state == "failed" and seen.error and seen.error["detail"]
    text = seen.view().model_dump_json()
    assert len(text.encode()) < 100_000 and not re.search(r"[\x00-\x08\x1b\x7f-\x9f]", seen.error["detail"])


def test_what_is_too_large_to_be_remembered_ends_the_job(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = bench.admit()
    bench.look(job)
    monkeypatch.setattr(dispatcher, "members_of", lambda *_: {"traceback": "x" * (2 << 20)})
    bench.engine.fail(job.id)
    bench.engine.end(job.id)
    seen = bench.settle(job)
    assert seen.state == "failed" and seen.error and "too large" in seen.error["detail"]
    assert bench.register.queue()[0] == []


def test_nothing_is_kept_of_a_job_that_another_replica_tidied(bench: Bench) -> None:
    job = bench.admit()
    bench.look(job)
    bench.dispatcher.look(job.id)
    assert bench.dispatcher._readers and bench.dispatcher._seen_active
    bench.engine.finish(job.id)
    bench.engine.end(job.id)
    other = Dispatcher(bench.register, bench.engine, bench.places, bench.clock)
    while other.look(job.id) is not None:
        pass
    assert bench.dispatcher.look(job.id) is None
    assert not bench.dispatcher._readers and not bench.dispatcher._seen_active


@pytest.mark.parametrize("phase", [Phase.ENDED, Phase.GONE])
def test_lost_workers_are_started_again_a_few_times(bench: Bench, phase: Phase) -> None:
    job = bench.admit()
    for number in range(1 + DISPATCHES_AGAIN):
        assert not bench.look(job, 2).state.final
        assert len(bench.engine.started) == number + 1
        bench.engine.end(job.id, "no room on any node", phase)
    seen = bench.settle(job)
    assert seen.state == "failed" and seen.error and "4 times" in seen.error["detail"]
    assert ("no room on any node" in seen.error["detail"]) == (phase is Phase.ENDED)
    assert len(bench.engine.started) == 1 + DISPATCHES_AGAIN


def test_workers_that_bring_something_may_be_lost_more_often(bench: Bench) -> None:
    job = bench.admit()
    for maps in range(1, 8):
        bench.look(job, 2)
        bench.engine.work(job.id, maps)
        bench.look(job)
        bench.engine.end(job.id)
    bench.look(job, 2)
    bench.engine.finish(job.id)
    bench.engine.end(job.id)
    assert bench.settle(job).state == "succeeded" and len(bench.engine.started) == 8


def test_a_result_counts_however_its_workers_ended(bench: Bench) -> None:
    job = bench.admit()
    bench.look(job)
    bench.engine.finish(job.id)
    bench.engine.end(job.id, "killed", Phase.GONE)
    assert bench.settle(job).state == "succeeded" and len(bench.engine.started) == 1


def test_a_queued_job_is_cancelled_without_workers(bench: Bench) -> None:
    job = bench.admit()
    bench.cancel(job)
    assert bench.settle(job).state == "cancelled" and bench.engine.started == []


def test_cancelled_means_that_nobody_works_any_more(bench: Bench) -> None:
    job = bench.admit()
    bench.look(job)
    bench.cancel(job)
    bench.engine.slow_to_end = True
    assert bench.look(job, 3).state == "dispatched"
    bench.engine.end(job.id, "terminated")
    assert bench.settle(job).state == "cancelled"


def test_a_result_outweighs_a_cancel_that_comes_too_late(bench: Bench) -> None:
    job = bench.admit()
    bench.look(job)
    bench.engine.slow_to_end = True
    bench.cancel(job)
    bench.look(job)
    bench.engine.finish(job.id)
    bench.engine.end(job.id)
    assert bench.settle(job).state == "succeeded"


def test_a_name_that_is_taken_fails_the_job(bench: Bench) -> None:
    job = bench.admit()
    bench.engine.foreign = True
    seen = bench.settle(job)
    assert seen.state == "failed" and seen.error and "taken" in seen.error["detail"]


def test_what_was_seen_stays_when_tree_and_workflow_are_gone(bench: Bench) -> None:
    job = bench.admit()
    bench.look(job)
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
    bench.dispatcher.stop_strays()
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
        assert Dispatcher(bench.register, bench.engine, bench.places, bench.clock).look(job.id) == 0.0
        assert bench.job(job).state == "cancelled"
        return submit(plan)

    monkeypatch.setattr(bench.engine, "submit", slow)
    bench.dispatcher.look(job.id)
    assert bench.engine.started == [job.id] and bench.engine.crews[job.id].phase is Phase.ENDED


def test_a_job_frees_its_output_once(bench: Bench) -> None:
    output = f"{bench.root}files/ada/counts/"
    first = bench.admit(output)
    bench.cancel(first)
    done = bench.settle(first)
    second = bench.admit(output)
    bench.register.close(done)
    assert bench.register.writer_of(second) == second.id


def test_strangers_workers_are_left_alone(bench: Bench) -> None:
    job = bench.admit()
    planner.write(job.plan)
    bench.engine.submit(job.plan)
    bench.engine.crews["0" * 20] = bench.engine.crews.pop(job.id)
    bench.dispatcher.stop_strays()
    assert bench.engine.crews["0" * 20].phase is Phase.ACTIVE


def test_leftovers_are_swept_before_the_output_is_free(bench: Bench) -> None:
    output = f"{bench.root}files/ada/counts/"
    job = bench.admit(output)
    bench.look(job)
    staged = open_objects(output).stage("part-00000.txt")
    staged.write(b"half")
    handle = staged.seal()
    bench.engine.fail(job.id)
    bench.engine.end(job.id)
    bench.settle(job)
    with pytest.raises(Exception, match="nothing to commit"):
        open_objects(output).commit(handle)
    bench.admit(output)


def test_many_replicas_at_once_start_each_job_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    jobs = [bench.admit() for _ in range(12)]
    replicas = [Dispatcher(bench.register, bench.engine, bench.places, bench.clock) for _ in range(4)]

    def run(replica: Dispatcher) -> None:
        for _ in range(6):
            for job in jobs:
                if bench.engine.crews.get(job.id) and job.id[-1] in "02468acegikmoqsuwy":
                    bench.engine.finish(job.id)
                replica.look(job.id)

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


def test_the_loop_outlives_everything_being_away(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    flaky = Flaky(bench.records)
    register = Register(flaky)  # type: ignore[arg-type]
    reconciler = Reconciler(register, bench.engine, bench.places, bench.clock, seconds=0.2)
    broken = bench.admit()
    bench.engine.away = flaky.away = True
    reconciler.start()
    try:
        job = bench.admit()
        reconciler.look_at(job.id)
        poll(lambda: reconciler._failures)
        flaky.away = bench.engine.away = False
        poll(lambda: {job.id, broken.id} <= set(bench.engine.started))
        JobTree.open(broken.url).objects.put("report.json", [b"no JSON"])  # one job that nobody can read
        bench.engine.finish(job.id)
        poll(lambda: bench.job(job).state == "succeeded")
        poll(lambda: reconciler._failures.get(broken.id))
        late = bench.admit()
        poll(lambda: late.id in bench.engine.started)
        assert reconciler.alive
    finally:
        reconciler.stop()
        bench.records.close()
    assert not reconciler.alive


def test_a_job_is_taken_by_one_thread_and_nothing_is_lost() -> None:
    agenda = Agenda()
    agenda.put("a", 0)
    agenda.put("b", 60)
    assert agenda.take(0) == "a"
    agenda.put("a", 0)
    assert agenda.take(0.01) is None
    agenda.done("a", 30)
    assert agenda.take(0) == "a"
    agenda.put("b", 0)
    assert agenda.take(0) == "b"
    agenda.done("b", None)
    agenda.close()
    assert agenda.take(60) is None
