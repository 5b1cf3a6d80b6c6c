"""The same rows by frames and by records: the same bytes in every format, or a refusal by both.

Columns are of all types of Polars for which there are values of Python, with nulls, and times as far away as they go.
"""

import io
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.job.formats import CSV, JSONL, TSV, Parquet, Text
from fanfold_steps.job.spec import Aggregate, BatchFunction, Function, StageSpec
from tests.steps.conftest import SmallJob, run
from tests.steps.polars_values import VALUES, positive, series

pytestmark = pytest.mark.thorough

CATEGORIES = ["b", "a", "é"]
COLUMNS: dict[Any, st.SearchStrategy[Any]] = {
    **{kind: values.map(positive) for kind, values in VALUES.items() if kind != pl.Int128()},
    pl.Datetime("us", "UTC"): VALUES[pl.Datetime("us")],
    pl.Datetime("ms", "America/St_Johns"): VALUES[pl.Datetime("ms", "Europe/Berlin")],
    pl.Float32(): st.floats(width=32).map(positive),
    pl.Categorical(): st.sampled_from(CATEGORIES),
    pl.Enum(CATEGORIES): st.sampled_from(CATEGORIES),
    pl.Null(): st.none(),
}
NESTED: dict[Any, st.SearchStrategy[Any]] = {
    pl.List(pl.Date()): st.lists(st.dates() | st.none(), max_size=2),
    pl.Struct({"at": pl.Datetime("ns"), "n": pl.Decimal(38, 2)}): st.fixed_dictionaries(
        {"at": st.datetimes().filter(lambda at: 1700 < at.year < 2200) | st.none(), "n": st.decimals(-99, 99, places=2)}
    ),
}
COMPARING: list[Any] = ["Min", "Max", "Distinct", "CountDistinct", "First", "Last", "Collect"]
ADDING: list[Any] = ["Sum", "Mean", "Variance"]
FORMATS = [Text(), CSV(), TSV(), JSONL(), Parquet()]


@st.composite
def columns(draw: st.DrawFn, height: int, types: dict[Any, st.SearchStrategy[Any]]) -> Any:
    """Makes a column by its name."""
    kind = draw(st.sampled_from(list(types)))
    pool = draw(st.lists(types[kind] | st.none(), min_size=1, max_size=4))
    values = draw(st.lists(st.sampled_from(pool), min_size=height, max_size=height))
    if draw(st.booleans()):  # no nulls, if there is anything else
        values = [next((one for one in pool if one is not None), None) if value is None else value for value in values]
    return lambda name: series(name, values, kind)


@st.composite
def jobs(draw: st.DrawFn) -> tuple[pl.DataFrame, list[str], dict[str, Aggregate]]:
    """A table, the columns that are its key, and what is made of others."""
    height = draw(st.integers(1, 12))
    keys = [draw(columns(height, COLUMNS))(f"k{at}") for at in range(draw(st.integers(1, 2)))]
    made_of = draw(columns(height, COLUMNS))("v"), draw(columns(height, NESTED))("nested")
    names = COMPARING + draw(st.lists(st.sampled_from(ADDING), max_size=2))
    reduce = {name: Aggregate(name, field="v") for name in names}
    if draw(st.booleans()):
        reduce["top"] = Aggregate("TopK", [draw(st.integers(1, 3))], "v", rows=draw(st.booleans()))
    if draw(st.booleans()):
        reduce["nested"] = Aggregate(draw(st.sampled_from(["First", "Last", "Collect"])))
    return pl.DataFrame([*keys, *made_of]), [one.name for one in keys], {"n": Aggregate("Count"), **reduce}


def outcome(job: SmallJob, table: bytes, stage: StageSpec, **how: Any) -> dict[str, bytes] | PermanentFailure:
    """A job's parts, or why there are none."""
    job.write_input({"a.parquet": table})
    try:
        return run(job, stage, input=Parquet(), **how)
    except PermanentFailure as failure:
        return failure


@given(jobs(), st.integers(1, 12), st.integers(1, 3), st.integers(1, 4), st.sampled_from(FORMATS))
def test_frames_give_what_records_give(tmp_path_factory, job, group, partitions, splits, output):
    """However the rows lie in row groups, splits and partitions."""
    frame, key, reduce = job
    buffer = io.BytesIO()
    frame.write_parquet(buffer, row_group_size=group)
    root = tmp_path_factory.mktemp("job")
    ways = {
        "records": StageSpec(Function("tests.steps.functions:as_it_is"), reduce, key=key),
        "frames": StageSpec(BatchFunction("tests.steps.batch_functions:as_it_is"), reduce, key=key),
    }
    how = {"partitions": partitions, "split_size": len(buffer.getvalue()) // splits + 1, "output": output}
    by_records, by_frames = (
        outcome(SmallJob(root / name), buffer.getvalue(), stage, **how) for name, stage in ways.items()
    )
    if isinstance(by_records, PermanentFailure):
        assert isinstance(by_frames, PermanentFailure), by_records
        return
    if isinstance(by_frames, PermanentFailure):
        raise by_frames
    assert by_frames == by_records
