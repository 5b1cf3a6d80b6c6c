"""Blocks of separated values as frames: what Polars finds in them is what `csv` finds, or isn't taken."""

import csv
import io

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanfold_steps.formats.separated.frames import FrameReader, Texts, exact_frame
from fanfold_steps.formats.sources import Source
from fanfold_steps.job.formats import CSV, TSV
from fanfold_storage.objects.filesystem import FilesystemObjects

PIECES = st.sampled_from(
    ["a", "bc", "é", ",", ",", "\n", "\n", "\r\n", "\r", '"', '"', '""', "x^", "\t", "\0", "\ufeff", " "]
)


def rows_of(data: bytes, width: int) -> list[tuple[str, ...]] | None:
    """What Python's csv finds; None if it complains, or a row has another width."""
    try:
        rows = [tuple(row) for row in csv.reader(io.StringIO(data.decode(), newline="\n"), strict=True) if row]
    except csv.Error:
        return None
    return rows if all(len(row) == width for row in rows) else None


@settings(deadline=None, max_examples=2000)
@given(st.lists(PIECES, max_size=16).map("".join), st.integers(1, 3))
@example('"a\n', 1)
@example('a"b,"c\n', 2)
@example('"a"b,c\n', 2)
@example('a,"b\nc",d\n', 3)
@example("a,b\n\nc\n", 2)
@example('"\n', 1)
@example('a,""\n', 2)
def test_a_frame_holds_what_csv_finds(text, width):
    data = text.encode()
    frame = exact_frame(data, width) if data else None
    assert frame is None or frame.rows() == rows_of(data, width)


@pytest.mark.parametrize(
    "text",
    ["a,b\nc,d\n", "a,b\r\nc,d\r\n", "a,b\nc,d", "a,b\r\nc,d", '"a","b,b"\n"c\nc",d\n', "x^,b\n", ",\n,\n", "é,日本\n"],
)
def test_what_is_common_is_taken_from_polars(text):
    frame = exact_frame(text.encode(), 2)
    assert frame is not None
    assert frame.rows() == rows_of(text.encode(), 2)


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"a\tb\n", Texts.SIMPLE),
        (b'"a"\tb\n', Texts.ANY),
        (b"a\\\tb\n", Texts.ANY),
        (b"a\x01\tb\n", Texts.ANY),
        (b"a\tb\xff\n", Texts.STAND_INS),
        (b"a\tb\xf4\x8f\xbf\xbd\n", Texts.STAND_INS),
    ],
)
def test_a_block_says_what_its_texts_hold(tmp_path, data, texts):
    (tmp_path / "t.tsv").write_bytes(b"n\tm\n" + data)
    blocks = list(FrameReader(TSV()).blocks(Source(FilesystemObjects(tmp_path), "t.tsv", None), 0, None))
    frame, found = blocks[0].frame()
    assert (frame.shape, found) == ((1, 2), texts)


@pytest.mark.parametrize("data", [b'"a\nb",c\n', b'"a\nb",c'])
def test_a_line_end_in_quotes_is_no_simple_text(tmp_path, data):
    (tmp_path / "t.csv").write_bytes(b"n,m\n" + data)
    blocks = list(FrameReader(CSV()).blocks(Source(FilesystemObjects(tmp_path), "t.csv", None), 0, None))
    assert max(block.frame()[1] for block in blocks) is Texts.ANY


@pytest.mark.parametrize("piece", [1, 7, 64, 1 << 20])
def test_a_file_has_the_same_rows_in_blocks_of_any_size(tmp_path, piece):
    rows = [(str(number), 'two\nlines, and a "quote"' if number % 7 == 0 else "plain") for number in range(50)]
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "text"), *rows])
    source = Source(FilesystemObjects(tmp_path), "t.csv", None, piece=piece)
    frames = [block.frame()[0] for block in FrameReader(CSV()).blocks(source, 0, None)]
    assert pl.concat(frames).rows() == rows
