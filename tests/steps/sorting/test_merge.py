"""Merging sorted segments: as a stable sort of all of them does it, in blocks."""

from itertools import chain
from operator import itemgetter

from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold_steps.memory.budget import Budget
from fanfold_steps.memory.scratch import Scratch
from fanfold_steps.sorting import merge

ITEMS = st.lists(st.binary(max_size=2).map(lambda key: key[:1] * len(key)), max_size=12)


def blocks_of(items, size):
    return iter([items[at : at + size] for at in range(0, len(items), size)])


@given(st.lists(ITEMS, max_size=9), st.integers(1, 5), st.sampled_from([2, 64]))
@settings(max_examples=60, deadline=None)
def test_it_is_what_a_stable_sort_of_all_gives(keys, size, fan_in):
    numbered = [[(key, (number, at)) for at, key in enumerate(sorted(some))] for number, some in enumerate(keys)]
    budget = Budget(fan_in * (4 << 20))
    assert budget.fan_in == fan_in
    with Scratch() as scratch:
        blocks = merge.merge([blocks_of(items, size) for items in numbered], scratch, budget)
        assert list(chain.from_iterable(blocks)) == sorted(chain.from_iterable(numbered), key=itemgetter(0))


def test_a_key_with_many_values_comes_in_pieces():
    segments = [blocks_of([(b"k", at) for at in range(start, start + 100)], 5) for start in (0, 100)]
    blocks = list(merge.merged(segments))
    assert [value for block in blocks for _, value in block] == list(range(200))
    assert max(map(len, blocks)) <= 10
