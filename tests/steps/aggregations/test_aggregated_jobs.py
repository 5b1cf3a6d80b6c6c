"""Aggregations through whole jobs: the same bytes for every cut and number of workers, and those of a plain model."""

import random
from typing import Any

import pytest

from fanfold_steps.aggregations import build
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.job.spec import Aggregate, Function, StageSpec
from fanfold_steps.records import collectors
from fanfold_steps.sorting import keys
from fanfold_steps.worker.loop import Worker
from tests.steps import functions
from tests.steps.conftest import SmallJob

HERE = "tests.steps.functions"
CHANCE = random.Random(11)
NUMBERS = ["1e308", "-1e308", "0.1", "7", "True", "-0.0", "1e16", "-1e16", "0.3", "12345678901234567890", "2.5"]
LINES = [
    f"{CHANCE.choice(['k', 'j', '1', '1.0', '(1, 2)'])} {CHANCE.choice(NUMBERS)}"
    for _ in range(1500)
]  # fmt: skip
SPECS: dict[str, Any] = {
    "Sum": Aggregate("Sum"),
    "Mean": Aggregate("Mean"),
    "Variance": Aggregate("Variance", [0]),
    "TopK": Aggregate("TopK", [4]),
    "Distinct": Aggregate("Distinct"),
    "First": Aggregate("First"),
    "Collect": Aggregate("Collect"),
    "tuple": [Aggregate("Sum"), Aggregate("Min"), Aggregate("Last")],
}


def expected(spec):
    """One pass over all lines, in a dict, as Python has it."""
    aggregation = build(spec)
    states: dict[Any, Any] = {}
    for line in LINES:
        for key, value in (functions.triples if isinstance(spec, list) else functions.literals)(line):
            states[key] = aggregation.fold(states.get(key, aggregation.start()), value)
    lines = [f"{key}\t{aggregation.result(states[key])}\n" for key in sorted(states, key=keys.encode)]
    return "".join(lines).encode()


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize(("split_size", "workers"), [(1024, 1), (1024, 4), (5000, 2), (1 << 26, 1)])
def test_bytes_depend_on_neither_splits_nor_workers(small_job, name, split_size, workers):
    spec = SPECS[name]
    mapper = Function(f"{HERE}:{'triples' if isinstance(spec, list) else 'literals'}")
    small_job.write_input({"a.txt": "\n".join(LINES[:700]).encode(), "b.txt": "\n".join(LINES[700:]).encode()})
    small_job.create(StageSpec(mapper, spec), partitions=1, split_size=split_size, workers={"all": workers})
    for index in reversed(range(workers)):
        Worker(small_job.tree, "all", index).run()
    assert small_job.output()["part-00000.txt"] == expected(spec)


@pytest.mark.parametrize("late", [0, 100, 2000])
def test_a_float_that_comes_late_is_added_exactly(small_job, late):
    """10**17 + 0.5 has no float: added as it comes, each 0.5 would be lost."""
    lines = ["k 100000000000000000"] + ["k 1"] * (late + collectors.OPENING_RECORDS) + ["k 0.5"] * 64 + ["k 2"]
    small_job.write_input({"a.txt": "\n".join(lines).encode()})
    small_job.create(StageSpec(Function(f"{HERE}:literals"), Aggregate("Sum")), partitions=1, split_size=1 << 20)
    Worker(small_job.tree, "all", 0).run()
    total = float(10**17 + late + collectors.OPENING_RECORDS + 32 + 2)
    assert small_job.output()["part-00000.txt"] == f"k\t{total}\n".encode()


@pytest.mark.parametrize("reduce", [Aggregate("Sum"), Function(f"{HERE}:listed")])
def test_keys_that_are_no_text_and_come_late_are_taken_as_they_are(tmp_path, reduce):
    """Small splits see them among their first records, a large one behind a thousand keys that are text."""
    lines = [f"'k{number}' 1" for number in range(1000)] + ["1 2", "1.0 3", "(1, 2) 4", "'k7' 5"]
    found = []
    for split_size in (1024, 1 << 20):
        job = SmallJob(tmp_path / str(split_size))
        job.write_input({"a.txt": "\n".join(lines).encode()})
        job.create(StageSpec(Function(f"{HERE}:literals"), reduce), partitions=1, split_size=split_size)
        Worker(job.tree, "all", 0).run()
        found.append(job.output()["part-00000.txt"])
    assert found[0] == found[1]
    assert len(found[0].splitlines()) == 1002


def test_a_value_that_does_not_fit_is_told_with_its_place(small_job):
    lines = [b"k 1"] * 1000 + [b"k 'x'", b"k 2"]
    small_job.write_input({"a.txt": b"\n".join(lines)})
    small_job.create(StageSpec(Function(f"{HERE}:literals"), Aggregate("Mean")), partitions=1)
    with pytest.raises(PermanentFailure, match=r"Mean\(\) takes int, float, .* but a value is str"):
        Worker(small_job.tree, "all", 0).run()
    assert small_job.tree.read("failed.json")["record"]["offset"] == 4000
