"""A result gives back what was written, in every format, or says why it can't."""

import json
from dataclasses import dataclass, field
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from fanfold import CSV, JSONL, TSV, Parquet, Refused, Text
from fanfold.results.reading import OutputFormats, StoredPart, format_by_name
from fanfold.results.result import Result
from fanfold_steps.formats import writer
from fanfold_steps.job.formats import OutputFormat
from fanfold_steps.tree.report import Report, ReportedPart
from fanfold_storage.urls import open_objects


@dataclass
class Written:
    """An output of one folder, as a job that has ended has it."""

    folder: Path
    format: OutputFormat
    parts: list[ReportedPart] = field(default_factory=list)
    bad: list[dict[str, object]] = field(default_factory=list)

    @property
    def output(self):
        return f"{self.folder}/"

    def report(self):
        records, size = (sum(getattr(part, name) for part in self.parts) for name in ("records", "bytes"))
        return Report("id", tuple(self.parts), records, size, skipped=len(self.bad), counters={"fanfold": {"n": 1}})

    def formats(self):
        return OutputFormats(self.format, {})

    def stored(self, name, part):
        return StoredPart(part, open_objects(self.folder.as_uri() + "/"), part.name)

    def bad_records(self):
        text = "".join(json.dumps(one) + "\n" for one in self.bad).encode()
        return iter([text[:7], text[7:20], text[20:]])


def written(folder, format, *parts):
    """A result whose parts hold these records, as the format's writer writes them."""
    found = Written(folder, format)
    for number, records in enumerate(parts):
        made = writer(format)
        encoder = made.begin()
        data = b"".join([encoder.encode(records), *encoder.end()])
        name = f"part-{number:05}{made.suffix}"
        (folder / name).write_bytes(data)
        found.parts.append(ReportedPart(name, len(records), len(data), ""))
    return Result("counts", found)


PAIRS = [[("a", 1), ("b\x00<", 2)], [], [("c d", 3)]]
ROWS = [[{"n": "1", "t": "x\ny"}], [{"n": "2", "t": ""}]]
LINES = ["a\t1", "b\x00<\t2", "c d\t3"]
FORMATS = [
    (Text(), PAIRS, LINES),
    (Text(compress="gzip"), PAIRS, LINES),
    (Text(encoding="latin-1"), [["é"]], ["é"]),
    (Text(), [["\udce9"]], ["\udce9"]),
    (JSONL(), PAIRS, [["a", 1], ["b\x00<", 2], ["c d", 3]]),
    (JSONL(compress="zstd"), [[{"a": [1, None]}], [2]], [{"a": [1, None]}, 2]),
    (CSV(), PAIRS, [["a", "1"], ["b\x00<", "2"], ["c d", "3"]]),
    (CSV(), ROWS, [row for part in ROWS for row in part]),
    (CSV(header=False), ROWS, [["1", "x\ny"], ["2", ""]]),
    (CSV(header=True, compress="xz"), ROWS, [row for part in ROWS for row in part]),
    (CSV(columns=["n", "t"]), ROWS, [row for part in ROWS for row in part]),
    (CSV(columns=["n", "t"], header=False, delimiter=";"), ROWS, [row for part in ROWS for row in part]),
    (TSV(columns=["k", "v"]), PAIRS, [{"k": "a", "v": "1"}, {"k": "b\x00<", "v": "2"}, {"k": "c d", "v": "3"}]),
    (CSV(), [[], []], []),
    (TSV(), [[("only",)]], [["only"]]),
    (Parquet(), PAIRS, [{"key": key, "value": value} for part in PAIRS for key, value in part]),
    (Parquet(compress="none"), [[{"d": date(2026, 1, 2)}]], [{"d": date(2026, 1, 2)}]),
]


@pytest.mark.parametrize(("format", "parts", "records"), FORMATS)
def test_records_come_back_through_the_format_that_wrote_them(format, parts, records, tmp_path):
    result = written(tmp_path, format, *parts)
    assert list(result.records()) == list(result.records()) == records


FRAMES = [
    (Text(), PAIRS, {"line": LINES}),
    (JSONL(), PAIRS, {"key": ["a", "b\x00<", "c d"], "value": [1, 2, 3]}),
    (JSONL(), [[{"a": 1}], [{"a": 2.5, "b": ["x"]}]], {"a": [1.0, 2.5], "b": [None, ["x"]]}),
    (JSONL(), [[{"n": 1 << 70}]], {"n": [1 << 70]}),
    (CSV(), ROWS, {"n": ["1", "2"], "t": ["x\ny", ""]}),
    (Parquet(), PAIRS, {"key": ["a", "b\x00<", "c d"], "value": [1, 2, 3]}),
    (Parquet(), [[{"d": date(2026, 1, 2)}]], {"d": [date(2026, 1, 2)]}),
    (Text(), [[]], {"line": []}),
    (CSV(columns=["n", "t"]), [[]], {"n": [], "t": []}),
    (JSONL(), [[]], {}),
    (CSV(), [], {}),
]


@pytest.mark.parametrize(("format", "parts", "columns"), FRAMES)
def test_a_frame_has_the_values_of_the_records(format, parts, columns, tmp_path):
    frame = written(tmp_path, format, *parts).frame()
    assert isinstance(frame, pl.DataFrame)
    assert frame.to_dict(as_series=False) == columns


def test_a_frame_without_rows_has_the_columns_of_parquet(tmp_path):
    frame = written(tmp_path, Parquet(schema={"n": "int64", "t": "string"}), []).frame()
    assert frame.schema == {"n": pl.Int64, "t": pl.String}


NO_FRAMES = [
    (JSONL(), [[1]], "records with fields, or pairs, and one is 1: read them with records"),
    (JSONL(), [[{"a": 1}, None]], "and one is None"),
    (JSONL(), [[("a", 1), (1, 2, 3)]], r"and one is \['a', 1\]"),
    (JSONL(), [[{"a": 1}, {"a": "x"}]], "a frame can't hold these records: the field 'a' holds "),
    (JSONL(), [[{"a": "\ud800"}]], "a frame can't hold these records: "),
    (CSV(), PAIRS, "columns have no names, which a frame needs"),
    (Text(), [["\udce9"]], "bytes that aren't UTF-8: read them with records"),
]


@pytest.mark.parametrize(("format", "parts", "words"), NO_FRAMES)
def test_what_a_frame_cant_hold_is_refused(format, parts, words, tmp_path):
    if "\\ud800" in str(parts):
        (tmp_path / "part-00000.jsonl").write_text('{"a": "\\ud800"}\n')
        result = Result("counts", Written(tmp_path, format, [ReportedPart("part-00000.jsonl", 1, 0, "")]))
    else:
        result = written(tmp_path, format, *parts)
    with pytest.raises(Refused, match=words):
        result.frame()


@pytest.mark.parametrize("format", [JSONL(), Parquet(), CSV(quoted_newlines=False), Text(encoding="ascii")])
def test_a_part_that_was_changed_is_refused_and_named(format, tmp_path):
    result = written(tmp_path, format, [{"a": "1"}])
    (part,) = tmp_path.iterdir()
    part.write_bytes(b'a\n"x\xff\n')
    with pytest.raises(Refused, match=rf"the output can't be read back: (.|\n)*{part.name}"):
        list(result.records())


def test_what_was_put_in_quarantine_comes_back_typed(tmp_path):
    record = {"step": "map", "file": "é.txt", "offset": 3, "record": "x", "problem": "no", "traceback": None}
    key = {"step": "reduce", "key": "'k'", "problem": "no", "traceback": "Traceback", "unknown": 1}
    result = Result("counts", Written(tmp_path, Text(), bad=[record, key]))
    first, second = result.quarantine()
    assert (first.step, first.file, first.offset, first.record, first.key) == ("map", "é.txt", 3, "x", None)
    assert (second.step, second.key, second.traceback) == ("reduce", "'k'", "Traceback")


class Cells(HTMLParser):
    """The texts of cells, and all tags."""

    def __init__(self, html):
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag in {"td", "th"}:
            self.cells.append("")

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data.strip("\n")


def test_a_notebook_shows_a_table_in_which_data_is_only_text(tmp_path):
    hostile = "<script>alert('1')</script>&amp;"
    folder = tmp_path / "<b>"
    folder.mkdir()
    html = written(folder, JSONL(), [{hostile: hostile, "n": n} for n in range(12)])._repr_html_()
    shown = Cells(html)
    assert shown.tags == {"p", "table", "tr", "th", "td"}
    assert shown.cells[:4] == [hostile, "n", hostile, "0"]
    assert "12 records in 1 part" in html
    assert "and 2 more" in html


def test_cells_and_columns_are_bounded(tmp_path):
    shown = Cells(written(tmp_path, JSONL(), [{str(n): "x" * 10_000 for n in range(1000)}])._repr_html_())
    assert len(shown.cells) == 40
    assert max(map(len, shown.cells)) < 200


@pytest.mark.parametrize(
    ("parts", "heads"),
    [([["a", "b"]], ["line"]), ([[("a", 1)]], ["key", "value"]), ([[(1, 2, 3)]], ["0", "1", "2"]), ([[1]], ["record"])],
)
def test_records_of_any_form_make_a_table(parts, heads, tmp_path):
    assert Cells(written(tmp_path, JSONL(), *parts)._repr_html_()).cells[: len(heads)] == heads


def test_an_empty_output_is_shown_without_a_table(tmp_path):
    tmp_path = tmp_path / ("deep" * 30)  # whose path is longer than a cell
    tmp_path.mkdir()
    result = written(tmp_path, Text(), [])
    assert result._repr_html_() == f"<p>counts: 0 records in 1 part, in {tmp_path}/</p>"
    assert repr(result) == f"<Result of counts: 0 records in 1 part, in {tmp_path}/>"


@pytest.mark.parametrize(
    "format", [Text(), JSONL(compress="lz4"), CSV(compress="bz2"), TSV(), Parquet(), Text(compress="gzip")]
)
def test_a_parts_name_tells_its_format(format):
    assert format_by_name(f"part-00000{writer(format).suffix}") == format


def test_a_name_that_tells_no_format_is_refused():
    with pytest.raises(Refused, match=r"part-00000\.orc isn't in a format that Fanfold writes"):
        format_by_name("part-00000.orc")
