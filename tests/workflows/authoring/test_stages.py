"""Stages and named inputs from a Job to a spec and back, and by the command."""

import gzip
import json
import subprocess
import sys
from typing import Any

import pytest

import fanfold
from fanfold import CSV, JSONL, Input, InvalidJob, Job, Stage, Sum
from fanfold.rules import spec
from fanfold_steps.job.spec import Aggregate, Function, InputSpec, JobConf, StageSpec, conf_from_json
from tests.steps import functions
from tests.workflows.commands import RUN, run_in

pytestmark = pytest.mark.thorough

HERE = "tests.steps.functions"
ANY: Any = fanfold  # types would refuse what is wrong before it is tried


def test_stages_and_inputs_compile_to_a_spec_that_goes_through_json():
    job = Job(
        stages=[Stage(reduce=functions.joined, partitions=5), Stage(map=functions.under_one_key_by_key), Stage()],
        inputs={"users": Input(CSV(), map=functions.user_rows), "orders": Input(map=functions.order_rows)},
        outputs={"rejects": JSONL(compress="zstd")},
    )
    compiled = job.spec()
    assert compiled.outputs == {"rejects": JSONL(compress="zstd")}
    assert compiled.stages == [
        StageSpec(reduce=Function(f"{HERE}:joined"), partitions=5),
        StageSpec(map=Function(f"{HERE}:under_one_key_by_key")),
        StageSpec(),
    ]
    assert compiled.inputs == {
        "users": InputSpec(CSV(), Function(f"{HERE}:user_rows")),
        "orders": InputSpec(map=Function(f"{HERE}:order_rows")),
    }
    assert spec.parse(json.loads(spec.to_json(compiled))) == compiled
    conf = JobConf("id", compiled, {"users": ["u"], "orders": ["o", "p"]}, "out", 1, 1024, {"all": 1}, "0")
    assert conf_from_json(json.loads(json.dumps(conf.to_json()))) == conf
    assert conf.input_urls == ["u", "o", "p"]
    assert compiled.name == __name__


def test_a_job_with_a_mapper_is_a_job_of_one_stage():
    whole = Job(map=functions.pairs, reduce=Sum()).spec()
    assert whole == Job(stages=[Stage(map=functions.pairs, reduce=Sum())]).spec()
    assert Job(reduce=Sum()).spec().stages == [StageSpec(reduce=Aggregate("Sum"))]


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda: ANY.Job(map=functions.pairs, stages=[Stage()]), "belong to a stage: write Stage"),
        (lambda: ANY.Job(stages=[]), "at least one Stage"),
        (lambda: ANY.Job(stages=Stage()), "a list of at least one Stage"),
        (lambda: ANY.Job(stages=[functions.pairs]), "a list of Stage.*, but contains <function pairs"),
        (lambda: ANY.Job(map=functions.pairs, combine=functions.partial), "a combiner needs a reducer"),
        (
            lambda: ANY.Stage(map=functions.pairs, partitions=2),
            "partitions: without a reducer, each split writes one part; leave it out",
        ),
        (lambda: ANY.Stage(reduce=Sum(), partitions=0), "partitions: must be a number from 1 to 10,000, not 0"),
        (lambda: ANY.Stage(reduce=Sum(), partitions=True), "not True"),
        (lambda: ANY.Job(inputs={}), "name at least one input"),
        (lambda: ANY.Job(outputs={"a/b": JSONL()}), "outputs: a name consists of letters"),
        (lambda: ANY.Job(outputs={"rejects": JSONL}), r"the format of output rejects must be one of .*write JSONL\(\)"),
        (lambda: ANY.Job(outputs=["rejects"]), "outputs maps the names of further outputs"),
        (lambda: ANY.Job(inputs={"a b": Input()}), "inputs: a name consists of letters"),
        (lambda: ANY.Job(inputs={"users": CSV()}), r"users must be an Input\(…\), such as Input\(CSV\(\), map=…\)"),
        (lambda: ANY.Job(input=JSONL(), inputs={"users": Input()}), "either `input` or `inputs`"),
        (lambda: ANY.Input(CSV), r"write CSV\(\)"),
        (lambda: ANY.Input(map=functions.takes_three), "must take one argument, the record, or two"),
    ],
)
def test_what_does_not_fit_together_is_refused_where_it_is_written(write, words):
    with pytest.raises(InvalidJob, match=words):
        write()


def run(folder, *options):
    return run_in(folder, *RUN, "job.py", *options)


JOB = """\
from fanfold import *


def words(line):
    for word in line.split():
        yield word, 1


def under_one_key(word, count):
    yield None, (count, word)


def most(key, values):
    yield max(values)


job = Job(stages=[Stage(map=words, reduce=Sum(), partitions=2), Stage(map=under_one_key, reduce=most)], output=JSONL())
"""


def test_two_stages_by_the_command_show_the_steps_of_both(tmp_path):
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "a.txt").write_text("a b b c\n" * 500)
    done = run(tmp_path, "--input", "a.txt", "--output", "out", "--split-size", "1KiB")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/part-00000.jsonl").read_text() == '[1000,"b"]\n'
    assert [line.split()[:3] for line in done.stderr.splitlines()[-3:-1]] == [
        ["1", "map", "100%"],
        ["1", "reduce", "100%"],
    ]


def test_a_job_without_functions_needs_no_code(tmp_path):
    (tmp_path / "job.py").write_text("from fanfold import *\n\njob = Job(input=JSONL(), output=CSV())\n")
    rows = [[f"a,{number}", number] for number in range(300)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = run(tmp_path, "--input", "a.jsonl", "--output", "out", "--split-size", "1KiB", "--json")
    assert done.returncode == 0, done.stderr
    parts = json.loads(done.stdout)["parts"]
    assert len(parts) > 1 and sum(part["records"] for part in parts) == 300
    written = "".join((tmp_path / "out" / part["name"]).read_text() for part in parts)
    assert written == "".join(f'"a,{number}",{number}\n' for number in range(300))


def test_a_job_with_named_inputs_asks_for_them(tmp_path):
    (tmp_path / "job.py").write_text('from fanfold import *\n\njob = Job(inputs={"users": Input()}, reduce=Sum())\n')
    (tmp_path / "a.txt").write_text("a\n")
    done = run(tmp_path, "--input", "a.txt", "--output", "out")
    assert done.returncode == 3
    assert "the job reads named inputs (users): say which, as --input users=PLACE" in done.stderr


JOIN = """\
from fanfold import *


def user(row):
    yield row["name"], ("city", row["city"])


def order(offset, row):
    yield row[0], ("order", offset, row[1])


def joined(name, values):
    city = None
    for kind, *rest in values:
        if kind == "city":
            city = rest[0]
        else:
            yield {"name": name, "city": city, "at": rest[0], "what": rest[1]}


job = Job(
    inputs={"users": Input(CSV(), map=user), "orders": Input(TSV(header=False, quote=None), map=order)},
    reduce=joined,
    output=JSONL(),
)
if __name__ == "__main__":
    job.main()
"""


@pytest.fixture
def join(tmp_path):
    """A job of two named inputs, the second in several files in folders."""
    (tmp_path / "job.py").write_text(JOIN)
    (tmp_path / "users.csv").write_text("name,city\n" + "".join(f"u{n},c{n % 3}\n" for n in range(100)))
    for part in range(3):
        folder = tmp_path / f"orders/2026-0{part}"
        folder.mkdir(parents=True)
        (folder / "a.tsv").write_text("".join(f"u{n % 100}\tthing{part}{n}\n" for n in range(300)))
    return tmp_path


@pytest.mark.parametrize(
    "orders", [["orders"], ["orders/*/*.tsv"], ["orders/**"], ["orders/2026-00/a.tsv", "orders/2026-0[12]/"]]
)
def test_a_join_of_named_inputs_in_folders_and_patterns(join, orders):
    given = [f"--input=orders={place}" for place in orders]
    options = ["--input", "users=users.csv", "--output", "out", "--split-size", "2KiB"]
    command = [sys.executable, "job.py", *given, *options]
    done = subprocess.run(command, cwd=join, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (join / "out/part-00000.jsonl").read_text().splitlines()]
    assert len(lines) == 900
    assert lines[0] == {"name": "u0", "city": "c0", "at": 0, "what": "thing00"}
    assert all(line["city"] == f"c{int(line['name'][1:]) % 3}" for line in lines)
    assert [line["what"] for line in lines if line["name"] == "u7"] == [
        f"thing{part}{n}" for part in range(3) for n in (7, 107, 207)
    ]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (["users.csv"], "the job reads named inputs (users, orders): say which, as --input users=PLACE"),
        (["users=users.csv"], "the job has no input orders: give at least one file or folder"),
        (["users=users.csv", "orders=orders", "x=orders"], "the job has no input called x: it reads users, orders"),
        (["users=users.csv", "orders=o*/*.gz"], "o*/*.gz matches no file: check it"),
        (["users=users.csv", "orders=o*/**", "orders=*/"], "lies in the input"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_before_anything_runs(join, inputs, words):
    given = [word for place in inputs for word in ("--input", place)]
    done = run(join, *given, "--output", "orders/out")
    assert (done.returncode, words in done.stderr) == (3, True), done.stderr
    assert not (join / "orders/out").exists()


def test_a_place_with_an_equals_sign_is_a_place_where_inputs_have_no_names(tmp_path):
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "year=2026").mkdir()
    (tmp_path / "year=2026/a.txt").write_text("a a\n")
    done = run(tmp_path, "--input", "year=2026/*.txt", "--output", "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/part-00000.jsonl").read_text() == '[2,"a"]\n'


def test_a_large_file_that_cannot_be_split_is_told(tmp_path):
    (tmp_path / "job.py").write_text(JOB)
    noise = "".join(f"{n * 7919 % 10007:x} " for n in range(3000)) + "\n"
    for number in range(5):
        (tmp_path / f"{number}.gz").write_bytes(gzip.compress(noise.encode()))
    done = run(tmp_path, "--input", "*.gz", "--output", "out", "--split-size", "1KiB")
    assert done.returncode == 0, done.stderr
    assert "/0.gz (6.7 KiB) can't be split, so one worker reads all of it: it is compressed (gzip)" in done.stderr
    assert "and 2 more such files" in done.stderr and "3.gz" not in done.stderr
    done = run(tmp_path, "--input", "*.gz", "--output", "more", "--split-size", "1KiB", "--quiet")
    assert done.stderr == ""


def test_named_outputs_by_the_command(tmp_path):
    (tmp_path / "job.py").write_text(
        "from fanfold import *\n\n\ndef number(line):\n"
        "    yield int(line) if line.isdigit() else To('rejects', {'line': line})\n\n\n"
        "job = Job(map=number, outputs={'rejects': JSONL()})\n"
    )
    (tmp_path / "a.txt").write_text("1\nx\n22\n")
    done = run(tmp_path, "--input", "a.txt", "--output", "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/part-00000.txt").read_text() == "1\n22\n"
    assert (tmp_path / "out/rejects/part-00000.jsonl").read_text() == '{"line":"x"}\n'
    told = done.stderr.splitlines()[-1]
    assert told == f"rejects: 1 record in {tmp_path.as_uri()}/out/rejects/"
    done = run(tmp_path, "--input", "out", "--output", "again", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["records"] == 2
    assert json.loads(done.stdout)["outputs"]["rejects"]["records"] == 0
