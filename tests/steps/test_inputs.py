from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_steps.formats.declared import CSV, Text, Whole
from fanfold_steps.inputs import File, cut, list_files
from fanfold_storage.errors import NotFound


@given(st.lists(st.integers(0, 5000), max_size=30), st.integers(1, 2000))
def test_splits_cover_every_byte_once_in_order(sizes, split_size):
    splits = cut([File("file:///", f"{n}", size) for n, size in enumerate(sizes)], split_size)
    ranges = [r for split in splits for r in split]
    assert ranges == sorted(ranges)
    for number, size in enumerate(sizes):
        mine = [(start, stop) for n, start, stop in ranges if n == number]
        assert sum(stop - start for start, stop in mine) == size
        assert all(left[1] == right[0] for left, right in pairwise(mine))
    assert all(split for split in splits)
    assert all(sum(stop - start for _, start, stop in split) <= split_size for split in splits)


def test_what_cannot_be_split_is_one_range():
    files = [
        File("file:///", key, size) for key, size in [("a.gz", 30), ("b.txt", 3), ("c.zst", 4), ("d.txt", 25), ("e", 0)]
    ]
    assert cut(files, 10) == [[(0, 0, 30)], [(1, 0, 3), (2, 0, 4)], [(3, 0, 10)], [(3, 10, 20)], [(3, 20, 25)]]
    assert cut(files[:1], 10, Text(compress="none")) == [[(0, 0, 10)], [(0, 10, 20)], [(0, 20, 30)]]
    assert cut(files[3:], 10, CSV()) == [[(0, 0, 25)]]
    assert cut(files[3:], 10, CSV(quote=None)) == [[(0, 0, 10)], [(0, 10, 20)], [(0, 20, 25)]]
    assert cut(files[3:], 10, Whole()) == [[(0, 0, 25)], [(1, 0, 0)]]


def test_a_url_names_a_file_or_a_folder(tmp_path):
    (tmp_path / "a b%41").mkdir()
    (tmp_path / "a b%41" / "x.txt").write_text("x")
    (tmp_path / "a b%41" / "é.txt").write_text("yy")
    folder = (tmp_path / "a b%41").as_uri()
    assert [(file.key, file.size) for file in list_files(folder)] == [("x.txt", 1), ("é.txt", 2)]
    assert [(file.key, file.size) for file in list_files(f"{folder}/")] == [("x.txt", 1), ("é.txt", 2)]
    assert [(file.key, file.size) for file in list_files((tmp_path / "a b%41" / "é.txt").as_uri())] == [("é.txt", 2)]


def test_what_a_job_wrote_is_read_without_its_own_files(tmp_path):
    for name in ("part-00000.txt", "_SUCCESS", "_job/plan.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert [file.key for file in list_files(tmp_path.as_uri())] == ["part-00000.txt"]
    (tmp_path / "_SUCCESS").unlink()
    assert len(list_files(tmp_path.as_uri())) == 2


def test_an_input_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        list_files((tmp_path / "nothing").as_uri())
