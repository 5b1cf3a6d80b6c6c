"""Keys of joined tables: partitions as records have them, and numbers in the order of the keys."""

import zlib

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold.builtin.join.values import IS_NORMAL, normal
from fanfold_steps.formats.separated.frames import Texts
from fanfold_steps.formats.stand_ins import escaped
from fanfold_steps.sorting import keys
from fanfold_steps.sorting.partitions import by_hash
from fanfold_steps.tables.keys import numbered, partitions, sorted_by, with_normal

SHORT = st.text(st.sampled_from("ab01é\0"), max_size=7).filter(lambda text: len(text.encode()) < 8)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def series(texts):
    return pl.Series(texts, dtype=pl.String)


@settings(deadline=None)
@given(st.one_of(st.lists(SHORT), st.lists(ANY)), st.integers(1, 7))
def test_a_key_has_the_partition_that_it_has_as_a_record(texts, count):
    found = partitions([series(texts)], count, Texts.ANY).to_list()
    assert found == list(by_hash(count)(map(keys.encode, texts)))
    assert found == [zlib.crc32(keys.encode(text)) % count for text in texts]


@pytest.mark.parametrize("text", ["\udcff", "a\udc80", "\U0010ff80", "\U0010fffd\udcf4", '["\udcff"]', "00"])
def test_so_has_a_key_that_stand_ins_are_in(text):
    frame = with_normal(pl.DataFrame({"0": [escaped(text)]}), ["0"], normal, IS_NORMAL, Texts.STAND_INS)
    found = partitions(sorted_by(frame, ["0"]), 1 << 31, Texts.STAND_INS).to_list()
    assert found == list(by_hash(1 << 31)([keys.encode(normal(text))]))


@settings(deadline=None)
@given(st.lists(st.tuples(ANY, ANY)), st.integers(1, 7))
def test_so_has_a_key_of_several_columns(rows, count):
    columns = [series([row[at] for row in rows]) for at in range(2)]
    assert partitions(columns, count, Texts.ANY).to_list() == list(by_hash(count)(map(keys.encode, rows)))


@settings(deadline=None)
@given(st.one_of(st.lists(SHORT), st.lists(ANY)), st.one_of(st.lists(SHORT), st.lists(ANY)))
def test_numbers_sort_like_the_keys(lefts, rights):
    found = numbered([series(lefts)], [series(rights)])
    told = [*zip(found[0], map(keys.encode, lefts), strict=True), *zip(found[1], map(keys.encode, rights), strict=True)]
    for number, key in told:
        for other_number, other in told:
            assert (number < other_number) == (key < other)


@settings(deadline=None)
@given(st.lists(st.tuples(SHORT, ANY), min_size=1))
def test_numbers_sort_like_keys_of_several_columns(rows):
    columns = [series([row[at] for row in rows]) for at in range(2)]
    numbers, _ = numbered(columns, [column.head(0) for column in columns])
    told = list(zip(numbers, map(keys.encode, rows), strict=True))
    for number, key in told:
        for other_number, other in told:
            assert (number < other_number) == (key < other)
