"""Jobs of several stages, without a reducer, of several inputs: the same bytes whatever the splits and workers."""

import random
import re

import pytest

from fanfold_steps.__main__ import main
from fanfold_steps.job.spec import Aggregate, InputSpec, StageSpec
from fanfold_steps.tree.failed import Failure
from fanfold_steps.tree.progress import ProgressReader
from fanfold_steps.worker.loop import Worker
from tests.steps.conftest import function, run

SUM = Aggregate("Sum")
CHANCE = random.Random(3)
WORDS = ["the", "of", "naïve", "a\u2028b", "x"]
TEXTS = {f"{n}.txt": "\n".join(" ".join(CHANCE.choices(WORDS, k=9)) for _ in range(120)).encode() for n in range(3)}
MOST_USED = [
    StageSpec(function("line_words"), SUM, partitions=3),
    StageSpec(function("under_one_key"), function("most")),
]
CUTS = [(workers, split_size) for workers in (1, 2, 4) for split_size in (1024, 4096, 64 << 20)]


def counts():
    words = " ".join(text.decode() for text in TEXTS.values()).split()
    return {word: words.count(word) for word in set(words)}


@pytest.mark.parametrize(("workers", "split_size"), CUTS)
def test_the_most_used_word_in_two_stages(small_job, workers, split_size):
    small_job.write_input(TEXTS)
    output = run(small_job, *MOST_USED, partitions=1, workers=workers, split_size=split_size)
    count, word = max((count, word) for word, count in counts().items())
    assert output == {"part-00000.txt": f"{word}: {count}\n".encode()}
    first, second = ProgressReader(small_job.tree).read().stages
    assert [(step.step, step.tasks, step.done) for step in second.steps] == [("map", 3, 3), ("reduce", 1, 1)]
    assert [step.step for step in first.steps] == ["split", "map", "reduce"]
    assert sum(step.records for step in second.steps if step.step == "map") == len(counts())


def test_a_mapper_of_key_and_record_takes_the_key_of_an_earlier_pair(small_job):
    small_job.write_input(TEXTS)
    second = StageSpec(function("under_one_key_by_key"), function("most"))
    output = run(small_job, MOST_USED[0], second, partitions=1)
    count, word = max((count, word) for word, count in counts().items())
    assert output == {"part-00000.txt": f"{word}: {count}\n".encode()}


@pytest.mark.parametrize(("workers", "split_size"), CUTS)
@pytest.mark.parametrize("mapper", ["upper_list", "at_offset"])
def test_without_a_reducer_records_keep_their_order(small_job, workers, split_size, mapper):
    data = b"".join(b"line %d\n\n" % number for number in range(700))
    small_job.write_input({"a.txt": data})
    output = run(small_job, StageSpec(function(mapper)), workers=workers, split_size=split_size)
    lines = data.decode().upper().split("\n")
    if mapper == "at_offset":
        offsets = [sum(len(line) + 1 for line in lines[:at]) for at in range(len(lines))]
        lines = [f"{offset}\t{line}" if line else "" for offset, line in zip(offsets, lines, strict=True)]
    assert b"".join(output.values()).decode() == "".join(f"{line}\n" for line in lines if line)


def test_without_a_reducer_there_is_a_part_for_each_split(small_job):
    small_job.write_input({"a.txt": b"x" * 99 + b"\n", "b.txt": b"y" * 3000 + b"\n"})
    output = run(small_job, StageSpec(function("upper_list")))
    assert list(output) == [f"part-0000{number}.txt" for number in range(4)]
    assert [len(part) for part in output.values()] == [100, 3001, 0, 0]


@pytest.mark.parametrize(("workers", "split_size"), CUTS)
def test_stages_with_and_without_reducers_in_any_order(small_job, workers, split_size):
    small_job.write_input(TEXTS)
    stages = [
        StageSpec(function("upper_list")),
        StageSpec(function("line_words"), SUM, partitions=4),
        StageSpec(),
        StageSpec(reduce=function("total")),
        StageSpec(function("under_one_key")),
    ]
    output = run(small_job, *stages, partitions=2, workers=workers, split_size=split_size)
    lines = sorted(line for part in output.values() for line in part.decode().split("\n")[:-1])
    assert lines == sorted(f"None\t{(count, word.upper())}" for word, count in counts().items())
    assert len(output) == 2


USERS = "".join(f"user{number},city{number % 7}\n" for number in range(300)).encode()
ORDERS = "".join(f"user{number * 7 % 300};thing{number}\n" for number in range(900)).encode()
NAMED = {"users": InputSpec(map=function("user_rows")), "orders": InputSpec(map=function("order_rows"))}


@pytest.mark.parametrize(("workers", "split_size"), CUTS)
def test_a_join_of_two_named_inputs(small_job, workers, split_size):
    """Users come first, as the job has them, however they were given: the reducer counts on it."""
    small_job.write_input({"users": USERS, "orders": ORDERS})
    stage = StageSpec(reduce=function("joined"))
    output = run(small_job, stage, partitions=3, workers=workers, split_size=split_size, named=NAMED)
    cities = dict(line.split(",") for line in USERS.decode().split())
    expected, offset = [], 0
    for line in ORDERS.decode().split():
        name, what = line.split(";")
        expected.append(f"{name} {cities[name]} {what}@{offset}")
        offset += len(line) + 1
    assert sorted(b"".join(output.values()).decode().split("\n")[:-1]) == sorted(expected)


def failure_of(job, *stages):
    job.create(*stages, partitions=1)
    assert main(["all", "--job", job.url]) == 64
    return job.tree.read("failed.json")


def test_a_failure_names_the_stage_and_the_record_of_the_stage_before(small_job, capsys):
    small_job.write_input({"a.txt": b"a b c c c d"})
    failure = failure_of(small_job, MOST_USED[0], StageSpec(function("raises_on_many"), SUM))
    assert failure["task"]["stage"] == 1 and failure["task"]["step"] == "map"
    assert failure["record"]["source"].startswith("stage 0, part ")
    assert failure["record"]["offset"] is None and failure["record"]["text"] == "('c', 3)"
    told = Failure.from_json(failure).describe()
    assert told.startswith("stage 1, map/") and "the mapper raised ValueError: c is there too often" in told
    assert ", record " in told and "byte" not in told
    assert told in capsys.readouterr().err
    assert small_job.output() == {}


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        ([StageSpec(reduce=SUM)], r"the mapper must emit \(key, value\) pairs, but emitted 'a line'"),
        ([StageSpec(function("returns_line"))], "the mapper returned str: let it yield records"),
        ([StageSpec(function("returns_number"))], "the mapper returned int: let it yield records"),
        (
            [StageSpec(function("line_words"), function("gives_single")), StageSpec(function("at_offset"))],
            "takes a key and a record, but the stage before emitted 1, which is not a pair",
        ),
        ([StageSpec(function("line_words")), StageSpec(function("missing"))], "has no 'missing'"),
    ],
)
def test_what_does_not_fit_together_is_told(small_job, stages, words):
    small_job.write_input({"a.txt": b"a line\n"})
    failure = failure_of(small_job, *stages)
    assert re.search(words, failure["message"]), failure


def test_in_order_each_worker_leaves_when_the_last_stages_step_is_committed(small_job):
    small_job.write_input(TEXTS)
    small_job.create(*MOST_USED, workers={"split": 1, "map": 1, "reduce": 1})
    for step in ("split", "map"):
        Worker(small_job.tree, step, 0, in_order=True).run()
    assert len(list(small_job.tree.committed(0, "reduce"))) == 3
    assert list(small_job.tree.committed(1, "reduce")) == []
    Worker(small_job.tree, "reduce", 0).run()
    assert small_job.tree.find("report.json")


def test_a_map_worker_finishes_a_job_without_a_reducer(small_job):
    small_job.write_input(TEXTS)
    small_job.create(StageSpec(function("upper_list")), workers={"split": 1, "map": 1})
    Worker(small_job.tree, "map", 0).run()
    assert small_job.tree.find("report.json")["records"] == 360
