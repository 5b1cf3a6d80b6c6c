import math
import pickle
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_steps.sorting import keys
from fanfold_steps.sorting.partitions import by_hash

NUMBERS = st.one_of(
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.integers(-(2**60), 2**60).map(float),
    st.integers(-300, 300).map(lambda number: number / 4),
    st.sampled_from([2**53 + 1, float(2**53), -(2**53) - 1, math.inf, -math.inf, -0.0, 10**400, -(10**400), 5e-324]),
)
ATOMS = st.one_of(
    st.none(), NUMBERS, st.text(), st.text(alphabet="a\0\x01é\udc80\U0001f600"), st.binary(), st.binary().map(bytes)
)
KEYS = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=4).map(tuple), max_leaves=6)
RANKS = {type(None): 0, bool: 1, int: 1, float: 1, str: 2, bytes: 3, tuple: 4}


def place(key):
    """The documented order, said with Python's own comparison, numbers as exact fractions."""
    rank = RANKS[type(key)]
    if key is None:
        return (rank,)
    if isinstance(key, tuple):
        return (rank, [place(element) for element in key])
    if rank == 1:
        infinite = math.copysign(1, key) if isinstance(key, float) and math.isinf(key) else 0
        return (rank, infinite, 0 if infinite else Fraction(key))
    return (rank, list(map(ord, key)) if isinstance(key, str) else key)


def spelling(key):
    """What tells `1`, `1.0` and `True`, `0.0` and `-0.0` apart, which are equal."""
    return repr(key)


@given(KEYS)
def test_decode_gives_back_what_was_encoded_as_it_was_written(key):
    encoded = keys.encode(key)
    assert spelling(keys.decode(encoded)) == spelling(key)
    assert spelling(keys.decode(pickle.loads(pickle.dumps(encoded)))) == spelling(key)


@given(st.lists(KEYS, min_size=2))
def test_byte_order_is_key_order(some):
    for left, right in pairwise(sorted(some, key=keys.encode)):
        assert place(left) <= place(right)


@given(KEYS, KEYS)
def test_two_keys_compare_as_their_bytes(left, right):
    one, two = keys.encode(left), keys.encode(right)
    assert (one < two) == (place(left) < place(right))
    assert (one == two) == (left == right) == (place(left) == place(right))


@given(NUMBERS, st.sampled_from([float, int, bool, lambda number: number + 1, lambda number: -number]))
def test_numbers_close_to_one_another_inside_tuples(number, other):
    try:
        changed = other(number)
    except OverflowError:
        return
    for left, right in ((number, changed), ((number, "a"), (changed, "a")), ((number,), (changed, None))):
        assert (keys.encode(left) < keys.encode(right)) == (place(left) < place(right))
        assert (keys.encode(left) == keys.encode(right)) == (left == right)


@given(st.lists(KEYS))
def test_a_dict_of_exact_keys_is_one_of_their_bytes(some):
    assert len({keys.exact(key) for key in some}) == len({keys.encode(key) for key in some})


def test_equal_numbers_are_one_key_whose_first_spelling_stays():
    for first in (1, 1.0, True):
        kept = dict.fromkeys(keys.encode(key) for key in (first, True, 1.0, 1))
        assert [spelling(keys.decode(key)) for key in kept] == [spelling(first)]


def test_whole_numbers_beyond_a_float_keep_their_value():
    assert keys.encode(float(2**53)) < keys.encode(2**53 + 1) < keys.encode(float(2**53 + 2))


@given(st.lists(KEYS, min_size=1), st.integers(1, 50))
def test_a_key_has_one_partition_within_range(some, partitions):
    numbers = list(by_hash(partitions)(map(keys.encode, some)))
    assert all(0 <= number < partitions for number in numbers)
    assert numbers == list(by_hash(partitions)(map(keys.encode, some)))


def test_partitions_are_known_numbers():
    """They decide which part a key's line lies in, so they may never change between versions or machines."""
    some = ("a", "b", 1, -1, None, ("a", 1), b"a", 1.0, True, 1.5, -1.5, math.inf)
    assert list(by_hash(8)(map(keys.encode, some))) == [4, 6, 2, 5, 3, 1, 7, 2, 2, 2, 2, 1]


@pytest.mark.parametrize("key", [[1], {"a": 1}, ("a", [2.0]), object(), 1j, (1, {2}), frozenset()])
def test_a_key_without_a_place_is_refused_with_its_type(key):
    with pytest.raises(keys.UnsortableKey, match=r"not (list|dict|object|complex|set|frozenset)"):
        keys.encode(key)


@pytest.mark.parametrize("key", [math.nan, ("a", math.nan), ((1, (math.nan,)),)])
def test_nan_is_refused(key):
    with pytest.raises(keys.UnsortableKey, match="NaN can't be a key"):
        keys.encode(key)
