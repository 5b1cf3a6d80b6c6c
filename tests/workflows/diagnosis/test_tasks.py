"""Pages of a job's tasks: all of them, once, in the order that was asked for, whatever is committed, runs or failed."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold.diagnosis.tasks import InvalidCursor, JobTasks, Query, StepTasks
from fanfold_steps.summary.task_table import TaskTable
from fanfold_steps.summary.workers import AtWork
from fanfold_steps.tree.commit import Commit
from fanfold_steps.tree.task import Task

STEPS = [StepTasks(0, "map", 12), StepTasks(0, "reduce", 3), StepTasks(1, "map", 4)]
COMMIT = Commit("a", records=0, bytes=0)
ALL = [Task(stage, step, index) for stage, step, count in STEPS for index in range(count)]


def at(worker, task, since=0.0):
    return AtWork(worker, "host", task, since, 1, "reading", 0.0)


@st.composite
def jobs(draw):
    """Jobs in any state, with ties in every column."""
    table = TaskTable()
    committed = draw(st.sets(st.sampled_from(ALL)))
    for task in sorted(committed, key=ALL.index):
        figures = [draw(st.integers(0, 3)) for _ in range(3)]
        table.add(task, replace(COMMIT, seconds=figures[0] / 2, records=figures[1], bytes=figures[2]))
    others = [task for task in ALL if task not in committed]
    running = draw(st.lists(st.sampled_from(others), unique=True, max_size=4)) if others else []
    failed = draw(st.sampled_from([None, *others]))
    return JobTasks(STEPS, table, [at(f"map-{number}", task) for number, task in enumerate(running)], failed)


def pages(job, **query):
    cursor, found = "", []
    while True:
        page = Query(cursor=cursor, **query).page(job)
        assert len(page.items) <= query["limit"]
        found += page.items
        if page.cursor is None:
            return found
        assert len(page.items) == query["limit"], "only the last page has room left"
        cursor = page.cursor


def key(task):
    return Task(task.stage, task.step, task.index)


def size_of(task, sort):
    return {"seconds": task.seconds or 0, "records": task.records, "bytes": max(task.bytes_in, task.bytes_out)}[sort]


@given(
    jobs(),
    st.sampled_from(["seconds", "records", "bytes", "index"]),
    st.sampled_from([None, "waiting", "running", "committed", "failed"]),
    st.sampled_from([None, 0, 1, 7]),
    st.sampled_from([None, "map", "reduce"]),
    st.integers(1, 25),
)
def test_pages_hold_each_task_once_in_order(job, sort, state, stage, step, limit):
    everything = pages(job, sort="index", limit=1000)
    assert list(map(key, everything)) == ALL
    wanted = [
        task
        for task in everything
        if state in (None, task.state) and stage in (None, task.stage) and step in (None, task.step)
    ]
    found = pages(replace_running(job), sort=sort, state=state, stage=stage, step=step, limit=limit)
    assert sorted(map(key, found), key=ALL.index) == list(map(key, wanted))
    if sort == "index":
        assert list(map(key, found)) == list(map(key, wanted))
    else:
        begun = [task for task in found if task.state != "waiting"]
        assert found == [*begun, *(task for task in found if task.state == "waiting")]
        sizes = [size_of(task, sort) for task in begun if task.state != "running"]
        assert sizes == sorted(sizes, reverse=True)


def replace_running(job):
    """The same job with running tasks whose time stands still, as pages of moving ones can't be compared."""
    return JobTasks(job.steps, job.table, [replace(worker, since=0.0) for worker in job.workers], job.failed)


def test_a_running_task_tells_who_is_at_it_since_when():
    job = JobTasks(STEPS, TaskTable(), [at("map-3", ALL[2], time.time() - 5), at("map-4", ALL[2], time.time() - 1)])
    task, *_ = Query().page(job).items
    assert (task.state, task.worker, task.host, task.status) == ("running", "map-4", "host", "reading")
    assert 1 <= (task.seconds or 0) < 5, "whoever began it last"


def test_workers_at_tasks_that_do_not_exist_are_not_believed():
    job = JobTasks(STEPS, TaskTable(), [at("x", Task(0, "map", 99)), at("y", Task(5, "map", 0)), at("z", None)])
    assert {task.state for task in Query(limit=1000).page(job).items} == {"waiting"}


def test_of_millions_of_tasks_only_a_page_is_made():
    steps = [StepTasks(0, "map", 10_000_000), StepTasks(0, "reduce", 10_000_000)]
    table = TaskTable()
    table.add(Task(0, "reduce", 9_999_999), replace(COMMIT, seconds=1.0))
    job = JobTasks(steps, table)
    first = Query(limit=3).page(job)
    assert [task.name for task in first.items] == ["reduce/9999999", "map/0", "map/1"]
    second = Query(limit=2, cursor=first.cursor or "").page(job)
    assert [task.name for task in second.items] == ["map/2", "map/3"]
    assert Query(limit=2, sort="index", cursor="0.000_0_map_9999998").page(job).items[-1].name == "reduce/0"


@pytest.mark.parametrize("cursor", ["x", "1_0_map", "1.0_0_combine_3", "-_9_map_0", "1_0_map_0_", "9" * 100])
def test_what_is_no_cursor_is_refused(cursor):
    with pytest.raises(InvalidCursor):
        Query(cursor=cursor).page(JobTasks(STEPS, TaskTable()))


def test_large_numbers_keep_their_order_across_pages():
    table = TaskTable()
    for index in range(12):
        table.add(Task(0, "map", index), replace(COMMIT, records=(1 << 62) + index))
    found = pages(JobTasks(STEPS[:1], table), sort="records", limit=1)
    assert [task.index for task in found] == list(reversed(range(12)))
