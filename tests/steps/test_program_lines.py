"""Lines by key: order, keys and bytes as they came."""

from collections import defaultdict
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_steps import keys
from fanfold_steps.programs import grouping
from fanfold_steps.programs.grouping import Lines, NotALine, pairs, together

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
    lines = Lines(fields)
    expected: defaultdict[bytes, bytes] = defaultdict(bytes)
    for block in blocks:
        lines.take(b"".join(block))
        for line in block:
            expected[key_of(line, fields)] += line
    found = {
        keys.decode(key): b"".join(data for _, data in group) for key, group in groupby(lines.items(), lambda i: i[0])
    }
    assert found == expected


@given(LINES)
def test_sorted_keys_have_byte_order(block):
    lines = Lines()
    lines.take(b"".join(block))
    found = sorted(lines.items(), key=lambda item: item[0])
    assert b"".join(data for _, data in found) == b"".join(sorted(block, key=lambda line: key_of(line, 1)))


def test_many_lines_of_a_key_are_carried_in_pieces(monkeypatch):
    monkeypatch.setattr(grouping, "PIECE_BYTES", 10)
    lines = Lines()
    lines.take(b"k\t1\n" * 6)
    assert [data for _, data in lines.items()] == [b"k\t1\nk\t1\nk\t", b"1\nk\t1\nk\t1\n", b"k\t1\n"]


def test_a_combiner_sees_all_lines_sorted_and_may_change_keys():
    seen = []

    def combine(blocks):
        seen.append(b"".join(blocks))
        yield b"z\t2\na\t1\n"

    lines = Lines(combine=combine)
    lines.take(b"b\t1\na\t1\n")
    lines.take(b"b\t2\n")
    assert sorted(lines.items()) == [(keys.encode(b"a"), b"a\t1\n"), (keys.encode(b"z"), b"z\t2\n")]
    assert seen == [b"a\t1\nb\t1\nb\t2\n"]


def test_a_function_s_pairs_become_lines():
    lines = Lines()
    lines.fold(lambda record: [(record, 1), (b"\xff", None)], iter(["a", "b"]))
    assert dict(lines.items()) == {
        keys.encode(b"a"): b"a\t1\n",
        keys.encode(b"b"): b"b\t1\n",
        keys.encode(b"\xff"): b"\xff\tNone\n" * 2,
    }


@pytest.mark.parametrize("pair", [("a\nb", 1), ("a", "1\n")])
def test_a_pair_with_a_line_s_end_in_it_is_no_line(pair):
    with pytest.raises(NotALine, match="one line"):
        Lines().fold(lambda record: [pair], iter(["x"]))


@given(LINES, st.integers(1, 2))
def test_lines_as_pairs(block, fields):
    found = pairs(b"".join(block), fields)
    assert [key.encode("utf-8", "surrogateescape") for key, _ in found] == [key_of(line, fields) for line in block]
    joined = [f"{key}\t{value}".rstrip("\t") for key, value in found]
    plain = [line.decode("utf-8", "surrogateescape").removesuffix("\n").rstrip("\t") for line in block]
    assert joined == plain


def test_pieces_are_put_together():
    assert list(together([b"a", b"bc", b"d", b"e"], 3)) == [b"abc", b"de"]
