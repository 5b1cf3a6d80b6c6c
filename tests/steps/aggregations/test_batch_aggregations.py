"""Aggregations in columns give what those of records give, however the rows are dealt out, spilled and merged."""

import math
from datetime import date
from functools import reduce

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold_steps.aggregations import build
from fanfold_steps.columnar import grouping, ranges
from fanfold_steps.columnar import runs as segments
from fanfold_steps.columnar.aggregations import exact
from fanfold_steps.columnar.grouping import Accumulator
from fanfold_steps.columnar.python import python_values
from fanfold_steps.columnar.ranges import StateSorter
from fanfold_steps.columnar.shape import normalized
from fanfold_steps.columnar.spills import FrameSpills
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.job.spec import Aggregate
from fanfold_steps.memory.budget import Budget
from fanfold_steps.memory.scratch import Scratch
from fanfold_steps.sorting import keys
from tests.steps.polars_values import DECIMALS, FLOATS, TIMES, VALUES, positive, series

pytestmark = pytest.mark.thorough

NUMBERS = [pl.Int64(), pl.UInt64(), pl.Int128(), pl.Float64(), pl.Boolean(), pl.Int8()]
ADDED = [*NUMBERS, *DECIMALS, *(one for one in TIMES if isinstance(one, pl.Duration))]
ANY = list(VALUES)
TAKES = {
    "Sum": ADDED, "Mean": ADDED, "Variance": NUMBERS, "Count": ANY, "Min": ANY, "Max": ANY, "First": ANY,
    "Last": ANY, "Collect": ANY, "Distinct": ANY, "CountDistinct": ANY, "TopK": ANY,
}  # fmt: skip


@st.composite
def tables(draw, name):
    """An aggregation, key and value columns as they may come, and how many rows a frame has."""
    kind = draw(st.sampled_from(TAKES[name]))
    key_kinds = draw(st.lists(st.sampled_from(ANY), min_size=1, max_size=2))
    values = VALUES[kind] if name in ("Sum", "Mean", "Variance") else VALUES[kind] | st.none()
    pools = [draw(st.lists(VALUES[one] | st.none(), min_size=2, max_size=3)) for one in key_kinds]
    rows = draw(st.lists(st.tuples(*map(st.sampled_from, pools), values), min_size=8, max_size=40))
    names, columns = [*map(str, range(len(pools))), "value"], zip(*rows, strict=True)
    frame = pl.DataFrame([series(*one) for one in zip(names, columns, [*key_kinds, kind], strict=True)])
    arguments = [draw(st.integers(1, 4))] if name == "TopK" else []
    return Aggregate(name, arguments), frame, draw(st.integers(1, 41))


def by_records(aggregate, frame):
    aggregation = build(aggregate)
    groups: dict = {}
    for *key, value in frame.iter_rows():
        groups.setdefault(keys.encode(tuple(map(positive, key))), []).append(positive(value))
    return {
        key: aggregation.result(reduce(aggregation.fold, values, aggregation.start()))
        for key, values in sorted(groups.items())
    }


def by_columns(aggregate, frame, size, memory):
    """As map and reduce do it: every few rows a frame, grouped every few, spilled if there is no room."""

    budget = Budget(memory)
    with Scratch() as scratch:
        spills = FrameSpills(scratch)

        def spill(full):
            taken, states = full.take_unmerged()
            spills.write(taken.shape, [states])

        accumulator = Accumulator({"value": aggregate}, budget, spill)
        for piece in frame if isinstance(frame, list) else frame.iter_slices(size):
            accumulator.add_rows(*normalized(piece, ["value"], escaped=False))
        result = accumulator.take()
        assert result
        shape, last = result[0].shape, result[1]
        mapped = ((states, shape) for states in [*spills.read(0), last])
        found = []
        for taken, states in StateSorter({"value": aggregate}, budget, scratch).sorted(mapped):
            results = taken.results(states)
            columns = [python_values(results[name], kind) for name, kind in taken.result_kinds.items()]
            found += list(zip(*columns, strict=True))
        spills.remove()
        assert not list(scratch.objects.list(""))
    return {keys.encode(tuple(key)): value for *key, value in found}


@pytest.fixture(scope="module", autouse=True)
def small_sizes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grouping, "GROUP_ROWS", 4)
        patch.setattr(grouping, "MERGE_ROWS", 6)
        patch.setattr(segments, "BLOCK_ROWS", 2)
        patch.setattr(ranges, "RANGES", 3)
        patch.setattr(ranges, "SAMPLED", 2)
        yield


def told(value):
    return [repr(one) for one in value] if isinstance(value, list) else repr(value)


@pytest.mark.parametrize("name", TAKES)
@settings(max_examples=50, deadline=None)
@given(st.data())
def test_columns_give_what_records_give(name, data):
    aggregate, frame, size = data.draw(tables(name))
    memory = data.draw(st.sampled_from([0, 1 << 30]))
    try:
        expected = by_records(aggregate, frame)
    except OverflowError:
        with pytest.raises(PermanentFailure, match="longer than a timedelta can be"):
            by_columns(aggregate, frame, size, memory)
        return
    found = by_columns(aggregate, frame, size, memory)
    assert list(found) == list(expected)
    assert {key: told(value) for key, value in found.items()} == {key: told(value) for key, value in expected.items()}


@pytest.mark.parametrize("name", ["Sum", "Collect"])
def test_what_does_not_fit_is_cut_into_ranges_again_and_again(monkeypatch, name):
    """Also keys that come in order, so that what comes first says nothing about what follows."""
    cuts = []
    original = ranges._cut

    def cut(states, bounds, keys):
        cuts.append(tuple(bounds))
        return original(states, bounds, keys)

    monkeypatch.setattr(ranges, "_cut", cut)
    for step in (7, 1):
        key = [number * step % 97 // 5 for number in range(388)]
        frame = pl.DataFrame({"0": key, "1": [f"k{number % 3}" for number in range(388)], "value": range(388)})
        assert by_columns(Aggregate(name), frame, 4, 0) == by_records(Aggregate(name), frame)
    assert len(set(cuts)) > 20


def test_keys_may_be_null_in_all_rows_of_a_frame_and_numbers_of_many_bits_in_another():
    pieces = [
        pl.DataFrame({"0": [None, None], "value": [1, 2]}),
        pl.DataFrame({"0": pl.Series([3, None, -1], dtype=pl.Int64), "value": [3, 4, 5]}),
        pl.DataFrame({"0": pl.Series([1 << 100, 3], dtype=pl.Int128), "value": [6, 7]}),
    ]
    expected = by_records(Aggregate("Sum"), pl.concat(pieces, how="vertical_relaxed"))
    for orders in (pieces, pieces[::-1]):
        assert by_columns(Aggregate("Sum"), orders, 0, 0) == expected


@pytest.mark.parametrize(("name", "arguments"), [("Min", []), ("TopK", [2]), ("Distinct", [])])
def test_nan_has_no_place_in_an_order(name, arguments):
    with pytest.raises(PermanentFailure, match="NaN has no place"):
        by_columns(Aggregate(name, arguments), pl.DataFrame({"0": ["a"], "value": [float("nan")]}), 1, 1 << 30)


def test_a_sum_of_the_largest_numbers_does_not_overflow():
    frame = pl.DataFrame({"0": ["a"] * 1000, "value": [2**63 - 1] * 1000})
    assert list(by_columns(Aggregate("Sum"), frame, 300, 1 << 30).values()) == [1000 * (2**63 - 1)]


@pytest.mark.parametrize("name", ["Sum", "Mean"])
@settings(max_examples=200, deadline=None)
@given(st.lists(FLOATS | st.floats(-1e9, 1e9) | st.floats(1e-310, 1e-300), min_size=1, max_size=30), st.integers(1, 30))
def test_floats_add_up_exactly(name, values, size):
    frame = pl.DataFrame({"0": ["a"] * len(values), "value": values}, schema={"0": pl.String, "value": pl.Float64})
    (found,) = by_columns(Aggregate(name), frame, size, 1 << 30).values()
    (expected,) = by_records(Aggregate(name), frame).values()
    assert repr(found) == repr(expected)


@pytest.mark.parametrize("values", [[0.1] * 9, [1.5, -2.25, 5e-324], [1e300, -1e299, 1e290], [0.0, 3.0]])
def test_floats_that_lie_near_each_other_are_not_folded_one_by_one(values):
    frame = pl.DataFrame({"value": values})
    bins = exact.bins_of(frame["value"])
    if 5e-324 in values:
        assert bins is None
        return
    assert bins is not None
    state = frame.select(exact.sums("value", bins)).item()
    assert exact.exact(state).over(1) == math.fsum(values)


def test_categories_are_text_and_lists_can_be_carried():
    days = [date(2026, 1, 1), date(2025, 1, 1)]
    frame = pl.DataFrame({"0": pl.Series(["a", "a"], dtype=pl.Categorical), "value": [[one] for one in days]})
    assert by_columns(Aggregate("Last"), frame, 1, 1 << 30) == {keys.encode(("a",)): [days[1]]}
    with pytest.raises(PermanentFailure, match=r"Max\(\) takes values that can be put in order.*holds List\(Date\)"):
        by_columns(Aggregate("Max"), frame, 1, 1 << 30)
