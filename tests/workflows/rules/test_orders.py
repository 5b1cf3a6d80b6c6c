"""Partitioners, sorted values and total orders from a Job to a spec and back, and by the command."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

import fanfold
from fanfold import JSONL, Job, SortLines, Stage, Sum
from fanfold.errors import InvalidJob
from fanfold.rules import spec
from fanfold.rules.spec import InvalidSpec
from fanfold_steps.job.spec import Function, JobConf, StageSpec, conf_from_json
from tests.steps import functions

HERE = "tests.steps.functions"
ANY: Any = fanfold  # types would refuse what is wrong before it is tried
JOB = """
from fanfold import Job

def pairs(line):
    name, score = line.split()
    yield name, int(score)

def best(name, scores):
    yield name, next(scores)

def first_letter(name, parts):
    return ord(name[0]) % parts

if __name__ == "__main__":
    Job(map=pairs, reduce=best, sort_values=True, ORDER).main()
"""


def test_orders_compile_to_a_spec_that_goes_through_json():
    job = Job(map=functions.pairs, reduce=functions.listed, partition=functions.by_first_letter, sort_values=True)
    compiled = job.spec()
    mapper, reducer, partitioner = (Function(f"{HERE}:{name}") for name in ("pairs", "listed", "by_first_letter"))
    assert compiled.stages == [StageSpec(mapper, reducer, partition=partitioner, sort_values=True)]
    assert spec.parse(json.loads(spec.to_json(compiled))) == compiled
    conf = JobConf("id", compiled, ["u"], "out", 1, 1024, {"all": 1}, "0")
    assert conf_from_json(json.loads(json.dumps(conf.to_json()))) == conf
    assert Stage(reduce=Sum(), order="total").spec().order == "total"


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda: ANY.Stage(map=functions.pairs, order="total"), "order: without a reducer, nothing is partitioned"),
        (lambda: ANY.Stage(reduce=Sum(), order="sorted"), "order must be \"total\" or left out, not 'sorted'"),
        (
            lambda: ANY.Stage(reduce=Sum(), sort_values=True),
            "only a reducer that is a function receives its values in order",
        ),
        (lambda: ANY.Stage(reduce=functions.listed, sort_values=max), "sort_values must be True or False"),
        (lambda: ANY.Stage(reduce=Sum(), partition=functions.pairs), "the key and the number of partitions"),
        (lambda: ANY.Stage(reduce=Sum(), partition=3), "the partitioner must be a function, not int"),
        (
            lambda: ANY.Stage(reduce=Sum(), partition=functions.by_first_letter, order="total"),
            "a total order uses ranges of keys as partitions",
        ),
        (lambda: ANY.Job(stages=[Stage()], order="total"), "sort_values, order belong to a stage"),
    ],
)
def test_what_a_job_cannot_say(write, words):
    with pytest.raises(InvalidJob, match=words):
        write()


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ({"reduce": {"aggregate": "Sum"}, "sort_values": True}, "stages.0.sort_values: only a reducer that is"),
        ({"order": "total"}, "stages.0.order: without a reducer"),
        ({"reduce": {"aggregate": "Sum"}, "order": "sorted"}, r"stages.0.order: Input should be 'total'"),
        ({"reduce": {"aggregate": "Sum"}, "partition": {"function": "f"}}, "is written module:name"),
        (
            {"reduce": {"aggregate": "Sum"}, "partition": {"function": "m:f"}, "order": "total"},
            "stages.0.partition: a total order uses ranges",
        ),
    ],
)
def test_what_a_spec_cannot_say(stage, words):
    with pytest.raises(InvalidSpec, match=words):
        spec.parse({"stages": [stage]})


@pytest.mark.thorough
def test_the_built_in_sort_gives_what_sort_gives(tmp_path):
    lines = [bytes([number * 37 % 251, number % 256]).replace(b"\n", b"") * (number % 9) for number in range(2000)]
    (tmp_path / "a.txt").write_bytes(b"\r\n".join(lines[:1500]) + b"\n")
    (tmp_path / "b.txt").write_bytes(b"\n".join(lines[1500:]))
    command = [sys.executable, "-m", "fanfold_client", "run", "sort", "--input", "a.txt", "--input", "b.txt"]
    options = ["--output", "out", "--partitions", "3", "--split-size", "2KiB", "--memory", "64MiB", "--quiet"]
    subprocess.run([*command, *options], cwd=tmp_path, check=True, timeout=60)
    environ = {**os.environ, "LC_ALL": "C"}
    expected = subprocess.run(["sort", "a.txt", "b.txt"], cwd=tmp_path, env=environ, check=True, capture_output=True)
    parts = [path.read_bytes() for path in sorted((tmp_path / "out").glob("part-*"))]
    assert b"".join(parts) == expected.stdout
    assert all(parts)


def test_a_sort_of_lines_compiles_and_what_it_takes_is_told():
    compiled = Job(reduce=SortLines()).spec()
    assert spec.parse(json.loads(spec.to_json(compiled))) == compiled
    conf = JobConf("id", compiled, ["u"], "out", 1, 1024, {"all": 1}, "0")
    assert conf_from_json(json.loads(json.dumps(conf.to_json()))) == conf
    with pytest.raises(InvalidJob, match=r"map: SortLines\(\) sorts whole lines"):
        ANY.Job(map=functions.pairs, reduce=SortLines())
    with pytest.raises(InvalidJob, match=r"single input, and reads and writes Text\(\)"):
        Job(reduce=SortLines(), input=JSONL()).spec()
    with pytest.raises(InvalidSpec, match=r"SortLines\(\) must be the only stage"):
        spec.parse({"stages": [{"reduce": {"sort": "lines"}}, {}]})


@pytest.mark.thorough
@pytest.mark.parametrize("order", ['order="total"', "partition=first_letter"])
def test_a_script_gives_each_name_its_least_score(tmp_path, order):
    (tmp_path / "job.py").write_text(JOB.replace("ORDER", order))
    lines = [f"{chr(ord('a') + number % 26)}{number % 71} {number * 37 % 1009}" for number in range(3000)]
    (tmp_path / "in.txt").write_text("\n".join(lines))
    command = [sys.executable, "job.py", "--input", "in.txt", "--output", "out", "--partitions", "3", "--quiet"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    parts = [path.read_text().splitlines() for path in sorted((tmp_path / "out").glob("part-*"))]
    least: dict[str, int] = {}
    for name, score in map(str.split, lines):
        least[name] = min(int(score), least.get(name, 2000))
    expected = sorted(f"{name}\t{score}" for name, score in least.items())
    if "total" in order:
        assert [line for part in parts for line in part] == expected
    else:
        assert parts == [[line for line in expected if ord(line[0]) % 3 == number] for number in range(3)]
