"""`program(...)` in a Job and in a JobSpec: what is accepted, refused, and shipped."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fanfold import CSV, Input, InvalidJob, Job, Stage, Sum, Text, program
from fanfold.resolve import resolve
from fanfold.rules.spec import InvalidSpec, json_schema, parse, to_json
from fanfold_steps.job.spec import Program
from fanfold_steps.programs.command import InvalidCommand
from tests.steps.conftest import count_words, parse_counts

EXAMPLE = Path(__file__).parents[3] / "examples" / "streaming" / "wordcount.py"
CAT = {"program": "cat"}
TEXTS = {f"{n}.txt": b"some words here\tand here\nno end" * 400 for n in range(3)}


def words(line):
    yield line, 1


def total(key, values):
    yield key, len(list(values))


def test_a_program_s_spec_has_its_command_line_and_no_code():
    mapper = program("awk '{ print }'", environment={"LANG": "C"}, key_fields=2)
    spec = Job(map=mapper, combine=program("uniq"), reduce=program("./count.pl")).spec()
    assert spec.stages[0].map == Program("awk '{ print }'", {"LANG": "C"}, 2)
    assert parse(json.loads(to_json(spec))) == spec
    assert "Program" in json.dumps(json_schema())


@pytest.mark.parametrize(
    "parts",
    [
        {"combine": program("cat"), "reduce": total},
        {"combine": total, "reduce": program("cat")},
        {"reduce": Sum(), "combine": program("cat")},
        {"combine": program("cat")},
        {"input": CSV(), "reduce": program("cat")},
        {"input": Text(encoding="latin-1"), "reduce": total},
        {"inputs": {"a": Input(map=words), "b": Input(CSV())}},
    ],
)
def test_parts_that_don_t_go_together_are_refused(parts):
    with pytest.raises((InvalidJob, InvalidCommand)):
        Job(map=program("cat"), **parts)


@pytest.mark.parametrize(
    "parts",
    [
        {"stages": [Stage(map=words, reduce=total, order="total")], "inputs": {"a": Input(map=program("cat"))}},
        {"stages": [{"map": CAT, "reduce": {"function": "a:b"}, "order": "total"}]},
        {"stages": [{"reduce": CAT, "order": "total"}]},
        {"stages": [{"map": CAT, "reduce": CAT, "sort_values": True}]},
        {"stages": [{"reduce": {"function": "a:b"}, "order": "total"}], "inputs": {"a": {"map": CAT}}},
    ],
)
def test_orders_that_programs_can_t_keep_are_refused(parts):
    with pytest.raises((InvalidJob, InvalidSpec), match=r"order|values"):
        Job(**parts) if isinstance(parts["stages"][0], Stage) else parse(parts)
    with pytest.raises(InvalidJob, match="order"):
        Stage(map=program("cat"), reduce=total, order="total")


def test_functions_and_programs_may_follow_one_another():
    stages = [Stage(map=words, reduce=program("cat")), Stage(map=program("cat"), reduce=total)]
    assert len(Job(stages=stages, input=CSV()).spec().stages) == 2


@pytest.mark.parametrize(
    "written",
    [
        lambda: program(""),
        lambda: program("cut -f1 | sort"),
        lambda: program("cat", key_fields=0),
        lambda: program("cat", key_fields="2"),  # type: ignore[arg-type]
        lambda: program(["cat"]),  # type: ignore[arg-type]
        lambda: program("cat", environment={"A B": "1"}),
        lambda: program("cat", environment={"A": "\ud800"}),
        lambda: program("cat", environment={"A": 1}),  # type: ignore[dict-item]
    ],
)
def test_programs_that_can_t_be_started_are_refused_where_they_are_written(written):
    with pytest.raises(InvalidCommand):
        written()


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (
            {"stages": [{"map": {"program": "a | b"}}]},
            "stages.0.map: `a | b` is run without a shell",
        ),
        (
            {"stages": [{"map": {"program": "a"}, "reduce": {"program": "'"}}]},
            "stages.0.reduce: `'` isn't a command",
        ),
        ({"stages": [{"map": {"program": "a", "key_fields": 0}}]}, "stages.0.map: a key has at least one field"),
        (
            {"stages": [{"map": CAT, "reduce": CAT, "combine": {"function": "a:b"}}]},
            "stages.0.combine: combiner and",
        ),
        ({"stages": [{"map": CAT}], "input": {"format": "csv"}}, "input: a program reads unchanged lines"),
        (
            {"stages": [{"map": CAT}], "inputs": {"a": {"format": {"format": "jsonl"}}}},
            "inputs.a: a program reads",
        ),
        (
            {"stages": [{"reduce": CAT}], "inputs": {"a": {"map": {"program": " "}}}},
            "inputs.a.map: the command",
        ),
        ({"stages": [{"map": {"program": "a", "shell": True}}]}, "a JobSpec: stages.0.map.shell: Unexpected keyword"),
        ({"stages": [{"map": {"program": 7}}]}, "a JobSpec: stages.0.map.program: Input should be a valid string"),
        ({"stages": [{"map": {"program": "a", "environment": {"A": 1}}}]}, "stages.0.map.environment.A: Input should"),
        ({"stages": [{"combine": {"programme": "a"}}]}, "write {'function': 'module:name'} or {'program': 'command"),
        ({"stages": [{"reduce": {"aggregate": "Summe"}}]}, "a JobSpec: stages.0.reduce.aggregate: Input should be"),
        ({"stages": [{"reduce": [{"aggregate": "Summe"}]}]}, "a JobSpec: stages.0.reduce.0.aggregate: Input should be"),
        ({"stages": [{"reduce": {"n": {"aggregate": "Summe"}}}]}, "stages.0.reduce.n.aggregate: Input should be"),
        ({"inputs": {"a": {"map": 7}}, "stages": [{"map": CAT}]}, "a JobSpec: inputs.a.map: write {'function'"),
    ],
)
def test_a_spec_that_can_t_be_says_where(spec, problem):
    with pytest.raises(InvalidSpec) as raised:
        parse(spec)
    assert problem in str(raised.value)


def test_what_a_command_line_names_is_shipped_with_its_rights():
    compiled = resolve(str(EXAMPLE))
    assert compiled.bundle
    with zipfile.ZipFile(io.BytesIO(compiled.bundle.data)) as bundle:
        assert sorted(bundle.namelist()) == ["count.pl", "wordcount.py", "words.awk"]
        assert bundle.getinfo("count.pl").external_attr >> 16 & 0o111
    assert compiled.spec.name == "wordcount"
    assert compiled.spec.stages[0].map == Program("./words.awk")


@pytest.mark.thorough
def test_the_example_counts_words_as_a_command_and_by_its_entry(tmp_path):
    (tmp_path / "in").mkdir()
    for name, data in TEXTS.items():
        (tmp_path / "in" / name).write_bytes(data)
    options = ["--input", "in", "--output", "out", "--split-size", "4KiB", "--json"]
    done = subprocess.run([sys.executable, EXAMPLE, *options], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["records"] == len(count_words(TEXTS))
    parts = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("part-*")}
    assert parse_counts(parts) == count_words(TEXTS)
