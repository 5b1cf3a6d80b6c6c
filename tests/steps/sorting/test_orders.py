"""Orders: of keys in a part and across parts, of the values of a key, and who decides which part a key goes to."""

import pickle
import random
import re
import tempfile
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.job.spec import Aggregate, StageSpec
from fanfold_steps.memory.budget import Budget
from fanfold_steps.sorting import keys
from fanfold_steps.sorting.partitions import boundaries_of, by_ranges
from fanfold_steps.stage.total_order import find_boundaries
from fanfold_steps.worker import loop as worker
from fanfold_steps.worker.loop import Worker
from tests.steps.conftest import SmallJob, function, run
from tests.steps.sorting.test_key_types import KEYS as LIBRARY_KEYS
from tests.steps.sorting.test_key_types import Pair, spelling

pytestmark = pytest.mark.thorough

SUM = Aggregate("Sum")
ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(),
    st.floats(allow_nan=False),
    st.floats(-2, 2, allow_nan=False).map(lambda number: round(number * 2) / 2),
    st.text(st.sampled_from("a\x00\udc80é\U0001f600")),
    st.binary(max_size=3),
)
KEYS = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=4)
PAIRS = st.lists(st.tuples(KEYS, ATOMS), max_size=40)


def run_pairs(stage, pairs, **how):
    with tempfile.TemporaryDirectory() as folder:
        job = SmallJob(Path(folder))
        job.write_input({"a.txt": "\n".join(pickle.dumps(pair).hex() for pair in pairs).encode()})
        parts = run(job, stage, **how)
    return [[eval(line, {"inf": float("inf")}) for line in part.decode().splitlines()] for part in parts.values()]


def place(key):
    """Python's own order, with types that it doesn't compare brought into ours."""
    if key is None:
        return (0,)
    if isinstance(key, tuple):
        return 4, [place(part) for part in key]
    return 2 if isinstance(key, str) else 3 if isinstance(key, bytes) else 1, key


def grouped(pairs):
    groups: dict = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


@given(PAIRS, st.integers(1, 4), st.sampled_from([1024, 1 << 20]))
@settings(max_examples=25, deadline=None)
def test_keys_of_every_type_are_grouped_and_sorted_as_python_does(pairs, partitions, split_size):
    stage = StageSpec(function("unpickled"), function("listed"))
    parts = run_pairs(stage, pairs, partitions=partitions, split_size=split_size)
    expected = grouped(pairs)
    assert sorted(map(repr, (group for part in parts for group in part))) == sorted(map(repr, expected.items()))
    for part in parts:
        assert [key for key, _ in part] == sorted((key for key, _ in part), key=place)


@given(PAIRS, st.integers(1, 9))
@settings(max_examples=25, deadline=None)
def test_a_total_order_goes_across_the_parts(pairs, partitions):
    stage = StageSpec(function("unpickled"), function("listed"), order="total")
    parts = run_pairs(stage, pairs, partitions=partitions)
    assert len(parts) == partitions
    groups = [group for part in parts for group in part]
    assert [key for key, _ in groups] == sorted(grouped(pairs), key=place)
    assert repr(groups) == repr([(key, grouped(pairs)[key]) for key, _ in groups])


@given(PAIRS, st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_sorted_values_arrive_in_order_equal_ones_as_they_came(pairs, partitions):
    stage = StageSpec(function("unpickled"), function("listed"), sort_values=True)
    parts = run_pairs(stage, pairs, partitions=partitions, split_size=1024)
    found = {key: values for part in parts for key, values in part}
    assert found.keys() == grouped(pairs).keys()
    for key, values in grouped(pairs).items():
        assert repr(found[key]) == repr(sorted(values, key=place))
    assert sorted(map(repr, found)) == sorted(map(repr, grouped(pairs)))  # as the first in input order is written


@pytest.mark.parametrize("order", [{"order": "total"}, {"sort_values": True}, {"partition": function("by_spelling")}])
def test_the_bytes_are_the_same_whatever_the_cuts_the_workers_and_the_memory(tmp_path, monkeypatch, order):
    chance = random.Random(4)
    some = [1, 1.0, True, 0.5, None, "k", b"k", (1.0, "k"), (1, "k"), *range(50)]
    pairs = [(chance.choice(some), chance.choice([3, 3.0, "v", 0.25])) for _ in range(700)]
    lines = "\n".join(pickle.dumps(pair).hex() for pair in pairs).encode()
    found = set()
    stage = StageSpec(function("unpickled"), function("listed"), **order)
    for number, (workers, split_size, share) in enumerate(product((1, 2, 4), (1024, 64 << 20), (8192, 64 << 20))):
        monkeypatch.setattr(worker, "budget_of", lambda conf, share=share: Budget(share))
        job = SmallJob(tmp_path / str(number))
        job.write_input({"a.txt": lines})
        found.add(tuple(run(job, stage, workers=workers, split_size=split_size, partitions=3).items()))
    assert len(found) == 1


TYPED = st.one_of(KEYS, LIBRARY_KEYS)


@given(st.lists(st.tuples(TYPED, TYPED), max_size=25), st.integers(1, 3), st.booleans())
@settings(max_examples=25, deadline=None)
def test_keys_arrive_in_their_types_whatever_the_cuts_and_the_order_of_the_values(pairs, partitions, sort_values):
    """Named tuples, Decimals and members of an Enum, too; of equal keys the first in input order is shown."""
    stage = StageSpec(function("unpickled"), function("key_pickled"), sort_values=sort_values)
    with tempfile.TemporaryDirectory() as folder:
        job = SmallJob(Path(folder))
        job.write_input({"a.txt": "\n".join(pickle.dumps(pair).hex() for pair in pairs).encode()})
        parts = run(job, stage, partitions=partitions, split_size=1024)
    found = [pickle.loads(bytes.fromhex(line)) for part in parts.values() for line in part.decode().split()]
    first: dict[bytes, object] = {}
    for key, _ in pairs:
        first.setdefault(bytes(keys.encode(key)), key)
    assert sorted(map(repr, map(spelling, found))) == sorted(map(repr, map(spelling, first.values())))


def test_a_partitioner_is_given_keys_in_their_types_and_held_to_one_number_for_equal_ones(small_job, tmp_path):
    visits = [Pair("a", 1), Pair("b", 2), Pair("a", 3)]
    lines = "\n".join(pickle.dumps((visit, None)).hex() for visit in visits).encode()
    small_job.write_input({"a.txt": lines})
    stage = StageSpec(function("unpickled"), Aggregate("Count"), partition=function("by_left"))
    output = run(small_job, stage)
    assert [part.count(b"\n") for part in output.values()] == [1, 2]
    other = SmallJob(tmp_path / "other")
    other.write_input({"a.txt": lines})
    other.create(replace(stage, partition=function("by_kind")))
    with pytest.raises(
        PermanentFailure, match=r"returned 1 for the key Pair\(left='a', right=1\) and 0 for \('a', 1\), which are"
    ):
        Worker(other.tree, "all", 0).run()


def test_a_function_decides_on_the_part(small_job):
    small_job.write_input({"a.txt": b"ant\nbee\ncat\nasp\n" * 200})
    output = run(small_job, StageSpec(function("key_alone"), Aggregate("Count"), partition=function("by_first_letter")))
    assert output == {"part-00000.txt": b"ant\t200\nasp\t200\ncat\t200\n", "part-00001.txt": b"bee\t200\n"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("out_of_range", r"the partitioner returned 2 for the key 'a': let it return an integer from 0 to 1"),
        ("returns_none_of_two", r"the partitioner returned None for the key 'a'"),
        ("raises_for_b", r"LookupError: no partition for b \(for the key 'b'\)"),
        ("pairs", r"the partitioner .*:pairs must take two arguments, the key and the number of partitions"),
    ],
)
def test_a_wrong_partitioner_is_told_with_the_key(small_job, name, words):
    small_job.write_input({"a.txt": b"a\nb\n"})
    small_job.create(StageSpec(function("key_alone"), Aggregate("Count"), partition=function(name)))
    with pytest.raises(PermanentFailure) as caught:
        Worker(small_job.tree, "all", 0).run()
    assert re.search(words, caught.value.message)


def test_values_that_have_no_order_are_refused_by_sort_values(small_job):
    small_job.write_input({"a.txt": b"line\n"})
    small_job.create(StageSpec(function("unsortable_values"), function("listed"), sort_values=True))
    with pytest.raises(PermanentFailure, match=r"a value of the key 'line' can't be sorted.*not dict"):
        Worker(small_job.tree, "all", 0).run()


def test_one_sorted_key_with_more_values_than_memory(small_job, monkeypatch):
    monkeypatch.setattr(worker, "budget_of", lambda conf: Budget(256 << 10))
    numbers = list(range(20_000))
    random.Random(6).shuffle(numbers)
    small_job.write_input({"a.txt": "".join(f"{number:06d}\n" for number in numbers).encode()})
    stage = StageSpec(function("same_key"), function("in_order"), sort_values=True)
    output = run(small_job, stage, partitions=1, split_size=1 << 20)
    assert output["part-00000.txt"] == ("k\t" + " ".join(f"{number:06d}" for number in range(20_000)) + "\n").encode()


def sizes(parts):
    return [len(part.splitlines()) for part in parts.values()]


def test_ranges_of_a_total_order_are_even_and_a_heavy_key_has_a_part_of_its_own(small_job, tmp_path):
    chance = random.Random(8)
    lines = [b"%06d" % chance.randrange(10**6) for _ in range(25_000)]
    small_job.write_input({"a.txt": b"\n".join(lines)})
    even = run(
        small_job, StageSpec(function("key_alone"), Aggregate("Count"), order="total"), partitions=5, split_size=1 << 16
    )
    assert max(sizes(even)) < 1.3 * min(sizes(even))
    heavy = SmallJob(tmp_path / "heavy")
    heavy.write_input({"a.txt": b"\n".join(line if number % 2 else b"500000" for number, line in enumerate(lines))})
    output = run(heavy, StageSpec(function("key_alone"), function("listed"), order="total"), partitions=4)
    alone = [part for part in output.values() if b"500000" in part]
    assert len(alone) == 1 and sizes({"part": alone[0]})[0] < 100


def test_long_records_and_packed_files_are_sampled_too(small_job):
    import gzip

    chance = random.Random(9)
    lines = [b"%06d" % chance.randrange(10**6) + b"x" * 100_000 for _ in range(60)]
    small_job.write_input({"a.txt": b"\n".join(lines[:40]), "b.txt.gz": gzip.compress(b"\n".join(lines[40:]))})
    output = run(
        small_job, StageSpec(function("key_alone"), Aggregate("Count"), order="total"), partitions=3, split_size=1 << 16
    )
    assert b"".join(output.values()) == b"".join(line + b"\t1\n" for line in sorted(lines))
    assert min(sizes(output)) >= 10


def test_a_later_stage_is_ordered_by_what_the_earlier_gave(small_job, tmp_path):
    chance = random.Random(10)
    lines = [b"w%d %d" % (number, chance.randrange(10**6)) for number in range(5000)]
    expected = sorted((int(count), word.decode()) for word, count in map(bytes.split, lines))
    stages = [StageSpec(function("pairs"), SUM), StageSpec(function("turned"), function("listed"), order="total")]
    found = []
    for job, split_size in ((small_job, 1024), (SmallJob(tmp_path / "other"), 1 << 20)):
        job.write_input({"a.txt": b"\n".join(lines)})
        found.append(run(job, *stages, partitions=4, split_size=split_size))
    assert found[0] == found[1]
    assert min(sizes(found[0])) > 900
    counts = [eval(line)[0] for part in found[0].values() for line in part.splitlines()]
    assert counts == sorted({count for count, _ in expected})


@given(st.dictionaries(st.binary(max_size=2), st.integers(1, 100)), st.integers(1, 12))
def test_boundaries_are_ascending_and_no_range_is_much_heavier_than_it_must_be(weights, partitions):
    boundaries = boundaries_of(weights, partitions)
    assert len(boundaries) < partitions
    assert all(low < high for low, high in pairwise(boundaries))
    ranges = [0] * partitions
    for key, weight in weights.items():
        (number,) = by_ranges(boundaries)([key])
        ranges[number] += weight
    assert max(ranges) <= 2 * (sum(weights.values()) / partitions + max(weights.values(), default=0))


def test_boundaries_that_another_worker_settled_meanwhile_count(small_job):
    def weigh(fineness):
        small_job.tree.create("stage-0/boundaries.json", {"boundaries": [b"theirs".hex()]})
        return {b"mine": 100, b"ours": 100}

    assert find_boundaries(small_job.tree, 0, 2, weigh) == [b"theirs"]
