"""The worker's promises: one answer whatever dies, and no order of starting that locks a job up."""

import random
import signal
import time

import pytest

from fanfold_steps.__main__ import main
from fanfold_steps.job.spec import Aggregate, Function, StageSpec
from fanfold_steps.memory.budget import Budget
from fanfold_steps.tree.progress import ProgressReader
from fanfold_steps.tree.task import Task
from fanfold_steps.worker import claims, exits
from fanfold_steps.worker import loop as worker
from fanfold_steps.worker.loop import Worker
from tests.steps.conftest import count_words, parse_counts

TEXTS = {
    "a.txt": b"one two  three\nof one\r\n" * 300,
    "b/c.txt": "naïve two\u2028one\n".encode() * 200 + b"bytes \xff\xfe end",
    "empty.txt": b"",
    "z.txt": b"a line that is " + b"long " * 2000,
}


def run_in_process(job, *workers):
    for step, index in workers:
        Worker(job.tree, step, index).run()


def test_all_steps_by_one_worker(small_job):
    small_job.write_input(TEXTS)
    small_job.create()
    run_in_process(small_job, ("all", 0))
    assert parse_counts(small_job.output()) == count_words(TEXTS)
    progress = ProgressReader(small_job.tree).read()
    assert progress.state == "succeeded"
    assert [(step.step, step.done == step.tasks) for step in progress.stages[0].steps] == [
        ("split", True),
        ("map", True),
        ("reduce", True),
    ]
    assert progress.stages[0].steps[1].records == sum(
        data.count(b"\n") + (not data.endswith(b"\n")) for data in TEXTS.values() if data
    )


def test_parts_are_sorted_and_a_word_lies_in_one_part(small_job):
    small_job.write_input(TEXTS)
    small_job.create(partitions=3)
    run_in_process(small_job, ("all", 0))
    words = [[line.split(b"\t")[0] for line in part.splitlines()] for part in small_job.output().values()]
    assert len(words) == 3
    assert all(part == sorted(part) for part in words)
    assert len({word for part in words for word in part}) == sum(map(len, words))


@pytest.mark.parametrize("split_size", [1024, 4096, 64 << 20])
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_bytes_depend_on_neither_splits_nor_workers(small_job, tmp_path_factory, split_size, workers):
    small_job.write_input(TEXTS)
    small_job.create(split_size=split_size, workers={"all": workers})
    run_in_process(small_job, *(("all", index) for index in reversed(range(workers))))
    reference = type(small_job)(tmp_path_factory.mktemp("reference"))
    reference.write_input(TEXTS)
    reference.create(split_size=2000)
    run_in_process(reference, ("all", 0))
    assert small_job.output() == reference.output()


def test_a_mapper_goes_on_with_what_no_reducer_has_begun(small_job):
    small_job.write_input(TEXTS)
    small_job.create(partitions=3, workers={"split": 1, "map": 4, "reduce": 2})
    run_in_process(small_job, ("map", 2))
    assert parse_counts(small_job.output()) == count_words(TEXTS)
    assert small_job.tree.report(), "it has finished the job"
    assert {small_job.tree.commit_of(Task(0, "reduce", index)).worker for index in range(3)} == {"map-2"}


def test_a_mapper_doesnt_wait_for_reducers(small_job):
    small_job.write_input(TEXTS)
    small_job.create(partitions=3, workers={"split": 1, "map": 1, "reduce": 2})
    assert claims.Claims(small_job.tree, "reduce-1").take(Task(0, "reduce", 1))
    run_in_process(small_job, ("map", 0))
    assert set(small_job.tree.committed(0, "reduce")) == {0, 2}
    assert small_job.tree.report() is None


def test_in_order_each_worker_leaves_when_its_own_step_is_committed(small_job):
    small_job.write_input(TEXTS)
    small_job.create(workers={"split": 1, "map": 1, "reduce": 1})
    for step, after in (("split", "map"), ("map", "reduce")):
        assert main([step, "--job", small_job.url, "--in-order"]) == 0
        assert list(small_job.tree.committed(0, after)) == []
    assert main(["reduce", "--job", small_job.url, "--in-order"]) == 0
    assert parse_counts(small_job.output()) == count_words(TEXTS)


def test_a_reducer_started_alone_does_the_split_and_the_maps(small_job):
    small_job.write_input(TEXTS)
    small_job.create(workers={"split": 1, "map": 4, "reduce": 2})
    run_in_process(small_job, ("reduce", 1))
    assert parse_counts(small_job.output()) == count_words(TEXTS)
    commit = small_job.tree.commit_of(Task(0, "map", 0))
    assert commit.worker == "reduce-1"


def test_a_restarted_worker_takes_up_its_own_claims_at_once(small_job):
    small_job.write_input(TEXTS)
    small_job.create()
    for index in range(3):
        assert claims.Claims(small_job.tree, "all-0").take(Task(0, "map", index))
    started = time.monotonic()
    run_in_process(small_job, ("all", 0))
    assert time.monotonic() - started < claims.DEAD_AFTER_SECONDS


def test_tasks_of_a_dead_worker_are_taken_over(small_job, monkeypatch):
    monkeypatch.setattr(claims, "DEAD_AFTER_SECONDS", 0.3)
    small_job.write_input(TEXTS)
    small_job.create(workers={"all": 2})
    dead = claims.Claims(small_job.tree, "all-1")
    small_job.tree.objects.put("workers/all-1.json", [b'{"beat": 7}'])
    assert dead.take(Task(0, "split", 0))
    assert dead.take(Task(0, "map", 1))
    assert dead.take(Task(0, "reduce", 0))
    run_in_process(small_job, ("all", 0))
    assert parse_counts(small_job.output()) == count_words(TEXTS)


def test_a_crash_of_the_machine_may_leave_claims_and_beats_empty(small_job, monkeypatch):
    monkeypatch.setattr(claims, "DEAD_AFTER_SECONDS", 0.3)
    small_job.write_input(TEXTS)
    small_job.create(workers={"all": 2})
    store = small_job.tree.objects
    store.put("claims/0-map-00000.json", [b""])
    store.put("claims/0-map-00001.json", [b'{"worker": "all-1"}'])
    store.put("workers/all-1.json", [b""])
    run_in_process(small_job, ("all", 0))
    assert parse_counts(small_job.output()) == count_words(TEXTS)


def test_an_attempt_that_came_second_leaves_nothing(small_job, monkeypatch):
    small_job.write_input({"a.txt": b"x y\n"})
    small_job.create(partitions=1)
    tree = small_job.tree
    worker = Worker(tree, "all", 0)
    original = worker._run_task

    def twice(task: Task, attempt: str) -> None:
        original(task, f"{attempt}-first")
        original(task, f"{attempt}-second")

    monkeypatch.setattr(worker, "_run_task", twice)
    worker.run()
    runs = [stat.key for stat in tree.objects.list("stage-0/map/") if stat.key.endswith(".run")]
    assert [run.endswith("-first.run") for run in runs] == [True]
    assert parse_counts(small_job.output()) == {"x": 1, "y": 1}


@pytest.mark.thorough
def test_workers_killed_at_random_leave_the_same_bytes(small_job, tmp_path_factory):
    texts = {f"{n}.txt": b"some words and number%d\n" % n * 400 for n in range(8)}
    reference = type(small_job)(tmp_path_factory.mktemp("reference"))
    for job in (small_job, reference):
        job.write_input(texts)
        job.create(partitions=3, workers={"all": 3})
    run_in_process(reference, ("all", 0))
    chance = random.Random(7)
    kills = 0
    crew = {index: small_job.start("all", index) for index in range(3)}
    deadline = time.monotonic() + 60
    while small_job.tree.find("report.json") is None:
        assert time.monotonic() < deadline, "the job didn't end"
        index = chance.randrange(3)
        if kills < 12:
            before = len(list(small_job.tree.committed(0, "map")))
            _until_something_happens(small_job, crew[index], before)
            crew[index].send_signal(signal.SIGKILL)
            kills += 1
        crew[index].wait()
        crew[index].stdin.close()
        crew[index].stderr.close()
        crew[index] = small_job.start("all", index)
    for process in crew.values():
        process.communicate()
    assert kills > 3
    assert small_job.output() == reference.output()


def _until_something_happens(job, process, before):
    """Let the job get a little further, so that kills fall all over it."""
    deadline = time.monotonic() + 1.0
    while process.poll() is None and time.monotonic() < deadline:
        if len(list(job.tree.committed(0, "map"))) > before:
            return
        time.sleep(0.005)


def test_a_combiner_and_a_reducer_written_as_functions(small_job):
    small_job.write_input({"a.txt": b"k 1\nk 2\nj 5\n" * 500})
    here = "tests.steps.functions"
    stage = StageSpec(Function(f"{here}:pairs"), Function(f"{here}:total"), Function(f"{here}:partial"))
    small_job.create(stage, partitions=1)
    run_in_process(small_job, ("all", 0))
    assert small_job.output() == {"part-00000.txt": b"j\t2500\nk\t1500\n"}


def test_values_of_a_key_arrive_in_input_order(small_job):
    small_job.write_input({"a.txt": b"".join(b"k %d\n" % n for n in range(1000))})
    here = "tests.steps.functions"
    small_job.create(StageSpec(Function(f"{here}:pairs"), Function(f"{here}:in_order")), partitions=1)
    run_in_process(small_job, ("all", 0))
    assert small_job.output()["part-00000.txt"] == ("k\t" + " ".join(map(str, range(1000))) + "\n").encode()


def test_more_maps_than_are_merged_at_once(small_job, monkeypatch):
    monkeypatch.setattr(worker, "budget_of", lambda conf: Budget(12 << 20))
    small_job.write_input({"a.txt": b"".join(b"k %d\n" % n for n in range(4000))})
    here = "tests.steps.functions"
    small_job.create(StageSpec(Function(f"{here}:pairs"), Function(f"{here}:in_order")), partitions=1)
    run_in_process(small_job, ("all", 0))
    assert len(list(small_job.tree.committed(0, "map"))) >= 3**3
    assert small_job.output()["part-00000.txt"] == ("k\t" + " ".join(map(str, range(4000))) + "\n").encode()


def test_a_folder_of_empty_files_gives_empty_parts(small_job):
    small_job.write_input({"a.txt": b"", "b.txt": b""})
    small_job.create(partitions=2)
    run_in_process(small_job, ("all", 0))
    assert small_job.output() == {"part-00000.txt": b"", "part-00001.txt": b""}


def test_no_job_at_the_url_has_its_own_exit_status(tmp_path, capsys):
    assert main(["all", "--job", (tmp_path / "nothing").as_uri()]) == exits.NO_JOB
    assert "no job" in capsys.readouterr().err


@pytest.mark.parametrize("first", ["1", "1.0", "True", "(2, 1.0)"])
@pytest.mark.parametrize("split_size", [1024, 1 << 20])
def test_equal_numbers_are_one_key_and_the_first_spelling_is_shown_whatever_the_cuts(small_job, first, split_size):
    later = [line.encode() for line in ("1", "1.0", "True", "1.5", "(2, True)", "(2, 1)", "-0.0", "0")]
    small_job.write_input({"a.txt": first.encode() + b"\n", "b.txt": b"\n".join(later * 200)})
    small_job.create(
        StageSpec(Function("tests.steps.functions:by_number"), Aggregate("Sum")), partitions=1, split_size=split_size
    )
    run_in_process(small_job, ("all", 0))
    one, pair = ("1", first) if first.startswith("(") else (first, "(2, True)")
    more = [0, 1] if first.startswith("(") else [1, 0]
    lines = f"-0.0\t400\n{one}\t{600 + more[0]}\n1.5\t200\n{pair}\t{400 + more[1]}\n"
    assert small_job.output() == {"part-00000.txt": lines.encode()}
