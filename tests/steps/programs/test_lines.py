"""LineCollector by key: order, keys and bytes as they came."""

from collections import defaultdict
from itertools import groupby
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_steps.job.spec import FieldOrder, Program
from fanfold_steps.programs import collector
from fanfold_steps.programs.collector import LineCollector, NotALine, in_blocks, pairs
from fanfold_steps.programs.line_keys import joined, keyed_by
from fanfold_steps.sorting import keys

LINE = st.one_of(st.binary(max_size=6), st.sampled_from([b"a\t1", b"a\t2", b"a", b"", b"\t", b"b\t\t1"]))
LINES = st.builds(
    lambda lines, times: [line.replace(b"\n", b"") + b"\n" for line in lines] * times,
    st.lists(LINE, max_size=20),
    st.integers(1, 5),  # lines that come again are counted, if each key has one alone
)


def key_of(line, fields):
    return b"\t".join(line.removesuffix(b"\n").split(b"\t")[:fields])


@given(st.lists(LINES), st.integers(1, 3))
def test_a_key_has_its_lines_in_the_order_in_which_they_came(blocks, fields):
    lines = LineCollector(keyed_by(Program("cat", key_fields=fields), None, 1))
    expected: defaultdict[bytes, bytes] = defaultdict(bytes)
    for block in blocks:
        lines.take(b"".join(block))
        for line in block:
            expected[key_of(line, fields)] += line
    items = sorted(lines.items(), key=itemgetter(0))
    found = {keys.decode(key): b"".join(data for _, data in group) for key, group in groupby(items, itemgetter(0))}
    assert found == expected


@given(LINES)
def test_sorted_keys_have_byte_order(block):
    lines = LineCollector()
    lines.take(b"".join(block))
    found = sorted(lines.items(), key=itemgetter(0))
    assert b"".join(data for _, data in found) == b"".join(sorted(block, key=lambda line: key_of(line, 1)))


def test_many_lines_of_a_key_are_carried_in_pieces(monkeypatch):
    monkeypatch.setattr(collector, "PIECE_BYTES", 10)
    lines = LineCollector()
    lines.take(b"k\t1\n" * 6)
    found = list(lines.items())
    assert b"".join(data for _, data in found) == b"k\t1\n" * 6
    assert max(len(data) for _, data in found) == 10


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 3))
def test_what_travels_is_linear_in_a_long_key(length, value, times):
    """A line without a tab is its own key, and each piece has the key along."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collector, "PIECE_BYTES", 8)
        lines = LineCollector()
        for _ in range(times):
            lines.take(b"k" * length + b"\n" + b"l" * length + b"\t" + b"v" * value + b"\n")
        found = list(lines.items())
    size = sum(len(data) for _, data in found)
    assert size == times * (3 + 2 * length + value)
    assert sum(len(key) for key, _ in found) <= size + 4 * (length + 1)


def test_a_combiner_sees_all_lines_sorted_and_may_change_keys():
    seen = []

    def combine(blocks):
        seen.append(b"".join(blocks))
        yield b"z\t2\na\t1\n"

    lines = LineCollector(combine=combine)
    lines.take(b"b\t1\na\t1\n")
    lines.take(b"b\t2\n")
    assert sorted(lines.items()) == [(keys.encode(b"a"), b"a\t1\n"), (keys.encode(b"z"), b"z\t2\n")]
    assert seen == [b"a\t1\nb\t1\nb\t2\n"]


def test_a_function_s_pairs_become_lines():
    lines = LineCollector()
    assert not list(lines.fold(lambda record: [(record, 1), (b"\xff", None)], iter(["a", "b"])))
    items = [(b"a", b"a\t1\n"), (b"b", b"b\t1\n"), (b"\xff", b"\xff\tNone\n"), (b"\xff", b"\xff\tNone\n")]
    assert sorted(lines.items()) == [(keys.encode(key), line) for key, line in items]


@pytest.mark.parametrize("pair", [("a\nb", 1), ("a", "1\n")])
def test_a_pair_with_a_line_s_end_in_it_is_no_line(pair):
    with pytest.raises(NotALine, match="one line"):
        list(LineCollector().fold(lambda record: [pair], iter(["x"])))


@given(LINES, st.integers(1, 2))
def test_lines_as_pairs(block, fields):
    found = pairs(b"".join(block), fields)
    assert [key.encode("utf-8", "surrogateescape") for key, _ in found] == [key_of(line, fields) for line in block]
    joined = [f"{key}\t{value}".rstrip("\t") for key, value in found]
    plain = [line.decode("utf-8", "surrogateescape").removesuffix("\n").rstrip("\t") for line in block]
    assert joined == plain


def test_pieces_are_put_together():
    assert list(in_blocks([b"a", b"bc", b"d", b"e"], 3)) == [b"abc", b"de"]


SEPARATED = st.lists(
    st.lists(st.binary(max_size=3), max_size=4).map(lambda fields: b".".join(fields).replace(b"\n", b"")), max_size=8
)


@given(SEPARATED, st.integers(1, 3), st.sampled_from([b".", b"\t", b"::"]))
def test_key_and_value_are_joined_anew(lines, fields, joint):
    program = Program("cat", key_fields=fields, separator=".", joint=joint.decode())
    found, travelling = keyed_by(program, None, 1)(list(lines))
    split = [line.split(b".", fields) for line in lines]
    expected = [b".".join(parts[:fields]) + (joint + parts[fields] if len(parts) > fields else b"") for parts in split]
    assert travelling == expected
    assert found == [keys.encode(b".".join(parts[:fields])) for parts in split]
    block = b"".join(line + b"\n" for line in lines)
    assert b"".join(joined(program, [block])) == b"".join(line + b"\n" for line in expected)


@given(LINES, st.integers(1, 4))
def test_partitioned_by_fields_lines_of_one_field_stay_together(block, partitions):
    order = FieldOrder(sort="-k1,1nr", partition="-k1,1")
    lines = LineCollector(keyed_by(Program("cat", key_fields=2), order, partitions))
    lines.take(b"".join(block))
    found = list(lines.items())
    written = [line for _, data in found for line in data.split(b"\n")[:-1]]
    assert sorted(written) == sorted(line.removesuffix(b"\n") for line in block)
    places: dict[bytes, bytes] = {}
    for key, data in found:
        for line in data.split(b"\n")[:-1]:
            assert places.setdefault(line.partition(b"\t")[0], key[1:5]) == key[1:5] < partitions.to_bytes(4, "big")


@given(LINES)
def test_by_line_the_lines_of_a_key_are_sorted_with_their_ends(block):
    lines = LineCollector(keyed_by(None, FieldOrder(by_line=True), 1))
    lines.take(b"".join(block))
    expected = sorted(block, key=lambda line: (key_of(line, 1), line[len(key_of(line, 1)) :]))
    assert b"".join(data for _, data in sorted(lines.items(), key=itemgetter(0))) == b"".join(expected)
