"""Which partition a key gets, and what a partitioner may return."""

import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.sorting import keys, partitions


def by(function, count=3):
    return lambda *given: list(partitions.by_function(function, count, Path())(map(keys.encode, given)))


@pytest.mark.parametrize("number", [0, 1, 2, True])
def test_a_partitioner_returns_a_number_below_theirs(number):
    assert by(lambda key, count: number)("a", "b") == [number, number]


@pytest.mark.parametrize("number", [-1, 3, 4, 1.0, None, "1", (1,)])
def test_anything_else_is_refused_by_name(number):
    with pytest.raises(PermanentFailure, match=r"for the key 'a': let it return an integer from 0 to 2"):
        by(lambda key, count: number)("a")


def test_a_partitioner_is_told_the_key_and_how_many_there_are():
    asked = []

    def first(key, count):
        asked.append((key, count))
        return 0

    by(first, 7)("a", 1, (2, "b"))
    assert asked == [("a", 7), (1, 7), ((2, "b"), 7)]


@given(st.lists(st.binary(max_size=5)), st.integers(1, 9), st.binary(max_size=4))
def test_a_hash_is_that_of_all_the_bytes_whether_or_not_they_begin_alike(rest, count, begin):
    found = list(partitions.by_hash(count, begin)(rest))
    assert found == [zlib.crc32(begin + key) % count for key in rest]
