"""Every aggregation against a plain Python model of one pass, however the values are cut and merged."""

import math
import pickle
import re
import statistics
from datetime import timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_steps.aggregations import (
    AGGREGATIONS,
    Collect,
    Count,
    CountDistinct,
    Distinct,
    First,
    Last,
    Max,
    Mean,
    Min,
    Sum,
    TopK,
    TupleAggregation,
    Variance,
    build,
)
from fanfold_steps.aggregations.exact import MixedKinds
from fanfold_steps.job.spec import Aggregate
from fanfold_steps.sorting import keys
from tests.steps.sorting.test_key_types import LEAVES, Visit

FINITE = st.one_of(
    st.integers(),
    st.integers(-9, 9),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1e308, -1e308, 5e-324, 1e16, 1.0, -1e16, 0.1, -0.0, 10**400]),
)
NUMBERS = st.one_of(FINITE, FINITE, FINITE, st.sampled_from([math.inf, -math.inf, math.nan]))
ORDERED = st.recursive(
    st.one_of(st.none(), FINITE, st.text(max_size=3), st.binary(max_size=3), st.sampled_from([math.inf, -math.inf])),
    lambda inner: st.lists(inner, max_size=2).map(tuple),
    max_leaves=3,
)
ANYTHING = st.one_of(ORDERED, st.just(math.nan), st.lists(st.integers(), max_size=2), st.just({"a": 1}))


def nearest(fraction):
    try:
        return fraction.numerator / fraction.denominator
    except OverflowError:
        return math.inf if fraction > 0 else -math.inf


def special(values):
    """Infinities and NaN among the values, added up; None if there are none."""
    odd = [value for value in values if isinstance(value, float) and not math.isfinite(value)]
    return sum(odd) if odd else None


def sum_model(values):
    if all(isinstance(value, int) for value in values):
        return sum(values)
    return nearest(sum(map(Fraction, values))) if special(values) is None else special(values)


def mean_model(values):
    return nearest(sum(map(Fraction, values)) / len(values)) if special(values) is None else special(values)


def variance_model(values, ddof=1):
    if special(values) is not None or len(values) <= ddof:
        return math.nan
    mean = sum(map(Fraction, values)) / len(values)
    return nearest(sum((value - mean) ** 2 for value in map(Fraction, values)) / (len(values) - ddof))


def distinct_model(values):
    found: list[Any] = []
    for value in values:
        if not any(value == other for other in found):
            found.append(value)
    return sorted(found, key=keys.encode)


LIBRARY_KEYS = st.one_of(LEAVES, st.builds(Visit, st.integers(0, 2), st.dates()))
DECIMALS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False),
    st.decimals(-1000, 1000, places=2),
    st.integers(-9, 9),
    st.sampled_from([Decimal("1E+30"), Decimal("-1E+30"), Decimal("1E-300"), Decimal("0.10")]),
)
FRACTIONS = st.one_of(st.fractions(), st.integers(-9, 9))
DURATIONS = st.timedeltas(timedelta(-(10**6)), timedelta(10**6))


def decimal_sum(values):
    decimals = [value for value in values if isinstance(value, Decimal)]
    whole = sum(value for value in values if isinstance(value, int))
    if not decimals:
        return whole
    with localcontext() as context:
        context.prec = 10_000
        total = sum(decimals[1:], decimals[0])
        return total + whole if whole else total


def decimal_mean(values):
    if not any(isinstance(value, Decimal) for value in values):
        return mean_model(values)
    exact = decimal_sum(values)
    with localcontext() as context:
        context.prec = max(28, len(exact.as_tuple().digits))
        return exact / len(values)


CASES = {
    "Sum of Decimals": (Sum(), DECIMALS, decimal_sum),
    "Mean of Decimals": (Mean(), DECIMALS, decimal_mean),
    "Sum of Fractions": (Sum(), FRACTIONS, sum),
    "Mean of timedeltas": (Mean(), DURATIONS, lambda values: sum(values, timedelta()) / len(values)),
    "Sum of timedeltas": (Sum(), DURATIONS, lambda values: sum(values, timedelta())),
    "Min of keys": (Min(), LIBRARY_KEYS, lambda values: min(values, key=keys.encode)),
    "Max of keys": (Max(), LIBRARY_KEYS, lambda values: max(values, key=keys.encode)),
    "TopK of keys": (TopK(2), LIBRARY_KEYS, lambda values: sorted(values, key=keys.encode, reverse=True)[:2]),
    "Distinct keys": (
        Distinct(),
        LIBRARY_KEYS,
        lambda values: [keys.decode(one) for one in sorted(dict.fromkeys(map(keys.encode, values)))],
    ),
    "Sum": (Sum(), NUMBERS, sum_model),
    "Count": (Count(), ANYTHING, len),
    "Min": (Min(), ORDERED, lambda values: min(values, key=keys.encode)),
    "Max": (Max(), ORDERED, lambda values: max(values, key=keys.encode)),
    "Mean": (Mean(), NUMBERS, mean_model),
    "Variance": (Variance(), NUMBERS, variance_model),
    "Variance(0)": (Variance(0), NUMBERS, lambda values: variance_model(values, 0)),
    "TopK": (TopK(3), ORDERED, lambda values: sorted(values, key=keys.encode, reverse=True)[:3]),
    "TopK(1)": (TopK(1), FINITE, lambda values: sorted(values, key=keys.encode, reverse=True)[:1]),
    "Distinct": (Distinct(), ORDERED, distinct_model),
    "CountDistinct": (CountDistinct(), ORDERED, lambda values: len(distinct_model(values))),
    "First": (First(), ANYTHING, lambda values: values[0]),
    "Last": (Last(), ANYTHING, lambda values: values[-1]),
    "Collect": (Collect(), ANYTHING, list),
    "(Sum, Max)": (
        TupleAggregation([Sum(), Max()]),
        st.tuples(NUMBERS, ORDERED),
        lambda values: (sum_model([v[0] for v in values]), max((v[1] for v in values), key=keys.encode)),
    ),
}


@pytest.mark.parametrize("aggregation", [Sum(), Mean()])
@given(st.lists(st.sampled_from([1, 0.5, Decimal("0.5"), Fraction(1, 2), timedelta(1)]), min_size=2), st.data())
def test_values_of_two_kinds_are_refused_by_both_names_wherever_they_are_cut(aggregation, values, data):
    cut = data.draw(st.integers(0, len(values)))
    kinds = {type(value).__name__ for value in values}

    def result():
        one, other = folded(aggregation, values[:cut]), folded(aggregation, values[cut:])
        return aggregation.result(aggregation.merge(one, other))

    if len(kinds - {"int"}) < 2 and kinds != {"int", "timedelta"}:
        result()
        return
    with pytest.raises(MixedKinds) as told:
        result()
    assert len([kind for kind in kinds if re.search(rf"\b{kind}\b", str(told.value))]) == 2


def test_results_have_their_kind():
    assert repr(Sum().result(folded(Sum(), [Decimal("1.10"), Decimal("2.2"), 1]))) == "Decimal('4.30')"
    assert repr(Mean().result(folded(Mean(), [Decimal(1), Decimal(0), 0]))) == f"Decimal('0.{'3' * 28}')"
    assert repr(Sum().result(folded(Sum(), [Decimal("Infinity"), Decimal("-Infinity")]))) == "Decimal('NaN')"
    assert Mean().result(folded(Mean(), [Fraction(1, 3), 1])) == Fraction(2, 3)
    with pytest.raises(OverflowError, match="longer than a timedelta can be"):
        Sum().result(folded(Sum(), [timedelta.max, timedelta.max]))
    with pytest.raises(ValueError, match="exponent of at most 10,000"):
        Sum().fold(0, Decimal("1E+1000000"))


def test_durations_of_pandas_lose_no_nanoseconds():
    import pandas as pd

    assert Sum().result(folded(Sum(), [pd.Timedelta(1000), timedelta(1)])) == timedelta(1, microseconds=1)
    assert "timedeltas with nanoseconds, such as Timedelta(" in str(Sum().check(pd.Timedelta(1001)))


def folded(aggregation, values):
    state = aggregation.start()
    for value in values:
        state = aggregation.fold(state, value)
    return pickle.loads(pickle.dumps(state))  # a worker's states belong to it alone


def test_every_aggregation_has_its_case():
    assert {type(aggregation) for aggregation, _, _ in CASES.values()} == {*AGGREGATIONS.values(), TupleAggregation}


@pytest.mark.parametrize("name", CASES)
@given(st.data())
def test_any_cuts_and_any_tree_of_merges_give_the_result_of_one_pass(name, data):
    aggregation, kind, model = CASES[name]
    values = data.draw(st.lists(kind, min_size=1, max_size=40))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=6)))
    pieces = [values[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(values)], strict=True)]
    states = [folded(aggregation, piece) for piece in pieces]
    while len(states) > 1:
        at = data.draw(st.integers(0, len(states) - 2))
        states[at : at + 2] = [aggregation.merge(states[at], states[at + 1])]
    assert repr(aggregation.result(states[0])) == repr(model(values))


@given(st.lists(st.floats(-1e100, 1e100), min_size=2, max_size=20))
def test_float_sums_and_means_are_those_of_the_standard_library(values):
    assert repr(Sum().result(folded(Sum(), values)) + 0.0) == repr(math.fsum(values) + 0.0)
    assert Mean().result(folded(Mean(), values)) == statistics.mean(values)


@given(st.lists(st.integers(-(10**6), 10**6).map(lambda number: number / 8), min_size=2, max_size=20))
def test_variances_are_those_of_the_standard_library(values):
    assert Variance().result(folded(Variance(), values)) == statistics.variance(values)
    assert Variance(0).result(folded(Variance(0), values)) == statistics.pvariance(values)


def test_of_equal_values_the_first_counts():
    values = [1, 1.0, True, (2, 1.0), (2, True)]
    assert repr(Max().result(folded(Max(), values))) == "(2, 1.0)"
    assert repr(Min().result(folded(Min(), values[1:]))) == "1.0"
    assert repr(TopK(3).result(folded(TopK(3), values))) == "[(2, 1.0), (2, True), 1]"
    assert repr(Distinct().result(folded(Distinct(), values))) == "[1, (2, 1.0)]"


def test_no_values_at_all():
    empty = {name: aggregation.result(aggregation.start()) for name, (aggregation, _, _) in CASES.items()}
    assert empty["Sum"] == empty["Count"] == empty["CountDistinct"] == 0
    assert empty["Min"] is empty["Max"] is empty["First"] is empty["Last"] is None
    assert math.isnan(empty["Mean"])
    assert math.isnan(empty["Variance"])


@pytest.mark.parametrize(
    ("spec", "value", "words"),
    [
        (
            Aggregate("Sum"),
            "1",
            r"Sum\(\) takes int, float, Decimal, Fraction and timedelta, but a value is str \('1'\)",
        ),
        (
            Aggregate("Mean"),
            None,
            r"Mean\(\) takes int, float, Decimal, Fraction and timedelta, but a value is NoneType",
        ),
        (Aggregate("Variance"), [1], r"Variance\(\) takes integers"),
        (
            Aggregate("Max"),
            math.nan,
            r"Max\(\) takes values that can be sorted, as keys are, but a value is float \(nan\)",
        ),
        (Aggregate("TopK", [2]), {"a": 1}, r"TopK\(\) takes values that can be sorted"),
        (Aggregate("Distinct"), ("a", [1]), r"Distinct\(\) takes values that can be sorted"),
        ([Aggregate("Sum"), Aggregate("Max")], 7, r"\(Sum\(\), Max\(\)\) takes tuples of 2 values, but a value is int"),
        ([Aggregate("Sum"), Aggregate("Max")], (1, 2, 3), "takes tuples of 2 values, but a value is tuple"),
        ([Aggregate("Sum"), Aggregate("Max")], ("a", 2), r"Sum\(\) takes int, float"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(spec, value, words):
    aggregation = build(spec)
    with pytest.raises(TypeError):
        aggregation.fold(aggregation.start(), value)
    with pytest.raises(TypeError, match=words):
        raise TypeError(aggregation.check(value))
