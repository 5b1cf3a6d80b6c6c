"""What surrounds a function: its context, its counters, its hooks."""

import random
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from fanfold_steps.__main__ import main
from fanfold_steps.job.spec import Aggregate, Function, StageSpec
from fanfold_steps.records.collectors import OPENING_RECORDS
from fanfold_steps.tree.commit import Commit
from fanfold_steps.tree.counters import LONGEST_NAME, MOST_COUNTERS, Tally
from fanfold_steps.tree.task import Task
from fanfold_steps.worker.loop import Worker
from tests.steps import surrounded
from tests.steps.conftest import count_words, parse_counts
from tests.waiting import poll

HERE = "tests.steps.surrounded"
SUM = Aggregate("Sum")
TEXTS = {
    "a.txt": b"one two  three\nof one\r\n" * 300,
    "b/c.txt": "naïve two longest\n".encode() * 200 + b"the end",
    "z.txt": b"a line that is " + b"long " * 600,
}


def stage(map, reduce=SUM, combine=None):
    of = Function(f"{HERE}:{reduce}") if isinstance(reduce, str) else reduce
    return StageSpec(Function(f"{HERE}:{map}"), of, Function(f"{HERE}:{combine}") if combine else None)


def done(job, *workers):
    for index in workers or (0,):
        Worker(job.tree, "all", index).run()
    return job.tree.read("report.json")


def told(job, part):
    job.create(part, partitions=1)
    assert main(["all", "--job", job.url]) == 64
    return job.tree.read("failed.json")


@pytest.mark.parametrize("split_size", [1024, 5000, 64 << 20])
def test_counters_are_those_of_the_records_whatever_the_splits(small_job, split_size):
    small_job.write_input(TEXTS)
    small_job.create(stage("counted_words"), split_size=split_size)
    counters = done(small_job)["counters"]
    words = [word for data in TEXTS.values() for word in data.decode().split()]
    assert counters["words"] == {
        "long": sum(len(word) > 4 for word in words),
        "short": sum(len(word) <= 4 for word in words),
    }
    lines = sum(len(data.splitlines()) for data in TEXTS.values())
    assert counters["lines"] == {"seen": lines}
    own = counters["fanfold"]
    assert own["input_records"] == lines
    assert own["input_bytes"] == sum(map(len, TEXTS.values()))
    assert own["output_records"] == len(set(words))
    assert own["output_bytes"] == sum(map(len, small_job.output().values()))


@pytest.mark.thorough
def test_counters_are_exact_when_workers_are_killed(small_job):
    small_job.write_input(TEXTS)
    small_job.create(stage("counted_words"), workers={"all": 2})
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    while not small_job.tree.find("report.json"):
        workers = [small_job.start("all", index) for index in range(2)]
        for worker in workers:
            try:
                worker.wait(timeout=chance.uniform(0.15, 0.6))
            except Exception:
                worker.send_signal(signal.SIGKILL)
        for worker in workers:
            worker.communicate(timeout=20)
    words = sum(count_words(TEXTS).values())
    assert sum(small_job.tree.read("report.json")["counters"]["words"].values()) == words, f"seed {seed}"
    assert parse_counts(small_job.output()) == count_words(TEXTS)


def test_a_task_that_began_anew_for_floats_counts_once(small_job):
    lines = b"x 1\n" * (OPENING_RECORDS + 5) + b"x 0.5\n"
    small_job.write_input({"a.txt": lines})
    small_job.create(StageSpec(Function(f"{HERE}:numbers"), SUM), split_size=64 << 20)
    assert done(small_job)["counters"]["lines"]["seen"] == OPENING_RECORDS + 6


def test_where_a_record_begins(small_job):
    small_job.write_input({"b/c.txt": b"one\r\ntwo\nthree", "a.txt": "ü\nx\n".encode()})
    small_job.create(stage("placed", "listed"), partitions=1)
    counters = done(small_job)["counters"]
    assert small_job.output()["part-00000.txt"].decode().splitlines() == [
        "a.txt 0 ü",
        "a.txt 3 x",
        "b/c.txt 0 one",
        "b/c.txt 5 two",
        "b/c.txt 9 three",
    ]
    assert counters["keys"] == {"seen": 2}


def test_a_combiner_takes_the_context_too(small_job):
    small_job.write_input(TEXTS)
    small_job.create(stage("counted_words", "total", "partial"), split_size=64 << 20)
    assert done(small_job)["counters"]["combiner"]["keys"] == sum(
        len(set(data.decode().split())) for data in [b" ".join(TEXTS.values())]
    )
    assert parse_counts(small_job.output()) == count_words(TEXTS)


@pytest.mark.parametrize(
    ("mapper", "reducer", "words"),
    [
        ("placed", "asks_in_reducer", "the reducer raised RuntimeError: ctx.source is only available while a mapper"),
        ("counts_halves", SUM, "the mapper raised TypeError: a counter counts with an int, not float"),
        ("counts_for_fanfold", SUM, "the group 'fanfold' is reserved for Fanfold's own counters: choose another name"),
        ("ctx_alone", SUM, "must take one argument, the record, or two, its key and the record, but is"),
        ("Breaking", SUM, "the mapper's finish raised ValueError: after 1 lines"),
        ("NeverStarting", SUM, "the mapper's start raised LookupError: no luck"),
        ("EndingBadly", SUM, "must emit (key, value) pairs, but emitted 'no pair' (from the mapper's finish)"),
        ("EndingInText", SUM, "the mapper's finish returned str: let it yield records, or return a list of them"),
        ("placed", "EndingInPair", "the reducer's finish returned tuple: let it yield records"),
        ("uncopied", SUM, "can't be copied, as each attempt needs: cannot pickle 'generator' object; open what can't"),
    ],
)
def test_what_may_not_be_asked_and_how_hooks_fail(small_job, mapper, reducer, words):
    small_job.write_input({"a.txt": b"x\n"})
    failure = told(small_job, stage(mapper, reducer))
    assert words in failure["message"], failure["message"]
    if "raised" in failure["message"]:
        assert f"in {'finish' if 'finish' in failure['message'] else ''}" in failure["traceback"]
        assert "fanfold_steps" not in failure["traceback"].splitlines()[1]


@pytest.mark.parametrize("name", ["", "a\nb", "\ud800", "x" * (LONGEST_NAME + 1), 7])
def test_names_that_no_counter_has(name):
    for group_and_name in [("group", name), (name, "name")]:
        with pytest.raises(ValueError, match="printable strings"):
            Tally().add(*group_and_name, 1)


def test_a_task_has_so_many_counters():
    tally = Tally()
    for number in range(MOST_COUNTERS):
        tally.add("group", str(number), 1)
    tally.add("group", "0", 1)
    with pytest.raises(ValueError, match="count categories"):
        tally.add("group", "one more", 1)


def test_parameters_without_pydantic_are_refused_with_the_mend(small_job, monkeypatch, tmp_path):
    (tmp_path / "needing.py").write_text("from pydantic import BaseModel\n\n\ndef pairs(line):\n    yield line, 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "pydantic", None)
    small_job.write_input({"a.txt": b"x\n"})
    failure = told(small_job, StageSpec(Function("needing:pairs"), SUM))
    assert "a job with parameters needs pydantic: pip install '" in failure["message"]


@pytest.mark.parametrize("count", [0, 3, 200])
def test_commits_are_read_in_the_order_of_their_tasks(small_job, count):
    tasks = [Task(0, "map", index) for index in reversed(range(count))]
    for task in tasks:
        small_job.tree.commit(task, Commit("a", task.index, 0))
    assert [commit.records for commit in small_job.tree.commits_of(tasks)] == [task.index for task in tasks]


@pytest.mark.thorough
def test_a_status_is_told_with_the_beat(small_job):
    small_job.write_input({"a.txt": b"x\n"})
    small_job.create(stage("tells"))
    surrounded.heard.clear()

    def hear():
        poll(lambda: (small_job.tree.find("workers/all-0.json") or {}).get("status") == "mapping x")
        surrounded.heard.set()

    with ThreadPoolExecutor(1) as pool:
        hearing = pool.submit(hear)
        done(small_job)
        hearing.result()


@pytest.mark.parametrize("mapper", ["tallying", "Tallying"])
@pytest.mark.parametrize("split_size", [1024, 5000, 64 << 20])
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_hooks_give_one_answer(small_job, mapper, split_size, workers):
    small_job.write_input(TEXTS)
    small_job.create(stage(mapper, "ranked", "pairing"), partitions=1, split_size=split_size, workers={"all": workers})
    counters = done(small_job, *reversed(range(workers)))["counters"]
    best = sorted(((count, word) for word, count in count_words(TEXTS).items()), reverse=True)[:3]
    assert small_job.output()["part-00000.txt"].decode() == "".join(f"{word}\t{count}\n" for count, word in best)
    assert counters["hooks"] == {"words": sum(count_words(TEXTS).values()), "keys": len(count_words(TEXTS))}
    assert surrounded.tallying.started == 0  # only copies work
    assert surrounded.ranked.best == []
