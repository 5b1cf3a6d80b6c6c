"""Rows of Parquet become frames of many row groups, which say where they begin."""

import polars as pl
import pytest

from fanfold_steps.columnar.reading import frames
from fanfold_steps.formats.parquet import reader
from fanfold_steps.inputs.batches import FileBatches
from fanfold_steps.inputs.listing import list_files
from fanfold_steps.job.formats import Parquet
from fanfold_storage.urls import open_objects


@pytest.mark.parametrize(("size", "lengths"), [(1, [3, 2, 3, 2, 3, 2]), (60, [5, 5, 5]), (1 << 20, [15])])
def test_neighbouring_rows_are_in_one_frame(tmp_path, monkeypatch, size, lengths):
    monkeypatch.setattr(reader, "BLOCK_ROWS", 3)
    written = pl.DataFrame({"n": range(15), "s": pl.Series([f"{n % 4}" for n in range(15)], dtype=pl.Categorical)})
    written.write_parquet(tmp_path / "a.parquet", row_group_size=5)
    (file,) = list_files(tmp_path.as_uri())
    found = list(frames(FileBatches([file], [(0, 0, file.size)], Parquet(), open_objects, 1 << 20), size))
    assert [one.frame.height for one in found] == lengths
    assert pl.concat([one.frame for one in found]).rows() == written.rows()
    for one in found:
        assert one.batch.position_of(0, "").offset == one.frame["n"][0]
        assert len(one.batch.records()) == one.frame.height
