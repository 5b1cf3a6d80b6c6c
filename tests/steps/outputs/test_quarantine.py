"""`on_error=Skip()`: bad records are put aside, the same ones whatever the splits, and not too many of them."""

import json
import random
from collections import Counter
from dataclasses import replace

import pytest

from fanfold_steps.__main__ import main
from fanfold_steps.job.formats import JSONL
from fanfold_steps.job.policy import Fail, InvalidPolicy, Skip
from fanfold_steps.job.spec import Aggregate, Function, StageSpec
from fanfold_steps.outputs.quarantine import BAD_RECORDS
from fanfold_steps.worker.loop import Worker
from fanfold_storage.objects.filesystem import FilesystemObjects

pytestmark = pytest.mark.thorough

HERE = "tests.steps.skipping"
SUM = Aggregate("Sum")
LINES = [f"word{n % 7} {n}" if n % 50 else f"bad{n % 3} {n} \u2028\udcff" for n in range(1500)]
TEXTS = {
    "a.txt": "\n".join(LINES[:700]).encode("utf-8", "surrogateescape"),
    "b/c.txt": "\r\n".join(LINES[700:]).encode("utf-8", "surrogateescape"),
}


def stage(map, reduce=SUM):
    return StageSpec(
        map=Function(f"{HERE}:{map}"), reduce=Function(f"{HERE}:{reduce}") if isinstance(reduce, str) else reduce
    )


def quarantine(job):
    path = job.root / "out" / BAD_RECORDS
    return path.read_bytes() if path.exists() else b""


def entries(job):
    return [json.loads(line) for line in quarantine(job).split(b"\n")[:-1]]


def ran(job, *stages, workers=1, **fields):
    job.create(*stages, workers={"all": workers}, on_error=fields.pop("on_error", Skip(0.5)), **fields)
    for index in reversed(range(workers)):
        Worker(job.tree, "all", index).run()
    return job.tree.read("report.json")


def failed(job, *stages, **fields):
    job.create(*stages, on_error=fields.pop("on_error", Skip(0.5)), **fields)
    assert main(["all", "--job", job.url]) == 64
    return job.tree.read("failed.json")


@pytest.mark.parametrize("reduce", [SUM, [SUM, Aggregate("Max")], "total", None])
@pytest.mark.parametrize(("split_size", "workers"), [(1024, 2), (3000, 1), (64 << 20, 1)])
def test_what_is_put_aside_depends_on_the_input_alone(small_job, reduce, split_size, workers):
    small_job.write_input(TEXTS)
    part = stage("pairs" if isinstance(reduce, list) else "numbers", reduce)
    report = ran(small_job, part, split_size=split_size, workers=workers)
    bad = [(number, line) for number, line in enumerate(LINES) if line.startswith("bad")]
    assert report["skipped"] == len(bad)
    assert report["counters"]["fanfold"]["skipped_records"] == len(bad)
    assert report["counters"]["fanfold"]["input_records"] == len(LINES)
    assert report["counters"]["lines"] == {"good": len(LINES) - len(bad)}  # what a bad record counted is taken back
    found = entries(small_job)
    assert [entry["record"] for entry in found] == [
        line.encode("utf-8", "backslashreplace").decode() for _, line in bad
    ]
    assert [entry["file"] for entry in found] == ["a.txt" if number < 700 else "b/c.txt" for number, _ in bad]
    for entry in found:
        data = TEXTS[entry["file"]][entry["offset"] :]
        assert data.decode("utf-8", "surrogateescape").startswith(entry["record"].replace("\\udcff", "\udcff"))
        assert entry["problem"] == "the mapper raised ValueError: a bad line: <object object at 0x…>"
        assert "in numbers" in entry["traceback"]
        assert "bad" not in "".join(part.decode() for part in small_job.output().values())
    expected = sum(number for number in range(1500) if number % 50)
    words = b"".join(small_job.output().values()).decode().replace("(", " ").replace(",", " ").split()
    if reduce is SUM or reduce == "total":
        assert sum(int(word) for word in words if word.isdigit()) == expected
    if split_size == 1024:  # the same bytes as from one task
        other = type(small_job)(small_job.root / "other")
        other.write_input(TEXTS)
        ran(other, part, split_size=64 << 20)
        assert quarantine(other) == quarantine(small_job)
        if reduce is not None:
            assert other.output() == small_job.output()


@pytest.mark.parametrize("split_size", [1024, 64 << 20])
def test_malformed_records_and_failing_ones_in_the_order_of_the_input(small_job, split_size):
    lines = [json.dumps({"n": n}) if n % 10 else "{" if n % 20 else json.dumps({"m": n}) for n in range(400)]
    small_job.write_input({"a.jsonl": "\n".join(lines).encode()})
    report = ran(small_job, stage("field"), split_size=split_size, input=JSONL(), partitions=1)
    found = entries(small_job)
    assert [entry["offset"] for entry in found] == sorted(entry["offset"] for entry in found)
    assert len(found) == report["skipped"] == 40
    assert [entry["problem"].split(":")[0] for entry in found[:2]] == [
        "the mapper raised KeyError",
        "not a valid jsonl record",
    ]
    assert found[1]["record"] == "{"
    assert found[1]["traceback"] is None
    assert small_job.output()["part-00000.txt"].decode() == f"sum\t{sum(n for n in range(400) if n % 10)}\n"


def test_what_a_mapper_may_not_give_is_bad_too(small_job):
    small_job.write_input({"a.txt": b"1\nnone\n2\nlist\nnan\npair\ntext\n3\n"})
    ran(small_job, stage("odd"), on_error=Skip(1), partitions=1)
    assert [entry["problem"].partition(":")[0] for entry in entries(small_job)] == [
        "a key is None, a number, a string, bytes, a date, a time, a UUID, a member of an Enum, a frozen dataclass or "
        "a tuple of these, not list (['k'])",
        "NaN can't be a key, because it is neither equal to nor less than anything",
        "the mapper must emit (key, value) pairs, but emitted 'one'",
        "Sum() takes int, float, Decimal, Fraction and timedelta, but a value is str ('x'), for the key 'k'",
    ]
    assert small_job.output()["part-00000.txt"] == b"k\t6\n"


def test_a_key_at_which_the_reducer_raises_is_put_aside_whole(small_job):
    small_job.write_input({"a.txt": b"a 1\nb 2\nc 3\nb 4\n"})
    report = ran(small_job, stage("numbers", "picky"), partitions=1)
    assert small_job.output()["part-00000.txt"] == b"a 1\nc 3\n"
    (entry,) = entries(small_job)
    assert (entry["step"], entry["key"]) == ("reduce", "'b'")
    assert entry["problem"] == "the reducer raised RuntimeError: not two (for the key 'b')"
    assert report["counters"]["keys"] == {"seen": 2}
    assert report["counters"]["fanfold"]["skipped_keys"] == 1


def test_too_many_bad_records_end_the_job(small_job):
    small_job.write_input(TEXTS)
    failure = failed(small_job, stage("numbers", "total"), on_error=Skip(0.01))
    assert failure["message"].startswith(
        "30 of 1,500 records were bad, and no more than 1% may be skipped (Skip(at_most=0.01)). "
        "The first, in a.txt at byte 0, 'bad0 0"
    )
    assert "a bad line" in failure["message"]
    assert "in numbers" in failure["traceback"]
    assert small_job.output() == {}


@pytest.mark.parametrize(("reduce", "words"), [(None, "30 of 1,500 records"), ("picky", "1 of 7 keys were bad")])
def test_too_many_of_what_is_only_known_in_the_end(small_job, reduce, words):
    small_job.write_input(TEXTS if reduce is None else {"a.txt": b"".join(b"%d 1\nb 1\n" % n for n in range(6))})
    assert words in failed(small_job, stage("numbers", reduce), on_error=Skip(0.01))["message"]
    assert small_job.output() == {}


def test_a_bad_record_of_a_later_stage_is_told_without_a_place(small_job):
    small_job.write_input({"a.txt": b"a 1\nb 2\na 3\n"})
    ran(small_job, stage("numbers", "total"), stage("fussy", "total"), partitions=1)
    (entry,) = entries(small_job)
    assert (entry["file"], entry["offset"], entry["record"]) == (None, None, "a 4")


@pytest.mark.parametrize("mapper", ["leaves", "eats"])
def test_leaving_and_running_out_of_memory_are_no_bad_records(small_job, mapper):
    small_job.write_input({"a.txt": b"x\n"})
    assert failed(small_job, stage(mapper), on_error=Skip(1))["record"]["text"] == "x"


@pytest.mark.parametrize(
    ("part", "line", "words"),
    [
        (stage("given", "total"), b"lambda", "a value can't be pickled for the next step"),
        (replace(stage("given", "total"), sort_values=True), b"dict", "can't be sorted, as sort_values demands"),
        (StageSpec(Function(f"{HERE}:unwritten")), b"set", "a record can't be written as jsonl"),
        (replace(stage("given", "total"), combine=Function(f"{HERE}:breaks")), b"x", "the combiner raised ValueError"),
        (replace(stage("given", "total"), partition=Function(f"{HERE}:breaks")), b"x", "the partitioner raised"),
        (stage("given", "number"), b"x", "the reducer returned int"),
        (stage("Breaking"), b"x", "the mapper's finish raised ValueError: no end is good"),
    ],
)
def test_what_no_single_record_is_to_blame_for_ends_the_job(small_job, part, line, words):
    small_job.write_input({"a.txt": b"x\n" + line})
    assert words in failed(small_job, part, on_error=Skip(1), output=JSONL())["message"]
    assert small_job.output() == {}


def test_nothing_bad_leaves_no_quarantine(small_job):
    small_job.write_input({"a.txt": b"a 1\n"})
    assert ran(small_job, stage("numbers"))["skipped"] == 0
    assert not (small_job.root / "out" / BAD_RECORDS).exists()
    assert list(small_job.tree.objects.list("quarantine/")) == []


def test_a_job_that_puts_nothing_aside_counts_nothing(small_job):
    small_job.write_input({"a.txt": b"a 1\n"})
    assert "skipped" not in ran(small_job, stage("numbers"), on_error=Fail())


def test_a_second_attempt_leaves_nothing_aside(small_job, monkeypatch):
    small_job.write_input(TEXTS)
    small_job.create(stage("numbers", "total"), on_error=Skip(0.5), split_size=64 << 20)
    worker = Worker(small_job.tree, "all", 0)
    original = worker._run_task

    def twice(task, attempt):
        original(task, f"{attempt}-first")
        original(task, f"{attempt}-second")

    monkeypatch.setattr(worker, "_run_task", twice)
    worker.run()
    kept = [stat.key for stat in small_job.tree.objects.list("quarantine/")]
    assert kept and all("-first" in key for key in kept)
    assert len(entries(small_job)) == 30


def test_the_careless_pace_is_kept_where_nothing_is_bad(small_job, monkeypatch):
    small_job.write_input({"a.txt": b"a 1\nb 2\n"})
    monkeypatch.setattr("fanfold_steps.records.mappers.skipping", lambda *_: pytest.fail("it was skipping"))
    ran(small_job, stage("numbers"))


@pytest.mark.parametrize("at_most", [-0.1, 1.5, True, "0.1", float("nan"), None])
def test_a_share_is_between_none_and_all(at_most):
    with pytest.raises(InvalidPolicy, match="a fraction from 0 to 1"):
        Skip(at_most)


def test_random_bad_lines_at_random_splits(small_job, tmp_path_factory):
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    lines = [f"{'bad' if chance.random() < 0.1 else 'w'} {n}" for n in range(chance.randrange(1, 800))]
    made = []
    for split_size in (1024, chance.randrange(1024, 9000)):
        job = type(small_job)(tmp_path_factory.mktemp("job"))
        job.write_input({"a.txt": "\n".join(lines).encode()})
        ran(job, stage("numbers"), split_size=split_size, on_error=Skip(1))
        made.append((quarantine(job), job.output()))
    assert made[0] == made[1], f"seed {seed}"
    assert made[0][0].count(b"\n") == sum(line.startswith("bad") for line in lines)


def test_a_reducers_worker_reads_each_commit_of_the_maps_once(small_job, monkeypatch):
    small_job.write_input(TEXTS)
    small_job.create(stage("numbers"), on_error=Skip(0.5), partitions=3)
    Worker(small_job.tree, "map", 0, in_order=True).run()
    read: Counter[str] = Counter()
    original = FilesystemObjects.read

    def counted(self, key, *span):
        read[key] += key.startswith("stage-0/map/commits/")
        return original(self, key, *span)

    monkeypatch.setattr(FilesystemObjects, "read", counted)
    Worker(small_job.tree, "reduce", 0).run()
    assert max(read.values()) == 2  # and once more to finish the job


def test_too_many_records_without_a_traceback_end_the_job_in_words(small_job):
    """What is no pair, or no record of the format, was found by us: there is no line of the user's to show."""
    small_job.write_input({"a.txt": b"x\n" * 20})
    shape = StageSpec(Function("tests.steps.functions:gives_two_letters"), SUM)
    failure = failed(small_job, shape, on_error=Skip(0.1), partitions=1)
    assert failure["message"].startswith("20 of 20 records were bad, and no more than 10% may be skipped")
    assert failure["message"].endswith("the mapper must emit (key, value) pairs, but emitted 'ab'")
    assert failure["traceback"] == ""
