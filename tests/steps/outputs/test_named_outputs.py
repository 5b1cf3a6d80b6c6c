"""Named outputs: the same bytes whatever the splits, workers and memory, from any step of any stage."""

import json
import re

import pytest

from fanfold import To
from fanfold_steps.__main__ import main
from fanfold_steps.inputs.splits import list_inputs
from fanfold_steps.job.formats import JSONL, Text
from fanfold_steps.job.policy import Skip
from fanfold_steps.job.spec import Aggregate, StageSpec
from fanfold_steps.memory.budget import Budget
from fanfold_steps.worker import loop as worker
from fanfold_steps.worker.loop import Worker
from tests.steps.conftest import function

pytestmark = pytest.mark.thorough

OUTPUTS = {"rejects": JSONL(), "seen": Text(compress="gzip")}
LINES = [f"k{number % 40} {number}" if number % 5 else f"bad {number} line" for number in range(3000)]
KEYS = 32
CUTS = [(workers, split_size) for workers in (1, 2, 4) for split_size in (1024, 4096, 64 << 20)]


TWO_STAGES = [
    StageSpec(function("pairs_or_rejects"), function("total_seen"), partitions=3),
    StageSpec(function("total_seen_again"), Aggregate("Sum"), partitions=2),
]


def run(job, *stages, workers=1, **how):
    job.write_input({"a.txt": "\n".join(LINES[:1000]).encode(), "b.txt": "\n".join(LINES[1000:]).encode()})
    job.create(*stages, workers={"all": workers}, outputs=OUTPUTS, **how)
    for index in reversed(range(workers)):
        Worker(job.tree, "all", index).run()
    return {name: job.named(name) for name in OUTPUTS}


def rejects():
    return [json.dumps(["reject", line], separators=(",", ":")) for line in LINES if line.startswith("bad")]


@pytest.mark.parametrize(("workers", "split_size"), CUTS)
def test_records_from_every_step_are_written_in_input_order(small_job, tmp_path_factory, workers, split_size):
    named = run(small_job, *TWO_STAGES, workers=workers, split_size=split_size)
    reference = type(small_job)(tmp_path_factory.mktemp("reference"))
    assert named == run(reference, *TWO_STAGES, split_size=2000)
    assert small_job.output() == reference.output()
    assert list(named["rejects"]) == list(named["seen"]) == ["part-00000"]
    assert named["rejects"]["part-00000"].split(b"\n")[:-1] == [line.encode() for line in rejects()]
    seen = named["seen"]["part-00000"].decode().split("\n")[:-1]
    assert [line.split()[0] for line in seen] == ["reduced"] * KEYS + ["mapped"] * KEYS
    assert [line.split()[1] for line in seen[:KEYS]] == [line.split()[1] for line in seen[KEYS:]]


@pytest.mark.parametrize(("workers", "split_size"), CUTS)
def test_without_a_reducer_each_split_writes_its_own(small_job, workers, split_size):
    named = run(small_job, StageSpec(function("pairs_or_rejects")), workers=workers, split_size=split_size)
    assert b"".join(named["rejects"].values()).decode().split("\n")[:-1] == rejects()
    assert named["seen"] == {"part-00000": b""}
    whole = b"".join(small_job.output().values())
    assert whole == b"".join(f"{line}\n".replace(" ", "\t").encode() for line in LINES if line.startswith("k"))


def test_a_reducer_of_the_last_stage_writes_a_part_for_each_partition(small_job):
    named = run(small_job, StageSpec(function("pairs_or_rejects"), function("total_seen")), partitions=4)
    assert list(named["rejects"]) == ["part-00000"]
    assert list(named["seen"]) == [f"part-0000{number}" for number in range(4)]
    for part, data in named["seen"].items():
        keys = [line.split("\t")[0] for line in small_job.output()[f"{part}.txt"].decode().split("\n")[:-1]]
        assert [line.split()[1] for line in data.decode().split("\n")[:-1]] == keys


def test_many_of_them_go_through_the_disk(small_job, tmp_path_factory, monkeypatch):
    expected = run(type(small_job)(tmp_path_factory.mktemp("reference")), *TWO_STAGES)
    monkeypatch.setattr(worker, "budget_of", lambda conf: Budget(8192))
    assert run(small_job, *TWO_STAGES, split_size=1 << 20) == expected


@pytest.mark.parametrize("budget", [8192, 1 << 29])
@pytest.mark.parametrize("reduce", [function("total"), Aggregate("Sum")])
def test_a_record_that_is_skipped_gives_nothing(small_job, monkeypatch, reduce, budget):
    monkeypatch.setattr(worker, "budget_of", lambda conf: Budget(budget))
    small_job.write_input({"a.txt": "\n".join(LINES).encode()})
    stage = StageSpec(function("rejects_and_fails"), reduce)
    small_job.create(stage, outputs={"rejects": Text()}, on_error=Skip(at_most=0.5), split_size=1 << 20)
    Worker(small_job.tree, "all", 0).run()
    expected = [line for line in LINES if line.startswith("k") and line != "k2 2"]
    expected.insert(1, "a pair is wrong")
    assert small_job.named("rejects")["part-00000"].decode().split("\n")[:-1] == expected


def test_the_manifest_tells_them_and_the_next_job_reads_the_output_alone(small_job):
    run(small_job, *TWO_STAGES)
    folder = (small_job.root / "out").as_uri()
    manifest = json.loads((small_job.root / "out/_SUCCESS").read_text())
    assert manifest["outputs"]["rejects"]["records"] == len(rejects())
    assert [part["name"] for part in manifest["outputs"]["seen"]["parts"]] == ["part-00000.txt.gz"]
    assert manifest["records"] == KEYS
    assert [file.key for file in list_inputs({"": [folder]})] == ["part-00000.txt", "part-00001.txt"]
    assert [file.key for file in list_inputs({"": [f"{folder}/rejects"]})] == ["part-00000.jsonl"]


@pytest.mark.parametrize(
    ("stages", "outputs", "words"),
    [
        ([StageSpec(function("pairs_or_rejects"), Aggregate("Sum"))], {}, "emitted To.*the job has no named outputs"),
        ([StageSpec(function("pairs_or_rejects"))], {}, "the output 'rejects', but the job has no such output"),
        ([StageSpec(function("pairs_or_rejects")), StageSpec()], {}, "the output 'rejects', but the job has no such"),
        (
            [StageSpec(function("pairs_or_rejects"), Aggregate("Sum"))],
            {"others": Text()},
            "the output 'rejects', but the job has no such output .it has others.",
        ),
        (
            [StageSpec(function("pairs_or_rejects"), function("total_seen"))],
            {"rejects": Text()},
            "the output 'seen', but the job has no such output .it has rejects.",
        ),
        (TWO_STAGES, {"rejects": JSONL(), "seen": JSONL(), "odd": Text()}, None),
        ([StageSpec(function("gives_set_aside"))], {"rejects": JSONL()}, "can't be written as jsonl: TypeError"),
    ],
)
def test_an_output_that_is_not_declared_is_refused(small_job, stages, outputs, words):
    small_job.write_input({"a.txt": b"k 1\nbad\nj 2\n"})
    small_job.create(*stages, outputs=outputs)
    assert main(["all", "--job", small_job.url]) == (64 if words else 0)
    failure = small_job.tree.find("failed.json")
    assert (failure is None) == (words is None)
    if failure:
        assert re.search(words, failure["message"]), failure


def test_an_attempt_that_came_second_leaves_nothing(small_job, monkeypatch):
    small_job.write_input({"a.txt": b"bad\nk 1\n"})
    small_job.create(*TWO_STAGES, outputs=OUTPUTS)
    busy = Worker(small_job.tree, "all", 0)
    original = busy._run_task

    def twice(task, attempt):
        original(task, f"{attempt}-first")
        original(task, f"{attempt}-second")

    monkeypatch.setattr(busy, "_run_task", twice)
    busy.run()
    kept = [stat.key for stat in small_job.tree.objects.list("stage-") if stat.key.endswith(".run")]
    assert kept and all("-first" in key for key in kept)
    assert any("/side/" in key for key in kept)
    out = small_job.root / "out"
    files = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()} - {"_SUCCESS"}
    assert files == {"part-00000.txt", "part-00001.txt", "rejects/part-00000.jsonl", "seen/part-00000.txt.gz"}


def test_a_record_for_an_output_shows_itself_in_messages():
    assert repr(To("rejects", 7)) == "To('rejects', 7)"
