"""None, and an empty tuple, are no records, whoever returns them."""

from typing import Any

import pytest

from fanfold_steps.job.policy import Skip
from fanfold_steps.job.spec import Aggregate, StageSpec
from tests.steps.conftest import function, run

SUM = Aggregate("Sum")


@pytest.mark.parametrize("nothing", ["returns_none", "returns_empty_tuple"])
@pytest.mark.parametrize("reduce", [None, SUM, function("total")])
@pytest.mark.parametrize("on_error", [None, Skip(at_most=1)])
def test_a_mapper_may_return_nothing(small_job, nothing, reduce, on_error):
    small_job.write_input({"a.txt": b"x\ny\n"})
    how = {"on_error": on_error} if on_error else {}
    assert set(run(small_job, StageSpec(function(nothing), reduce), **how).values()) <= {b""}
    own = small_job.tree.read("report.json")["counters"]["fanfold"]
    assert own.get("records_mapped_to_none", 0) == (2 if nothing == "returns_none" else 0)
    assert own["input_records"] == 2
    assert "skipped_records" not in own


def test_a_mapper_of_keys_and_values_may_return_nothing(small_job):
    small_job.write_input({"a.txt": b"k 1\nl 2\n"})
    stages = StageSpec(function("pairs"), function("total")), StageSpec(function("returns_none_of_two"), SUM)
    assert set(run(small_job, *stages).values()) <= {b""}
    assert small_job.tree.read("report.json")["counters"]["fanfold"]["records_mapped_to_none"] == 2


@pytest.mark.parametrize("nothing", ["reducer_returns_none", "reducer_returns_empty_tuple"])
@pytest.mark.parametrize("part", ["reduce", "combine"])
def test_a_reducer_or_a_combiner_may_return_nothing(small_job, nothing, part):
    small_job.write_input({"a.txt": b"k 1\n"})
    parts: dict[str, Any] = {"reduce": function("total"), part: function(nothing)}
    assert set(run(small_job, StageSpec(function("pairs"), **parts)).values()) <= {b""}
    own = small_job.tree.read("report.json")["counters"]["fanfold"]
    counted = {name: number for name, number in own.items() if name.endswith("_to_none")}
    counter = {"reduce": "keys_reduced_to_none", "combine": "keys_combined_to_none"}[part]
    assert counted == ({counter: 1} if nothing == "reducer_returns_none" else {})
