"""The summary of heavy keys keeps its bounds, whatever comes in whatever order and is merged however."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from fanfold_steps.summary.heavy_keys import HeavyKeys

BATCHES = st.lists(st.dictionaries(st.integers(0, 30), st.integers(1, 1000)), max_size=20)


def check(found: HeavyKeys[int], true: Counter[int]) -> None:
    assert found.values == true.total()
    assert len(found.counts) <= found.counters
    assert found.missed * (found.counters + 1) <= true.total(), "no more than the values of one counter is missed"
    for key, count in true.items():
        assert count - found.missed <= found.counts.get(key, 0) <= count


@given(BATCHES, st.integers(1, 8))
def test_counts_are_never_too_high_and_at_most_so_much_too_low(batches: list[dict[int, int]], counters: int) -> None:
    found, true = HeavyKeys[int](counters), Counter[int]()
    for batch in batches:
        found.add(batch)
        true.update(batch)
        check(found, true)


@given(BATCHES, BATCHES, st.integers(1, 8))
def test_summaries_of_tasks_are_merged_within_the_same_bounds(
    left: list[dict[int, int]], right: list[dict[int, int]], counters: int
) -> None:
    whole, true = HeavyKeys[int](counters), Counter[int]()
    for batches in (left, right):
        part = HeavyKeys[int](counters)
        for batch in batches:
            part.add(batch)
            true.update(batch)
        whole.add(part.counts, part.values, part.missed)
    check(whole, true)


@given(st.dictionaries(st.integers(0, 30), st.integers(1, 200)), st.integers(2, 100))
def test_groups_that_are_left_out_count_as_missed(groups: dict[int, int], least: int) -> None:
    found = HeavyKeys[int](100)
    found.add({key: size for key, size in groups.items() if size >= least}, sum(groups.values()), least - 1)
    for key, size in groups.items():
        assert size - found.missed <= found.counts.get(key, 0) <= size


def test_a_key_with_most_of_the_values_is_the_heaviest() -> None:
    found = HeavyKeys[str](4)
    for number in range(1000):
        found.add({"heavy": 2, f"light {number}": 1})
    (heaviest, count), *_ = found.heaviest(2)
    assert heaviest == "heavy"
    assert 2000 - found.missed <= count <= 2000
