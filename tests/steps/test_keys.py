from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_steps import keys

SCALARS = st.one_of(
    st.none(), st.integers(), st.integers(-(2**70), 2**70), st.text(), st.text(alphabet="a\0\x01é\udc80"), st.binary()
)
KEYS = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4).map(tuple), max_leaves=6)
KINDS = [type(None), int, str, bytes, tuple]


def place(key):
    """The documented order, said with Python's own comparison."""
    rank = KINDS.index(type(key))
    if key is None:
        return (rank,)
    if isinstance(key, tuple):
        return (rank, [place(element) for element in key])
    return (rank, key)


@given(KEYS)
def test_decode_gives_back_what_was_encoded(key):
    decoded = keys.decode(keys.encode(key))
    assert decoded == key
    assert type(decoded) is type(key)


@given(st.lists(KEYS, min_size=2))
def test_byte_order_is_key_order(some):
    for left, right in pairwise(sorted(some, key=keys.encode)):
        assert place(left) <= place(right)


@given(st.lists(st.one_of(st.text(), st.integers()), min_size=1), st.integers(1, 50))
def test_a_key_has_one_partition_within_range(some, partitions):
    for key in some:
        number = keys.partition(keys.encode(key), partitions)
        assert 0 <= number < partitions
        assert number == keys.partition(keys.encode(key), partitions)


def test_partitions_are_known_numbers():
    """They decide which part a key's line lies in, so they may never change between versions or machines."""
    assert [keys.partition(keys.encode(key), 8) for key in ("a", "b", 1, -1, None, ("a", 1), b"a")] == [
        4,
        6,
        2,
        5,
        3,
        1,
        7,
    ]


@pytest.mark.parametrize("key", [True, 1.5, [1], {"a": 1}, ("a", 2.0), object()])
def test_a_key_without_a_place_is_refused_with_its_type(key):
    with pytest.raises(keys.UnsortableKey, match=r"not (bool|float|list|dict|object)"):
        keys.encode(key)
