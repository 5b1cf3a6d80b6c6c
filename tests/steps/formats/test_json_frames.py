"""JSON lines as frames hold the values that records hold, through all that is nested; or the record is told."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanfold_steps.columnar import json_types
from fanfold_steps.columnar.reading import frames
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.inputs.batches import FileBatches
from fanfold_steps.inputs.listing import list_files
from fanfold_steps.job.formats import JSONL
from fanfold_storage.urls import open_objects
from tests.steps.formats.test_parquet_types import same

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.integers(-9, 9)
    | st.floats(-9, 9)
    | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)
ALIKE = st.fixed_dictionaries(
    {}, optional={"x": st.integers(-9, 9) | st.floats(-9, 9), "l": st.lists(st.floats(-9, 9))}
)


@pytest.mark.thorough
@given(
    st.lists(st.fixed_dictionaries({}, optional={"c": VALUES, "d": ALIKE}), min_size=1, max_size=6), st.integers(1, 60)
)
@example([{"c": {"a": [0, 0.0]}}], 1)
@example([{"c": {"a": [None, 0, 0.0]}}], 1)
@example([{"c": [{"a": [0, 0.5]}, {"a": [1]}]}], 1)
@example([{"c": [[{"a": 0}], [{"a": 0.5}]]}], 1)
@settings(max_examples=300, deadline=None)
def test_a_frame_holds_what_records_hold(records, head):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_types, "HEAD_BYTES", head)
        path = Path(folder) / "a.jsonl"
        path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
        (file,) = list_files(path.as_uri())
        batches = FileBatches([file], [(0, 0, file.size)], JSONL(), open_objects, 50)
        found: list[Any] = []
        try:
            for frame in frames(batches):
                found += frame.frame.to_dicts() if frame.frame.width else [{}] * len(frame.batch.records())
        except PermanentFailure as failure:
            assert "doesn't fit into a frame" in failure.message
            assert failure.position
            return
        assert len(found) == len(records)
        assert all(map(same, records, found)), (records, found)


@pytest.mark.parametrize(
    ("first", "later", "words"),
    [
        ({"a": {"x": 1}}, {"a": {"x": 1, "y": 2}}, "its field 'a' is {'x': 1, 'y': 2}, where others are Struct"),
        ({"a": [1]}, {"a": [1.5]}, r"its field 'a' is \[1.5\], where others are List\(Int64\)"),
        ({"a": {"x": None}}, {"a": {"x": 1}}, "where others are Struct"),
        ({"a": 1}, {"a": 2**63}, "where others are Int64"),
        ({"a": 0.5}, {"a": 2**53 + 1}, "where others are Float64"),
    ],
)
def test_what_comes_later_and_is_of_another_type_is_told(tmp_path, first, later, words):
    path = tmp_path / "a.jsonl"
    path.write_text(f"{json.dumps(first)}\n" * 9000 + json.dumps(later))
    (file,) = list_files(path.as_uri())
    batches = FileBatches([file], [(0, 0, file.size)], JSONL(), open_objects, 1 << 20)
    with pytest.raises(PermanentFailure, match=words) as failed:
        list(frames(batches))
    assert failed.value.position and failed.value.position.offset == 9000 * (len(json.dumps(first)) + 1)


@pytest.mark.parametrize(
    ("values", "misfit", "words"),
    [
        ([1, None, "x"], 2, "its field 'a' is 'x', where others are Int64"),
        ([None, True, 7], 2, "its field 'a' is 7, where others are Boolean"),
        ([[], [1], ["x"]], 2, r"its field 'a' is \['x'\], where others are List"),
    ],
)
def test_types_that_change_among_the_first_records_are_told_where_they_change(tmp_path, values, misfit, words):
    path = tmp_path / "a.jsonl"
    lines = [json.dumps({"a": value}) + "\n" for value in values]
    path.write_text("".join(lines))
    (file,) = list_files(path.as_uri())
    with pytest.raises(PermanentFailure, match=words) as failed:
        list(frames(FileBatches([file], [(0, 0, file.size)], JSONL(), open_objects, 1 << 20)))
    assert failed.value.position and failed.value.position.offset == len("".join(lines[:misfit]))


FIRST = '{"a":1,"s":"x","f":0.5,"b":true,"n":null}'
ODD = [
    '{"a":1,"s":"x","f":0.5,"b":true,"n":null,"z":1}',
    '{"a":1,"s":"x","f":0.5,"b":true,"z":null}',
    '{"s":"x","f":0.5,"b":true,"n":null,"z":null}',
    '{"a":1,"a":2,"s":"x"}',
    '{"s":"x","a":1,"a":null}',
    '{"a":null,"a":1}',
    '{"s":1,"z":2}',
    '{"s":true}',
    '{"s":{"a":1}}',
    '{"s":["x"]}',
    '{"s":"[x]"}',
    r'{"s":"{\"a\":1}"}',
    r'{"s":"\ud800"}',
    r'{"s":"\ud83d\ude00"}',
    r'{"s":"\\ud83d\ude00"}',
    r'{"s":"\u0022\u003a","z":1}',
    r'{"s":"\u0022\u003a"}',
    r'{"s":"\u003a\u0022\u0022","z":1}',
    '{"s":"x","f":0.5,"b":true,"n":null}\n{"a":1,"a":null,"s":"x","f":0.5,"b":true,"n":null}',
    '{"s":1,"f":1,"b":true,"n":null,"q\\"a":null}\n{"s":"x","f":1,"b":true,"n":null,"q\\"a":null}',
    r'{"s":"a\"b:c","q\"a":null}',
    '{"f":9007199254740993}',
    '{"f":9007199254740992}',
    '{"f":1e400}',
    '{"f":-0.0}',
    '{"f":-0}',
    '{"f":NaN}',
    '{"a":9223372036854775808}',
    '{"a":1.0}',
    '{"n":1}',
    '{"a":1}{"a":2}',
    "{}",
    "",
    " \t",
    "\x0c",
    '{"a": null, "s": "x"}',
    '{"a" : null}',
]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("odd", ODD)
def test_polars_reads_lines_as_json_does_or_not_at_all(tmp_path, monkeypatch, odd, end):
    monkeypatch.setattr(json_types, "HEAD_BYTES", 1)
    path = tmp_path / "a.jsonl"
    path.write_text(end.join([FIRST, odd, FIRST]))
    by_polars = _read(path)
    monkeypatch.setattr(json_types, "frame_of_lines", lambda data, schema: None)
    assert by_polars == _read(path)


def test_plain_lines_are_read_by_polars_alone(tmp_path, monkeypatch):
    def unused(*given: object) -> None:
        raise AssertionError("these lines were decoded one by one")

    monkeypatch.setattr(json_types.FileTypes, "_one_by_one", unused)
    path = tmp_path / "a.jsonl"
    lines = [
        {"a": 1, "s": 'in "quotes": \\', "f": 0.5, "l": ["x", None], "o": {"x": 1, "y": "a:b"}},
        {"a": 2, "s": "[note] {text", "f": 2, "l": [], "o": {"x": 2, "y": ""}},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows, failure = _read(path)
    assert failure is None
    assert '\'in "quotes": ' in rows
    path.write_text('{"a":1,"s":null}\n{"a": 2, "s": "x"}\n{"s":"y"}\n{"a": null}\n')
    assert _read(path) == ("[(1, None), (2, 'x'), (None, 'y'), (None, None)]", None)


def _read(path: Path) -> tuple[str, tuple[str, str] | None]:
    """The rows of a file, with the types of their columns; and what is wrong with it, and where."""
    (file,) = list_files(path.as_uri())
    rows: list[Any] = []
    try:
        for one in frames(FileBatches([file], [(0, 0, file.size)], JSONL(), open_objects, 1 << 20)):
            rows += one.frame.rows()
    except PermanentFailure as failure:
        return repr(rows), (failure.message, str(failure.position))
    return repr(rows), None
