"""Hadoop's settings: each name of Hadoop's, old or new, is followed, without effect by definition, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold.authoring.hadoop import names
from fanfold.authoring.hadoop.settings import Settings, unescaped
from fanfold.errors import InvalidJob
from fanfold_steps.job.formats import Delimited, Text
from fanfold_steps.job.spec import FieldOrder

ALL = sorted({*names.FOLLOWED, *names.ONLY, *names.REFUSED, *names.WITHOUT_EFFECT, *names.NEW_NAMES})
WORD = st.text("abcdefgh", min_size=1, max_size=8)


def outcome(name, value="some value"):
    try:
        Settings({name: value})
    except InvalidJob as refused:
        return str(refused)
    return None


@given(st.sampled_from(ALL), WORD)
def test_no_name_of_hadoop_s_is_dropped_without_a_word(name, word):
    told = outcome(f"{name}{word}" if name.endswith(".") else name, word)
    new = names.NEW_NAMES.get(name, name)
    if new in names.FOLLOWED:
        assert told is None
    elif new in names.ONLY:
        assert told is not None and new in told and names.ONLY[new][1] in told
    else:
        listed = [
            one
            for one in (*names.REFUSED, *names.WITHOUT_EFFECT)
            if new == one or (one[-1] == "." and new.startswith(one))
        ]
        assert listed, f"{name} is in no list"
        assert (told is None) == (max(listed, key=len) in names.WITHOUT_EFFECT)


@given(st.sampled_from(names.PREFIXES), WORD, WORD)
def test_other_names_that_begin_like_hadoop_s_are_refused_or_without_effect(begin, one, two):
    told = outcome(f"{begin}{one}.{two}")
    covered = any(begin == listed for listed in names.WITHOUT_EFFECT)
    assert (told is None) == covered


@given(WORD, WORD)
def test_names_of_one_s_own_are_variables_alone(one, two):
    assert outcome(f"{one}.{two}") is None or f"{one}.".startswith(names.PREFIXES)


def test_the_lists_have_nothing_in_common():
    lists = (names.FOLLOWED, names.ONLY.keys(), names.REFUSED.keys(), names.WITHOUT_EFFECT)
    found = [name for one in lists for name in one]
    assert len(found) == len(set(found))
    assert not names.NEW_NAMES.keys() & set(found)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in names.ONLY for value in names.ONLY[name][0]])
def test_some_settings_are_taken_with_some_values(name, value):
    assert outcome(name, value) is None


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        ({"mapred.reduce.tasks": "3"}, "partitions", 3),
        ({"mapred.job.name": "n"}, "name", "n"),
        ({"stream.map.output.field.separator": "\\t"}, "map_separator", "\t"),
        ({"stream.reduce.input.field.separator": "|"}, "reduce_input_separator", "|"),
        ({"stream.num.reduce.output.key.fields": "2"}, "reduce_fields", 2),
        ({"mapred.textoutputformat.separator": "\\x01"}, "output_separator", "\x01"),
        ({"num.key.fields.for.partition": "2"}, "order", FieldOrder("", "-k1,2")),
        (
            {"mapred.text.key.comparator.options": "-k2,2nr", "map.output.key.field.separator": "."},
            "order",
            FieldOrder("-k2,2nr", "", "."),
        ),
        ({"mapred.partitioner.class": "org.apache.hadoop.mapred.lib.HashPartitioner"}, "order", None),
        ({"textinputformat.record.delimiter": "\\n\\n"}, "input_format", Delimited("\n\n")),
        ({"textinputformat.record.delimiter": "\n"}, "input_format", Text()),
        ({"mapred.input.format.class": "org.apache.hadoop.mapred.lib.NLineInputFormat"}, "lines_per_map", 1),
        ({"mapred.input.format.class": "NLineInputFormat"}, "numbered", True),
        ({"mapred.input.format.class": "NLineInputFormat", "stream.map.input.ignoreKey": "true"}, "numbered", False),
        ({"stream.map.input.ignoreKey": "false"}, "numbered", True),
        ({}, "numbered", False),
        ({"mapred.output.compress": "true", "mapred.output.compression.codec": "x.BZip2Codec"}, "compress", "bz2"),
    ],
)
def test_what_is_followed(settings, field, value):
    assert getattr(Settings(settings), field) == value


@pytest.mark.parametrize(
    ("name", "field", "least"),
    [
        ("mapreduce.job.reduces", "partitions", 0),
        ("stream.num.map.output.key.fields", "map_fields", 1),
        ("stream.num.reduce.output.key.fields", "reduce_fields", 1),
        ("num.key.fields.for.partition", "order", 1),
    ],
)
@pytest.mark.parametrize("value", ["", "-1", "1.5", "x", "\u0663"])
def test_a_number_has_a_least_value(name, field, least, value):
    assert getattr(Settings({name: str(least)}), field) is not None
    for wrong in (value, str(least - 1)):
        with pytest.raises(InvalidJob, match=f"{name} must be a number, {least} or greater"):
            _ = getattr(Settings({name: wrong}), field)


def test_lines_per_map_are_at_least_one():
    lines = {"mapreduce.job.inputformat.class": "NLineInputFormat"}
    for text, count in (("1", 1), ("7", 7)):
        assert Settings({**lines, "mapreduce.input.lineinputformat.linespermap": text}).lines_per_map == count
    with pytest.raises(InvalidJob, match="must be a number, 1 or greater, not '0'"):
        _ = Settings({**lines, "mapreduce.input.lineinputformat.linespermap": "0"}).lines_per_map
    with pytest.raises(InvalidJob, match="lines per map are for NLineInputFormat"):
        _ = Settings({"mapreduce.input.lineinputformat.linespermap": "1"}).lines_per_map


def test_without_settings_keys_are_one_field_before_a_tab():
    plain = Settings({})
    assert (plain.map_fields, plain.reduce_fields, plain.partitions, plain.order) == (1, None, None, None)
    assert (plain.map_separator, plain.reduce_input_separator, plain.output_separator) == ("\t", "\t", "\t")
    assert (plain.reduce_separator, plain.compress, plain.lines_per_map, plain.name) == (None, None, None, None)


@given(st.text())
def test_a_value_without_backslashes_is_itself(text):
    assert unescaped(text.replace("\\", "/")) == text.replace("\\", "/")
