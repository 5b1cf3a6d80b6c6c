"""What doesn't fit into memory goes to disk and comes back: the same bytes, in bounded memory, no file left."""

import random
import sys
import tempfile
import tracemalloc
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest

from fanfold_steps.aggregations import Collect, Sum
from fanfold_steps.job.spec import Aggregate, Function, StageSpec
from fanfold_steps.memory import sizes
from fanfold_steps.memory.budget import Budget
from fanfold_steps.records import collectors
from fanfold_steps.records.combining import combined
from fanfold_steps.sorting import runs, spills
from fanfold_steps.worker import loop as worker
from fanfold_storage.objects import filesystem

HERE = "tests.steps.functions"
CHANCE = random.Random(5)
LINES = [f"k{CHANCE.randrange(400)} {CHANCE.randrange(9)}" for _ in range(4000)] + ["1 0.5", "True 0.25", "1.0 7"] * 9
STAGES = {
    "Sum": StageSpec(Function(f"{HERE}:numbered"), Aggregate("Sum")),
    "Mean": StageSpec(Function(f"{HERE}:numbered"), Aggregate("Mean")),
    "Collect": StageSpec(Function(f"{HERE}:numbered"), Aggregate("Collect")),
    "reducer": StageSpec(Function(f"{HERE}:numbered"), Function(f"{HERE}:in_order")),
    "held back, Sum": StageSpec(Function(f"{HERE}:HoldsBack"), Aggregate("Sum")),
    "held back, reducer": StageSpec(Function(f"{HERE}:HoldsBack"), Function(f"{HERE}:in_order")),
    "combiner": StageSpec(Function(f"{HERE}:numbered"), Function(f"{HERE}:total"), Function(f"{HERE}:partial")),
}


def run(job, stage, partitions=2):
    job.write_input({"a.txt": "\n".join(LINES).encode()})
    job.create(stage, partitions=partitions, split_size=1 << 20)
    worker.Worker(job.tree, "all", 0).run()
    return job.output()


@pytest.mark.thorough
@pytest.mark.parametrize("name", STAGES)
def test_a_tiny_memory_gives_the_same_bytes_and_leaves_no_file(small_job, tmp_path_factory, monkeypatch, name):
    expected = run(type(small_job)(tmp_path_factory.mktemp("reference")), STAGES[name])
    scratch = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setattr(worker, "budget_of", lambda conf: Budget(8192))
    written = []
    original = spills.Spills.write

    def write(self, segments):
        written.append(len(self))
        original(self, segments)

    monkeypatch.setattr(spills.Spills, "write", write)
    assert run(small_job, STAGES[name]) == expected
    assert len(written) > 5
    assert list(scratch.iterdir()) == []


@pytest.mark.thorough
def test_what_a_mapper_gives_in_its_finish_is_bounded_like_all_else(small_job, monkeypatch):
    small_job.write_input({"a.txt": b"".join(b"a%d\n" % number for number in range(9000))})
    small_job.create(
        StageSpec(Function(f"{HERE}:MakesMany"), Function(f"{HERE}:in_order")), partitions=1, split_size=1 << 20
    )
    monkeypatch.setattr(worker, "budget_of", lambda conf: Budget(2 << 20))
    tracemalloc.start()
    worker.Worker(small_job.tree, "map", 0).run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 << 20  # of 20 MB


def test_estimates_are_near_the_truth():
    rows = {f"key {number}": [number, float(number), "x" * (number % 50)] for number in range(20_000)}
    tracemalloc.start()
    copies = {f"{key}!": [*value, f"{key}?"] for key, value in rows.items()}
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.5 * held < sizes.size_of(copies) < 3 * held


class Plain:
    def __init__(self, rows):
        self.name, self.rows = "plain", rows

    def __getattr__(self, name):
        raise AssertionError("nobody's business")


class Slotted:
    __slots__ = ("__rows", "unset")

    def __init__(self, rows):
        self.__rows = rows

    def __getattr__(self, name):
        raise AssertionError("nobody's business")


class Derived(Slotted):
    __slots__ = ("more",)

    def __init__(self, rows):
        super().__init__(rows[:10])
        self.more = deque(rows[10:])


@dataclass
class Nested:
    rows: Any

    def __post_init__(self):
        self.rows = {"rows": self.rows}


@pytest.mark.parametrize("kind", [Plain, Slotted, Derived, Nested])
def test_estimates_see_what_objects_hold(kind):
    tracemalloc.start()
    found = {f"key {number}": kind([float(at) for at in range(100 + number % 50)]) for number in range(500)}
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.5 * held < sizes.size_of(found) < 3 * held


@pytest.mark.parametrize("value", [Plain, pytest, sizes.size_of, object(), Fraction(1, 3), iter([])])
def test_estimates_take_anything(value):
    assert 0 < sizes.deep_size(value) < 10_000


@pytest.mark.thorough
def test_one_key_with_many_values_is_carried_in_pieces(tmp_path):
    groups = collectors.ValueLists()
    assert list(groups.fold(lambda line: [("k", number) for number in range(300_000)], iter([""]))) == []
    items = list(groups.items())
    assert [value for _, values in items for value in values] == list(range(300_000))
    assert max(len(values) for _, values in items) == collectors.PIECE_VALUES
    assert groups.size() > 300_000 * sys.getsizeof(1)
    store = filesystem.FilesystemObjects(tmp_path)
    size = store.put("a.run", runs.pack([items], 64 << 10))
    tracemalloc.start()
    blocks = runs.read_blocks(store, "a.run", size, 0)
    assert sum(sum(values) for block in blocks for _, values in block) == sum(range(300_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 << 20


@pytest.mark.parametrize(("aggregation", "states"), [(Sum(), [1, 2, 0.5]), (Collect(), [[1], [2], [3]])])
def test_states_of_equal_keys_are_merged_in_order(aggregation, states):
    folded = states if isinstance(aggregation, Collect) else [aggregation.fold(0, value) for value in states]
    items = [(b"a", folded[0]), (b"b", folded[1]), (b"b", folded[2])]
    blocks = combined(aggregation, iter([items[:2], items[2:]]))
    results = [(key, aggregation.result(state)) for block in blocks for key, state in block]
    assert results == [(b"a", 1 if states[0] == 1 else [1]), (b"b", 2.5 if states[0] == 1 else [2, 3])]
