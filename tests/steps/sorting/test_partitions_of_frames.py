"""A row of a frame goes to the partition to which a record with its key goes."""

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fanfold_steps.columnar import partitions as of_frames
from fanfold_steps.columnar.partitions import partitions
from fanfold_steps.sorting import keys
from fanfold_steps.sorting.partitions import by_hash

INTEGERS = st.integers(0, 2**63 - 1) | st.integers(0, 70_000)
ANY_INTEGERS = INTEGERS | st.integers(-(2**63), 0) | st.none()


@given(st.lists(INTEGERS, min_size=1) | st.lists(ANY_INTEGERS, min_size=1))
@example([0, 1, 255, 256, 65_535, 65_536, 2**56 - 1, 2**56, 2**63 - 1])
@example([0])
@example([None])
def test_integers(numbers):
    frame = pl.DataFrame({"k": pl.Series(numbers, dtype=pl.Int64), "n": pl.zeros(len(numbers), eager=True)})
    assert partitions(frame, {"k": "int"}, 7).to_list() == by_hash(7)(map(keys.encode, numbers))


@pytest.mark.parametrize("texts", [["", "a", "ä\0"], ["a", None]])
def test_texts_alone_and_in_pairs(monkeypatch, texts):
    monkeypatch.setattr(of_frames, "PIECE_ROWS", 2)
    stored = pl.Series("k", [None if text is None else text.encode() for text in texts], dtype=pl.Binary)
    frame = pl.DataFrame([stored, pl.Series("n", range(len(texts)))])
    assert partitions(frame, {"k": "text"}, 7).to_list() == by_hash(7)(map(keys.encode, texts))
    pairs = list(zip(texts, range(len(texts)), strict=True))
    assert partitions(frame, {"k": "text", "n": "int"}, 7).to_list() == by_hash(7)(map(keys.encode, pairs))
