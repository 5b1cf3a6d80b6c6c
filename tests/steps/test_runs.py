import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold_steps import framed, keys, runs
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


def test_one_changed_byte_is_noticed(tmp_path):
    store = FilesystemObjects(tmp_path)
    size = store.put("a.run", runs.pack([[(keys.encode("a"), 1)]]))
    data = bytearray((tmp_path / "a.run").read_bytes())
    data[12] ^= 1
    (tmp_path / "a.run").write_bytes(data)
    with pytest.raises(framed.CorruptRun, match="checksum"):
        items_of(runs.read_blocks(store, "a.run", size, 0))


def test_a_run_cut_short_is_noticed(tmp_path):
    store = FilesystemObjects(tmp_path)
    size = store.put("a.run", runs.pack([[(keys.encode("a"), 1)]]))
    with pytest.raises(framed.CorruptRun):
        items_of(runs.read_blocks(store, "a.run", size - 5, 0))
