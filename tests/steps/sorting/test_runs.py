from itertools import chain

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold_steps.columnar import runs as columnar_segments
from fanfold_steps.columnar.shape import Shape
from fanfold_steps.lines import runs as lines_runs
from fanfold_steps.sorting import framed, keys, runs
from fanfold_storage.objects.filesystem import FilesystemObjects


def items_of(blocks):
    return [item for block in blocks for item in block]


SEGMENTS = st.lists(st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.lists(st.text()))), max_size=5)


@given(SEGMENTS)
@settings(max_examples=50)
def test_segments_come_back_as_they_were_written(tmp_path_factory, segments):
    store = FilesystemObjects(tmp_path_factory.mktemp("runs"))
    written = [sorted((keys.encode(key), value) for key, value in segment.items()) for segment in segments]
    size = store.put("a.run", runs.pack(written))
    assert [items_of(runs.read_blocks(store, "a.run", size, p)) for p in range(len(written))] == written


def test_a_segment_of_many_blocks_and_a_footer_longer_than_the_first_look(tmp_path):
    store = FilesystemObjects(tmp_path)
    many = [(keys.encode(number), "x" * 10) for number in range(50_000)]
    size = store.put("a.run", runs.pack([[], many, *([[]] * 9_000)]))
    assert items_of(runs.read_blocks(store, "a.run", size, 1)) == many
    assert items_of(runs.read_blocks(store, "a.run", size, 9_001)) == []


def rows():
    segments: list[list[runs.Item]] = [
        [(keys.encode("a"), [1, 2]), (keys.encode("b"), ["three"])],
        [],
        [(keys.encode("c"), [4.5])],
    ]
    return runs.pack(segments), runs.read_blocks


def lines():
    writer, blocks = lines_runs.RunWriter(3), lines_runs.Blocks(8)
    pieces = [writer.piece([blocks.of(piece), [], blocks.of(["z" * 9])]) for piece in (["a", "b" * 20], ["c"])]
    return chain(*pieces, map(lines_runs.RunWriter.end, [writer])), lambda *run: chain.from_iterable(
        lines_runs.read_segments(*run)
    )


def frames():
    shape = Shape({"0": "text"}, {"n": "int"})
    segments = [[pl.DataFrame({"0": [text.encode() for text in texts], "n": len(texts)})] for texts in ("ab", "c", "")]
    return columnar_segments.pack(segments, shape), columnar_segments.read_segment


def everything(store, read, size):
    return [list(read(store, "a.run", size, partition)) for partition in range(3)]


@pytest.mark.thorough
@pytest.mark.parametrize("kind", [rows, lines, frames])
def test_any_changed_byte_is_noticed(tmp_path, kind):
    store = FilesystemObjects(tmp_path)
    written, read = kind()
    size = store.put("a.run", written)
    sound = (tmp_path / "a.run").read_bytes()
    assert any(everything(store, read, size))
    for at in range(size):
        for change in (0x01, 0x80, 0xFF):
            data = bytearray(sound)
            data[at] ^= change
            (tmp_path / "a.run").write_bytes(data)
            with pytest.raises(framed.CorruptRun):
                everything(store, read, size)


def test_a_run_cut_short_is_noticed(tmp_path):
    store = FilesystemObjects(tmp_path)
    size = store.put("a.run", runs.pack([[(keys.encode("a"), 1)]]))
    with pytest.raises(framed.CorruptRun):
        items_of(runs.read_blocks(store, "a.run", size - 5, 0))
