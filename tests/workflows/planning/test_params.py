"""Parameters and side files, through the command: checked before anything is written, and there in the workers."""

import json
import sys
from typing import Any

import pytest
from pydantic import BaseModel

from fanfold import InvalidJob, Job, Sum
from fanfold.errors import Refused
from fanfold.planning.params import from_options
from fanfold.resolve import resolve
from fanfold.rules.spec import InvalidSpec, parse
from tests.workflows.commands import RUN, run_in

pytestmark = pytest.mark.thorough

JOB = """
from pydantic import BaseModel, Field
from fanfold import Job, Sum

class Params(BaseModel):
    least: int = Field(ge=1)
    ends: list[str] = []
    upper: bool = False

def words(line, ctx):
    stop = ctx.file("stop").read_text().split()
    for word in line.split():
        if len(word) >= ctx.params.least and word not in stop and word.endswith(tuple(ctx.params.ends) or ""):
            yield word.upper() if ctx.params.upper else word, 1

def total(key, values, *, ctx):
    assert ctx.params.least == 3
    yield f"{key} {sum(values)}"

job = Job(map=words, reduce=total, params=Params, files={"stop": "lists/stop.txt"})
if __name__ == "__main__":
    job.main()
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in.txt").write_text("one two three\nthree four to\n")
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "stop.txt").write_text("two\n")
    return tmp_path


def run(folder, *arguments, command=(*RUN, "job.py")):
    return run_in(folder, *command, "--input", "in.txt", "--output", "out", *arguments)


@pytest.mark.parametrize("command", [[*RUN, "job.py"], [sys.executable, "job.py"]])
def test_workers_have_parameters_and_side_files(folder, command):
    done = run(folder, "--param", "least=3", "--param", "ends=e", "--param", "upper=yes", command=command)
    assert done.returncode == 0, done.stderr
    assert (folder / "out" / "part-00000.txt").read_text() == "ONE 1\nTHREE 2\n"


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ([], "the parameter least is missing"),
        (["least=many"], "the parameter least: input should be a valid integer"),
        (["least=0"], "the parameter least: input should be greater than or equal to 1, not '0'"),
        (["least=3", "most=4"], "there is no parameter 'most': the job has ends, least, upper"),
        (["least=3", "least=4"], "the parameter least takes one value, but was given 2 times: give it once"),
        (["least"], "a parameter is written NAME=VALUE, not 'least'"),
        (["=3"], "a parameter is written NAME=VALUE"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_before_anything_is_written(folder, params, words):
    refused = run(folder, *(word for param in params for word in ("--param", param)))
    assert refused.returncode == 3
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (folder / "out").exists()


def test_a_field_of_several_values_takes_one_or_more(folder):
    compiled = resolve(str(folder / "job.py"))
    assert compiled.with_params(["least=3", "ends=a"]).params == {"least": "3", "ends": ["a"]}
    assert compiled.with_params(["least=3", "ends=a", "ends=b=c"]).params == {"least": "3", "ends": ["a", "b=c"]}


class Several(BaseModel):
    words: list[str] | None = None
    any: Any = None


def test_a_field_may_take_several_values_or_none():
    assert from_options(Several, ["words=a"]) == {"words": ["a"]}
    assert from_options(Several, ["any=a", "any=b"]) == {"any": ["a", "b"]}


def test_a_job_without_parameters_takes_none(folder):
    with pytest.raises(Refused, match="this job takes no parameters, but 'n' was given"):
        from_options(None, ["n=1"])
    refused = run(folder, "--param", "n=1", command=[*RUN, "wordcount"])
    assert (refused.returncode, (folder / "out").exists()) == (3, False)


def test_other_parameters_make_another_job(folder):
    first = run(folder, "--param", "least=3", "--keep")
    assert first.returncode == 0, first.stderr
    conf = json.loads((folder / "out" / "_job" / "job.json").read_text())
    assert conf["params"] == {"least": "3"}
    assert conf["spec"]["files"] == {"stop": "lists/stop.txt"}


def test_a_side_file_that_is_missing_is_refused(folder):
    (folder / "lists" / "stop.txt").unlink()
    refused = run(folder, "--param", "least=3")
    assert refused.returncode == 3
    assert "lists/stop.txt belongs to the job, but can't be read: No such file" in refused.stderr


def test_a_side_file_may_come_from_elsewhere(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "none.txt"
    elsewhere.write_text("three\n")
    (folder / "job.py").write_text(JOB.replace("lists/stop.txt", str(elsewhere)))
    done = run(folder, "--param", "least=3", "--keep")
    assert done.returncode == 0, done.stderr
    assert (folder / "out" / "part-00000.txt").read_text() == "four 1\none 1\ntwo 1\n"
    conf = json.loads((folder / "out" / "_job" / "job.json").read_text())
    assert conf["spec"]["files"] == {"stop": "_files/stop/none.txt"}


def test_asking_for_what_the_job_does_not_have(folder):
    for asked, words in [
        ("ctx.params", "this job has no parameters"),
        ('ctx.file("x")', "no side file 'x' (it has none)"),
    ]:
        (folder / "asks.py").write_text(
            f"from fanfold import Job, Sum\ndef f(line, ctx):\n    yield {asked}, 1\njob = Job(map=f, reduce=Sum())\n"
        )
        failed = run(folder, command=[*RUN, "asks.py"])
        assert failed.returncode == 1
        assert words in failed.stderr
        assert "in f" in failed.stderr


def test_what_a_job_may_not_declare():
    with pytest.raises(InvalidJob, match="params must be a pydantic model"):
        Job(map=str.split, reduce=Sum(), params=int)
    for files in ({"a/b": "x"}, {"": "x"}, {"a": ""}, {"a": 7}):
        with pytest.raises(InvalidJob, match="side file"):
            Job(map=str.split, reduce=Sum(), files=files)  # type: ignore[arg-type]


STAGES = [{"map": {"function": "m:f"}, "reduce": {"aggregate": "Sum"}}]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"files": {"a": "a.txt"}}, "the spec names no bundle"),
        ({"files": {"a": "../a.txt"}, "bundle": "ab" * 32}, "must lie inside the bundle, like"),
        ({"files": {"a": "/etc/passwd"}, "bundle": "ab" * 32}, "must lie inside the bundle, like"),
        ({"files": {"a b": "a.txt"}, "bundle": "ab" * 32}, "a side file's name consists of letters"),
        ({"params": {"function": "Params"}}, "module:name"),
    ],
)
def test_what_a_spec_may_not_declare(fields, words):
    with pytest.raises(InvalidSpec, match=words):
        parse({"stages": STAGES, **fields})
