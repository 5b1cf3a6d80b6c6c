"""Shuffle: many maps' runs are merged in groups, and nothing of that shows in the output."""

import random
from typing import cast

import pytest

from fanfold_steps.job.spec import Aggregate, BatchFunction, Function, JobSpec, Program, SortLines, StageSpec
from fanfold_steps.memory.budget import Budget
from fanfold_steps.outputs.parts import Sink
from fanfold_steps.records.shuffle import ShuffleStep
from fanfold_steps.sorting import framed, runs
from fanfold_steps.stage.setup import StageSetup
from fanfold_steps.tree import plan
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.progress import ProgressReader
from fanfold_steps.tree.ways import ways_of
from fanfold_steps.user_code.loading import Code
from fanfold_steps.worker import loop as worker
from fanfold_steps.worker.loop import Worker
from fanfold_storage.objects.filesystem import FilesystemObjects
from tests.steps.conftest import SmallJob

HERE = "tests.steps.functions"
CHANCE = random.Random(11)
LINES = [f"k{CHANCE.randrange(300)} {CHANCE.randrange(9)}" for _ in range(3000)] + ["1 0.5", "True 0.25", "1.0 7"] * 9
STAGES = {
    "Sum": StageSpec(Function(f"{HERE}:numbered"), Aggregate("Sum")),
    "Collect": StageSpec(Function(f"{HERE}:numbered"), Aggregate("Collect")),
    "reducer": StageSpec(Function(f"{HERE}:numbered"), Function(f"{HERE}:in_order")),
    "sorted": StageSpec(Function(f"{HERE}:numbered"), Function(f"{HERE}:in_order"), sort_values=True),
    "total": StageSpec(Function(f"{HERE}:numbered"), Function(f"{HERE}:in_order"), order="total"),
}


def run(job, stage, workers=1):
    job.write_input({"a.txt": "\n".join(LINES).encode()})
    job.create(stage, partitions=3, workers={"all": workers})
    for index in reversed(range(workers)):
        Worker(job.tree, "all", index).run()
    (found,) = ProgressReader(job.tree).read().stages
    return job.output(), {step.step: (step.tasks, step.done) for step in found.steps}


@pytest.mark.thorough
@pytest.mark.parametrize("name", STAGES)
def test_it_never_shows_in_the_output(small_job, tmp_path, monkeypatch, name):
    expected, steps = run(SmallJob(tmp_path / "plain"), STAGES[name])
    assert list(steps) == ["split", "map", "reduce"]
    monkeypatch.setattr(plan, "GROUP", 4)
    monkeypatch.setattr(plan, "MANY", 20)
    monkeypatch.setattr(worker, "budget_of", lambda conf: Budget(16 << 10))  # a group is merged in passes
    output, steps = run(small_job, STAGES[name], workers=2)
    assert output == expected
    maps, _ = steps["map"]
    assert steps["shuffle"] == (-(-maps // 4), -(-maps // 4))


def test_what_is_shuffled():
    assert plan.groups(257, 64) == 5
    assert plan.groups(64, 10_000) == 0
    frames = StageSpec(BatchFunction("m:f"), {"n": Aggregate("Sum")})
    stages = [STAGES["Sum"], StageSpec(STAGES["Sum"].map, Program("cat")), StageSpec(reduce=SortLines()), frames]
    ways = [ways_of(JobSpec(stages=[stage]))[0] for stage in stages]
    assert [way.has_shuffle for way in ways] == [True, True, False, False]
    assert [list(plan.members(group, 130))[-1] for group in range(3)] == [63, 127, 129]


@pytest.mark.parametrize("name", ["Sum", "reducer"])
def test_no_more_runs_are_read_at_once_than_the_memory_allows(tmp_path, monkeypatch, name):
    store = FilesystemObjects(tmp_path)
    chance = random.Random(3)
    found = []
    for number in range(7):
        segments = [sorted((b"%d" % chance.randrange(50), at if name == "Sum" else [at]) for at in range(99))] * 3
        found.append((f"{number}.run", store.put(f"{number}.run", runs.pack(segments, 200))))
    reading = most = 0
    original = framed.read_bodies

    def read_bodies(*range_of_run):
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        try:
            yield from original(*range_of_run)
        finally:
            reading -= 1

    monkeypatch.setattr(framed, "read_bodies", read_bodies)
    records = []
    for share in (1 << 30, 0):
        setup = StageSetup(STAGES[name], {}, {}, cast(Code, None), Budget(share), cast(Sink, None))
        written = ShuffleStep(setup).run(found, JobTree(store), "whole.run")
        assert (written.records, most, reading) == (7 * 3 * 99, min(Budget(share).fan_in, 7), 0)
        records.append([list(runs.read_segment(store, "whole.run", written.bytes, at)) for at in range(3)])
        most = 0
    assert records[0] == records[1]
    assert records[0][0]
