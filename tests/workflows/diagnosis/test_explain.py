"""`explain` finds what bounds a job, by its figures, and says nothing where nothing stands out."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fanfold.diagnosis.explain import Finding, JobFacts, explain
from fanfold.diagnosis.skew import skews_of
from fanfold.diagnosis.tasks import JobTasks, StepTasks
from fanfold_steps.summary.task_table import TaskTable
from fanfold_steps.summary.workers import AtWork
from fanfold_steps.tree.commit import Commit, HeavyKey, KeyWeights
from fanfold_steps.tree.failed import Failure
from fanfold_steps.tree.task import Task

MIB = 1 << 20
EVEN = Commit("a", records=1000, bytes=MIB, read=2 * MIB, seconds=10.0, cpu_seconds=6.0, worker="map-0", host="node-1")


def job(
    maps: Sequence[Commit] = (EVEN,) * 4, reduces: Sequence[Commit] = (EVEN,) * 4, workers: int = 4, **facts: object
) -> JobFacts:
    table = TaskTable()
    for step, commits in (("map", maps), ("reduce", reduces)):
        for index, commit in enumerate(commits):
            table.add(Task(0, step, index), commit)
    steps = [StepTasks(0, "map", len(maps)), StepTasks(0, "reduce", len(reduces))]
    return replace(JobFacts("running", JobTasks(steps, table), workers), **facts)  # type: ignore[arg-type]


def found(facts: JobFacts) -> dict[str, Finding]:
    return {finding.code: finding for finding in explain(facts, skews_of(facts.tasks))}


def test_of_a_job_in_which_nothing_stands_out_nothing_is_said() -> None:
    assert list(found(job())) == ["nothing"]
    assert list(found(JobFacts("queued", JobTasks([], TaskTable()), 4))) == ["nothing"]


def test_a_failure_comes_first_with_its_task() -> None:
    failure = Failure("the mapper raised E", task=Task(0, "map", 3))
    first, *_ = found(job(failure=failure, waiting="It waits.")).values()
    assert (first.code, first.message) == ("failed", "The job failed at map/3: the mapper raised E.")
    assert "--task map/3" in first.change


def test_waiting_is_told_as_it_is() -> None:
    assert found(job(waiting="map: no node has room"))["waiting"].message == "map: no node has room"


def test_a_key_with_most_of_the_values_is_named() -> None:
    weights = KeyWeights(1000, 0, (HeavyKey("'the'", 2, 600), HeavyKey("'a'", 0, 10)))
    facts = job(maps=[replace(EVEN, weights=weights)] * 4)
    said = str(found(facts)["heavy-key"])
    assert "The key 'the' has 60% of the 4,000 values that stage 0 reduces, and one task, reduce/2" in said
    light = KeyWeights(1000, 0, (HeavyKey("'the'", 2, 260),))
    assert "heavy-key" not in found(job(maps=[replace(EVEN, weights=light)] * 4)), "as much as a partition has anyway"


def test_a_partition_that_is_far_larger_is_named_with_its_size() -> None:
    large = replace(EVEN, read=40 * MIB, seconds=100.0)
    said = str(found(job(reduces=[EVEN, EVEN, large]))["skew"])
    assert "Partition 2 of stage 0 has 40.0 MiB, a typical one 2.0 MiB: its reducer takes 1:40." in said
    assert "skew" not in found(job(reduces=[EVEN, EVEN, replace(large, seconds=12.0)])), "it costs nothing"


def test_a_task_that_runs_far_longer_than_others_is_named_with_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanfold.diagnosis.tasks.time.time", lambda: 1100.0)
    facts = job(maps=[EVEN] * 4)
    steps = [StepTasks(0, "map", 5), StepTasks(0, "reduce", 4)]
    worker = AtWork("map-3", "node-7", Task(0, "map", 4), 1000.0, 1, "", 0.0)
    said = str(found(replace(facts, tasks=JobTasks(steps, facts.tasks.table, [worker])))["straggler"])
    assert "map/4 has been running for 1:40 on node-7, a typical one 10.0 s." in said
    assert "--task map/4" in said


def test_a_task_that_took_far_longer_with_as_much_to_read_is_named() -> None:
    said = str(found(job(maps=[EVEN, EVEN, replace(EVEN, seconds=70.0), EVEN]))["straggler"])
    assert "map/2 of stage 0 took 1:10, a typical task 10.0 s, with as much to read." in said
    larger = replace(EVEN, seconds=70.0, read=14 * MIB)
    assert "straggler" not in found(job(maps=[EVEN, EVEN, larger, EVEN])), "it had more to read"


def test_fewer_splits_than_workers_are_told_with_why() -> None:
    said = str(found(job(maps=[EVEN], workers=8, unsplit=["a.gz can't be split: it is gzip."]))["few-splits"])
    assert said.startswith("There is 1 split for 8 workers, so some have nothing to map. a.gz can't be split")
    assert "few-splits" not in found(job(maps=[replace(EVEN, seconds=1.0)], workers=8))


def test_spilling_is_told_if_it_writes_more_than_the_tasks_do() -> None:
    spilling = replace(EVEN, spills=9, spilled=30 * MIB)
    said = str(found(job(maps=[EVEN, spilling, spilling, EVEN]))["spilling"])
    assert "2 of 4 map tasks of stage 0 spilled 60.0 MiB to disk, for lack of memory." in said
    assert "spilling" not in found(job(maps=[replace(EVEN, spills=1, spilled=1000)] * 4))


@pytest.mark.parametrize(("cpu", "code"), [(1.0, "waiting-tasks"), (9.5, "computing"), (0.0, None), (6.0, None)])
def test_whether_tasks_compute_or_wait_is_told(cpu: float, code: str | None) -> None:
    commit = replace(EVEN, cpu_seconds=cpu)
    said = found(job([commit] * 4, [commit] * 4))
    assert (set(said) & {"waiting-tasks", "computing"}) == ({code} if code else set())


def test_a_job_whose_workers_did_little_took_its_time_to_start() -> None:
    quick = replace(EVEN, seconds=0.1)
    facts = job([quick] * 4, [quick] * 4, state="succeeded", seconds=60.0)
    assert "The job took 1:00, and its 4 workers worked 0.8 s in all." in str(found(facts)["starting"])
    assert "starting" not in found(replace(facts, state="running"))


def test_skew_has_the_typical_and_the_largest_and_the_heaviest_keys() -> None:
    weights = KeyWeights(100, 0, (HeavyKey("'a'", 1, 60), HeavyKey("'b'", 0, 20)))
    maps, reduces = skews_of(job(maps=[replace(EVEN, weights=weights), replace(EVEN, seconds=30.0)]).tasks)
    assert (maps.seconds.typical, maps.seconds.largest, maps.seconds.index) == (10.0, 30.0, 1)
    assert [(key.key, key.partition, key.values) for key in reduces.keys] == [("'a'", 1, 60), ("'b'", 0, 20)]
    assert (reduces.values, list(maps.keys)) == (100, [])
    assert skews_of(JobTasks([StepTasks(0, "map", 3)], TaskTable())) == []
