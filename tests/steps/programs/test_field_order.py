"""Fields of lines: in the order that GNU sort gives them, for any options."""

import os
import subprocess
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold_steps.programs.field_order import InvalidOptions, comparison, parse, part

NUMBER = st.sampled_from(
    [b"", b"0", b"-0", b"7", b"007", b"-7", b"10", b" 9", b"9.5", b"9.50", b".5", b"-.5", b"5.", b"1e3"]
)
FIELD = st.one_of(NUMBER, st.binary(max_size=4).map(lambda data: data.replace(b"\n", b"").replace(b".", b"")))
LINES = st.lists(st.lists(FIELD, max_size=4).map(b":".join), max_size=12)
FLAGS = st.sampled_from(["", "n", "r", "nr"])
PLACE = st.one_of(st.integers(1, 4).map(str), st.builds("{}.{}".format, st.integers(1, 4), st.integers(1, 3)))
KEY = st.one_of(
    st.builds("-k{}{}".format, PLACE, FLAGS),
    st.builds("-k{},{}{}".format, PLACE, PLACE, FLAGS),
    st.sampled_from(["-n", "-r", "-nr"]),
)
OPTIONS = st.lists(KEY, min_size=1, max_size=3).map(" ".join)


@pytest.mark.thorough
@given(LINES, OPTIONS)
@settings(max_examples=200, deadline=None)  # each is a process
def test_lines_come_as_from_gnu_sort(lines, options):
    order = comparison(parse(options), b":")
    data = b"".join(line + b"\n" for line in lines)
    environment = {**os.environ, "LC_ALL": "C"}
    command = ["sort", "-s", "-t:", *options.split()]
    expected = subprocess.run(command, input=data, capture_output=True, check=True, env=environment).stdout
    assert b"".join(line + b"\n" for line in sorted(lines, key=order)) == expected


@given(st.lists(st.binary(max_size=5), max_size=10))
def test_without_options_bytes_are_compared(keys):
    assert sorted(keys, key=comparison(parse(""), b"\t")) == sorted(keys)


@given(st.lists(st.lists(st.binary(max_size=3), min_size=2, max_size=2).map(tuple), max_size=10))
def test_what_follows_on_a_comparison_doesn_t_touch_it(pairs):
    text, backwards = comparison(parse(""), b"\t"), comparison(parse("-r"), b"\t")
    assert sorted(pairs, key=lambda pair: text(pair[0]) + pair[1]) == sorted(pairs)
    expected = sorted(sorted(pairs, key=lambda pair: pair[1]), key=lambda pair: pair[0], reverse=True)
    found = sorted(pairs, key=lambda pair: backwards(pair[0]) + pair[1])
    assert [pair[0] for pair in found] == [pair[0] for pair in expected]
    for before, after in pairwise(found):
        assert before[0] != after[0] or before[1] <= after[1]


@given(
    st.lists(st.text("ab", max_size=2).map(str.encode), min_size=1, max_size=5), st.integers(1, 6), st.integers(0, 5)
)
def test_a_part_is_fields_joined(fields, start, more):
    (key,) = parse(f"-k{start},{start + more}")
    assert part(key, b"::")(b"::".join(fields)) == b"::".join(fields[start - 1 : start + more])


@pytest.mark.parametrize(
    "options", ["-k0", "-k1.0", "-k1,0", "-k", "-kx", "-g", "-k1b", "k1", "-k1 -z", "-k1,2x", "-nk1"]
)
def test_options_that_aren_t_known_are_told(options):
    with pytest.raises(InvalidOptions, match=r"counted from 1|supported are -k FIELD"):
        parse(options)
