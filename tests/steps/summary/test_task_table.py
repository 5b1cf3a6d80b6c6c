"""The table of tasks: what commits say, kept as one file, and read again within bounds."""

import json
from dataclasses import replace

import pytest

from fanfold_steps.job.spec import Function, StageSpec
from fanfold_steps.memory.budget import Budget
from fanfold_steps.summary import task_table
from fanfold_steps.summary.task_table import TaskTable, find_table, table_of_commits, write_table
from fanfold_steps.tree.commit import Commit, HeavyKey, KeyWeights
from fanfold_steps.tree.task import Task
from fanfold_steps.tree.typed import Malformed
from fanfold_steps.worker import loop
from fanfold_steps.worker.loop import Worker
from tests.steps.conftest import function

COMMIT = Commit(
    "a", records=5, bytes=7, read=9, seconds=1.5, worker="map-3", host="pod-1", attempts=2, spills=1, spilled=11
)
WEIGHTS = KeyWeights(100, 3, (HeavyKey("'a'", 1, 60), HeavyKey("'b'", 0, 20)))


def table(count=3):
    found = TaskTable()
    for index in range(count):
        found.add(Task(0, "map", index), replace(COMMIT, records=index, weights=WEIGHTS))
    return found


def test_a_copy_stays_as_it_is():
    found = table()
    copied = found.copy()
    found.add(Task(0, "map", 7), replace(COMMIT, weights=WEIGHTS))
    found.add(Task(0, "reduce", 0), COMMIT)
    found.add(Task(1, "map", 0), replace(COMMIT, weights=WEIGHTS))
    assert (copied.records, copied.heavy) == (table().records, table().heavy)


def test_what_is_written_is_read_again(small_job):
    write_table(small_job.tree, table())
    read = find_table(small_job.tree)
    assert read is not None
    assert read.records == table().records
    assert read.heavy[0].counts == {("'a'", 1): 180, ("'b'", 0): 60}
    assert (read.heavy[0].values, read.heavy[0].missed) == (300, 9)


def test_a_tree_without_one_has_none(small_job):
    assert find_table(small_job.tree) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["steps"][0]["columns"]["records"].pop(),
        lambda data: data["steps"][0]["columns"].pop("host"),
        lambda data: data["steps"][0]["columns"]["seconds"].append("x"),
        lambda data: data["steps"][0]["columns"]["records"].__setitem__(0, 1 << 70),
        lambda data: data["steps"][0]["columns"]["records"].__setitem__(0, True),
        lambda data: data["steps"][0]["columns"]["seconds"].__setitem__(0, float("nan")),
        lambda data: data["steps"][0]["columns"]["seconds"].__setitem__(0, -1e300),
        lambda data: data["heavy"][0]["keys"].append({"key": 5}),
        lambda data: data.update(steps=5),
    ],
)
def test_one_that_was_changed_is_refused(small_job, change):
    data = json.loads(json.dumps(table().to_json()))
    change(data)
    small_job.tree.put("tasks.json", data)
    with pytest.raises(Malformed):
        find_table(small_job.tree)


def test_names_of_any_length_are_cut(small_job):
    found = TaskTable()
    weights = KeyWeights(9, 0, tuple(HeavyKey("k" * 10_000 + str(number), 0, 1) for number in range(1000)))
    found.add(Task(0, "map", 0), replace(COMMIT, worker="w" * 10_000, host="h" * 10_000, weights=weights))
    assert len(json.dumps(found.to_json())) < 10_000


def test_there_are_so_many_rows_and_the_others_are_counted(small_job, monkeypatch):
    monkeypatch.setattr(task_table, "MOST_TASKS", 10)
    found = table(15)
    assert len(found.records[0, "map"]) == 10
    assert found.left_out == 5


def test_it_can_be_made_from_commits_and_what_is_no_commit_is_left_out(small_job):
    for index in (0, 1, 7):
        small_job.tree.commit(Task(0, "map", index), COMMIT)
    small_job.tree.objects.put("stage-0/map/commits/00002.json", [b"no JSON"])
    made = table_of_commits(small_job.tree, [(0, "map", 5), (0, "reduce", 2)])
    assert sorted(made.of_step(0, "map")) == [0, 1]


def test_a_job_leaves_it_with_all_that_its_tasks_did(small_job, monkeypatch):
    """A reducer that is a function, little memory, and a key that has most of the values."""
    monkeypatch.setattr(loop, "budget_of", lambda conf: Budget(4096))
    monkeypatch.setattr(Budget, "piece", property(lambda budget: 256))
    small_job.write_input({"a.txt": b"heavy heavy heavy light\n" * 400 + b"".join(b"w%d\n" % n for n in range(300))})
    small_job.create(StageSpec(Function("fanfold.builtin.wordcount:words"), function("total")), split_size=4096)
    Worker(small_job.tree, "all", 0).run()
    found = find_table(small_job.tree)
    assert found is not None
    maps, reduces = found.of_step(0, "map"), found.of_step(0, "reduce")
    commits = {task: small_job.tree.commit_of(task) for task in (Task(0, "map", 0), Task(0, "reduce", 1))}
    assert (maps[0].records, maps[0].bytes_in) == (commits[Task(0, "map", 0)].records, 4096)
    assert sum(record.spills for record in maps.values()) > 0
    assert sum(record.spilled for record in maps.values()) > sum(record.spills for record in maps.values())
    assert {(record.worker, record.attempts) for record in maps.values()} == {("all-0", 1)}
    assert all(record.host and record.started > 1e9 for record in (*maps.values(), *reduces.values()))
    segments = sum(record.bytes_in for record in reduces.values())
    runs = sum(record.bytes_out for record in maps.values())
    assert 0 < segments < runs, "what reducers read is what maps wrote, but for the footers"
    (key, _), count = found.heavy[0].heaviest(1)[0]
    assert key == "'heavy'"
    assert 1200 - found.heavy[0].missed <= count <= 1200
    assert found.heavy[0].values == 1200 + 400 + 300


def test_values_that_are_combined_in_map_tasks_make_no_heavy_keys(small_job):
    small_job.write_input({"a.txt": b"heavy heavy heavy light\n" * 400})
    small_job.create()
    Worker(small_job.tree, "all", 0).run()
    found = find_table(small_job.tree)
    assert found is not None
    assert found.heavy == {}
