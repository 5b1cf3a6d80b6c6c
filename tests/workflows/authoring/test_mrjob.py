"""`fanfold mrjob`: scripts written for mrjob give what mrjob's own runners give."""

import gzip
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import mrjob.examples
import pytest

from fanfold.authoring.mrjob import probe
from fanfold.authoring.mrjob.script import Script, ask
from fanfold.authoring.mrjob.steps import compile_script
from fanfold.errors import InvalidJob
from fanfold_client.main import run as fanfold
from fanfold_steps.job.formats import Whole
from fanfold_steps.job.spec import Program

SCRIPTS = Path(__file__).parent / "mrjob_scripts"
EXAMPLES = Path(mrjob.examples.__file__).parent
TEXT = "the Fuchsia cat sat, under the umbrella\nand Ünder the\tHut\n\nfour four unusual cats' words, the\n"
VISITS = ["visits.py", "levels.py"]


@pytest.fixture(autouse=True)
def texts(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for number in range(2):
        (tmp_path / "in" / f"{number}.txt").write_text(TEXT * (number + 3))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ours(script, *own, inputs=("in",), words=(), output="out"):
    places = [word for place in inputs for word in ("--input", str(place))]
    given = ["mrjob", str(script), *places, "--output", output, "--quiet", "--workers", "2", *words, "--", *own]
    assert fanfold(given) == 0
    return sorted(line for part in Path(output).glob("part-*") for line in part.read_bytes().splitlines(keepends=True))


def theirs(script, *own, inputs=("in/0.txt", "in/1.txt"), runner="inline"):
    command = [sys.executable, str(script), "-q", "-r", runner, *own, *map(str, inputs)]
    done = subprocess.run(command, capture_output=True, check=True, env={"PYTHONHASHSEED": "0", **os.environ})
    return sorted(done.stdout.splitlines(keepends=True))


def job_of(path, *own, python=None):
    return compile_script(ask(path, own), python)


def write_script(folder, body, name="job.py"):
    (folder / name).write_text(f"from mrjob.job import MRJob\nfrom mrjob.step import *\n{body}\n")
    return folder / name


def write_job(folder, attributes="", name="job.py"):
    body = f"class Job(MRJob):\n    {attributes or 'pass'}\n    def mapper(self, _, line):\n        yield line, 1\n"
    return write_script(folder, f"{body}\nif __name__ == '__main__':\n    Job.run()", name)


@pytest.mark.thorough
def test_word_count_through_the_command():
    script = EXAMPLES / "mr_word_freq_count.py"
    assert ours(script, words=["--partitions", "2", "--split-size", "1KiB"]) == theirs(script)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "own", "runner"),
    [
        ("mr_wc", [], "inline"),
        ("mr_count_lines_right", [], "inline"),
        ("mr_count_lines_by_file", [], "inline"),
        ("mr_most_used_word", [], "inline"),
        ("mr_most_used_word", ["--stop-words-file", "in/0.txt"], "inline"),
        ("mr_next_word_stats", [], "inline"),
        ("mr_log_sampler", ["--sample-size", "1000"], "inline"),
        ("mr_grep", ["-e", "un[a-z]* "], "local"),  # inline runs no commands
        ("mr_words_containing_u_freq_count", [], "local"),
    ],
)
def test_mrjob_s_examples_give_the_bytes_of_its_runner(name, own, runner):
    script = EXAMPLES / f"{name}.py"
    found = ours(script, *own, words=["--partitions", "3"])
    assert found == theirs(script, *own, inputs=sorted(Path("in").absolute().iterdir()), runner=runner)
    assert found or "--stop-words-file" in own


@pytest.mark.thorough
def test_a_mapper_of_whole_files_in_four_steps():
    script, documents = EXAMPLES / "mr_text_classifier.py", sorted((EXAMPLES / "docs-to-classify").iterdir())[:6]
    found = ours(script, "--min-df", "3", inputs=documents, words=["--partitions", "2"])
    assert found == theirs(script, "--min-df", "3", inputs=documents)


@pytest.mark.thorough
def test_whole_files_read_by_a_library(monkeypatch):
    """Its library is stood in for: what it reads doesn't matter here."""
    Path("lib/warcio").mkdir(parents=True)
    Path("lib/warcio/__init__.py").touch()
    Path("lib/warcio/archiveiterator.py").write_text(WARCIO)
    monkeypatch.setenv("PYTHONPATH", str(Path("lib").absolute()))
    for number in range(3):
        Path(f"in/{number}.wet").write_text(f"http://host{number % 2}/p{number} call (415) 555-000{number} now\n")
    script, inputs = EXAMPLES / "mr_phone_to_url.py", sorted(Path("in").glob("*.wet"))
    found = ours(script, inputs=inputs)
    assert found == theirs(script, inputs=inputs)
    assert len(found) == 3


WARCIO = """
import io

class ArchiveIterator:
    def __init__(self, file):
        self.lines = file.read().splitlines()
    def __iter__(self):
        return iter(map(Record, self.lines))

class Record:
    rec_type = "conversion"
    def __init__(self, line):
        self.url, _, self.text = line.partition(b" ")
    @property
    def rec_headers(self):
        return self
    def get_header(self, name):
        return {"Content-Type": "text/plain", "WARC-Target-URI": self.url.decode()}[name]
    def content_stream(self):
        return io.BytesIO(self.text)
"""


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("mr_nick_nack", "the format nicknack.MultipleValueOutputFormat isn't supported"),
        ("mr_nick_nack_input_format", "the format nicknack.MultipleValueOutputFormat isn't supported"),
        ("mr_jar_step_example", "step 1 of mr_jar_step_example.py is a jar step, which needs Java or Spark"),
        ("mr_spark_wordcount", "step 1 of mr_spark_wordcount.py is a spark step"),
        ("mr_spark_wordcount_script", "is a spark_script step"),
        ("mr_spark_most_used_word", "is a spark step"),
        ("mr_sparkaboom", "is a spark step"),
    ],
)
def test_examples_that_need_java_are_refused_by_name(name, problem):
    with pytest.raises(InvalidJob, match=problem):
        job_of(EXAMPLES / f"{name}.py")


@pytest.mark.thorough
def test_a_script_s_failure_is_told_with_its_traceback(capsys):
    assert fanfold(["mrjob", str(EXAMPLES / "mr_boom.py"), "--input", "in", "--output", "out", "--quiet"]) == 1
    told = capsys.readouterr().err
    assert "mr_boom.py --step-num=0 --mapper` ended with status 1" in told
    assert "Exception: BOOM" in told


@pytest.fixture
def visits(tmp_path):
    """The script with all that lies beside it."""
    folder = tmp_path / "jobs"
    (folder / "names" / "sub").mkdir(parents=True)
    for name in VISITS:
        (folder / name).write_bytes((SCRIPTS / name).read_bytes())
    (folder / "ignored.txt").write_text("the and")
    (folder / "names/sub/known.txt").write_text("cat Felix\n")
    (folder / "known.txt").write_text("four 4\n")
    with tarfile.open(folder / "more.tar.gz", "w:gz") as archive:
        archive.add(folder / "known.txt", "known.txt")
    return folder / "visits.py"


@pytest.mark.thorough
def test_files_options_hooks_and_settings(visits, capsys):
    Path("two.txt").write_text("2")
    own = ["--least", "20", "--flag", "--levels", "two.txt"]
    found = ours(visits, *own, words=["--json"])
    told = json.loads(capsys.readouterr().out)
    words = " ".join(path.read_text() for path in Path("in").iterdir()).split()
    assert told["counters"]["words; all"]["ignored"] == 2 * sum(word in ("the", "and") for word in words)
    names = {"cat": "Felix", "four": "4"}
    counts: dict[str, int] = {}
    for word in words:
        if word not in ("the", "and"):
            counts[names.get(word, word)] = counts.get(names.get(word, word), 0) + 6
    expected = {name: total for name, total in counts.items() if total >= 20} | {"(keys)": len(counts)}
    assert {record["name"]: record["total"] for record in map(json.loads, found)} == expected
    assert len(told["parts"]) == 2


@pytest.mark.thorough
def test_values_come_sorted_as_lines():
    lines = [f"{key} {value}\n" for key in "abc" for value in ("10", "9", "1", "1\tx", "é", "\x01", "", "1 2", "x")]
    Path("in/0.txt").write_text("".join(lines[::2]))
    Path("in/1.txt").write_text("".join(lines[1::2] + lines[::-3]))
    script = SCRIPTS / "last_three.py"
    for partitions in ("1", "3"):
        words = ["--partitions", partitions, "--split-size", "1KiB"]
        assert ours(script, words=words, output=partitions) == theirs(script)


@pytest.mark.thorough
def test_whole_files_are_unpacked_and_empty_ones_read():
    Path("in/empty").touch()
    with gzip.open("in/2.txt.gz", "wb") as file:
        file.write(b"three\nlines\n\n")
    found = ours(SCRIPTS / "whole_files.py")
    inline = theirs(SCRIPTS / "whole_files.py", inputs=["in/0.txt", "in/1.txt", "in/empty"])
    assert found == sorted([*inline, b'"2.txt.gz"\t[[13, 3, "2.txt"]]\n'])


@pytest.mark.thorough
def test_commands_and_filters():
    found = ours(SCRIPTS / "commands.py", "--letters", "a-m", words=["--partitions", "1"])
    assert found == theirs(SCRIPTS / "commands.py", "--letters", "a-m", runner="local")
    assert found


@pytest.mark.thorough
def test_a_step_without_a_mapper_takes_lines_as_they_are():
    job = job_of(EXAMPLES / "mr_most_used_word.py").spec
    second = job.stages[1]
    assert second.map and second.map.program == "cat"
    assert second.combine is None


@pytest.mark.thorough
def test_what_is_beside_the_script_is_shipped(visits):
    job = job_of(visits, "--levels", str(visits.parent / "known.txt"))
    assert job.bundle
    expected = ["away.txt", "known.txt", "levels.py", "more/known.txt", "names/sub/known.txt", "visits.py"]
    assert sorted(job.bundle.names) == expected
    assert job.spec.stages[0].partitions == 2
    assert "--levels known.txt" in job.spec.stages[0].map.program


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ("PARTITIONER = 'com.some.Partitioner'", "the partitioner com.some.Partitioner isn't supported"),
        ("HADOOP_INPUT_FORMAT = 'some.Format'", "the format some.Format isn't supported"),
        ("LIBJARS = ['some.jar']", "LIBJARS name .*some.jar, and Fanfold doesn't run Java"),
        ("JOBCONF = {'mapreduce.job.map.class': 'x'}", "mapreduce.job.map.class isn't supported"),
        ("JOBCONF = {'mapreduce.map.maxattempts': 8}", "isn't supported with the value '8'"),
        ("FILES = ['nowhere.txt']", "there is no file or folder .*nowhere.txt to ship"),
        ("FILES = ['s3://b/x.txt']", "s3://b/x.txt can't be shipped from there"),
        ("ARCHIVES = ['job.py']", "the archive .*job.py can't be unpacked"),
        ("mapper_cmd = lambda self: 'cat | sort'\n    mapper_init = None", "Can't specify both"),
    ],
)
def test_what_can_t_be_followed_is_named(tmp_path, attributes, problem):
    with pytest.raises(InvalidJob, match=problem):
        job_of(write_job(tmp_path, attributes))


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("own", "problem"),
    [
        (["-r", "hadoop"], "--runner is for mrjob's own runners"),
        (["--setup", "true"], "--setup is for mrjob's own runners"),
        (["-c", "some.conf"], "-c|--conf-path is for mrjob's own runners"),
        (["in/0.txt"], "in/0.txt is an input, so it goes before `--`: --input in/0.txt"),
        (["--nope"], "can't describe its steps:\n(.|\n)*unrecognized arguments: --nope"),
        (["-D", "mapreduce.nope=1"], "the setting mapreduce.nope isn't known"),
    ],
)
def test_options_of_mrjob_s_runners_are_refused(tmp_path, own, problem):
    with pytest.raises(InvalidJob, match=problem):
        job_of(write_job(tmp_path), *own)


def test_options_that_say_what_programs_find_are_followed(tmp_path):
    own = ["-q", "--cmdenv", "A=1", "-D", "own.setting=x", "-D", "mapreduce.job.name=called", "--file", "in/0.txt#zero"]
    job = job_of(write_job(tmp_path), *own)
    mapper = job.spec.stages[0].map
    assert (mapper.environment["A"], mapper.environment["own_setting"]) == ("1", "x")
    assert (job.spec.name, job.bundle and job.bundle.names) == ("called", ["job.py", "zero"])


@pytest.mark.thorough
def test_hashed_partitions_and_settings_of_old_names(tmp_path):
    body = "PARTITIONER = 'org.apache.hadoop.mapred.lib.HashPartitioner'\n    JOBCONF = {'mapred.reduce.tasks': 3}\n"
    reducer = "    def reducer(self, key, values):\n        yield key, sum(values)"
    job = job_of(write_job(tmp_path, body + reducer))
    assert (job.spec.stages[0].partitions, job.spec.stages[0].fields) == (3, None)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("class Job(MRJob):\n    def mapper(self, _, x):\n        yield x, 1", "runs no mrjob job: let it end with"),
        ("import sys\nsys.exit('so be it')", "can't describe its steps:\nso be it"),
        (
            "class Job(MRJob):\n    pass\nJob(['x']).make_runner().run()",
            r"starts its job by itself, with make_runner\(\): let it call Job.run\(\)",
        ),
    ],
)
def test_a_script_that_doesn_t_tell(tmp_path, body, problem):
    with pytest.raises(InvalidJob, match=problem):
        job_of(write_script(tmp_path, body))


def test_a_python_without_mrjob_is_told(tmp_path, monkeypatch):
    script = write_job(tmp_path)
    (tmp_path / "empty" / "mrjob").mkdir(parents=True)
    (tmp_path / "empty" / "mrjob" / "__init__.py").write_text("raise ImportError('no mrjob')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "empty"))
    with pytest.raises(InvalidJob, match=r"mrjob can't be imported by .*: install it there .*, or name another Python"):
        ask(script, [])
    with pytest.raises(InvalidJob, match="--python nowhere/python can't be started"):
        ask(script, [], "nowhere/python")


@pytest.mark.thorough
def test_workers_without_mrjob_say_so(tmp_path, monkeypatch, capsys):
    job = job_of(write_job(tmp_path))
    (tmp_path / "empty" / "mrjob").mkdir(parents=True)
    (tmp_path / "empty" / "mrjob" / "__init__.py").write_text("raise ImportError('no mrjob')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "empty"))
    command = ["streaming", "-input", "in", "-output", "out", "--quiet", "-reducer", "NONE"]
    assert fanfold([*command, "-file", str(tmp_path / "job.py"), "-mapper", job.spec.stages[0].map.program]) == 1
    told = capsys.readouterr().err
    assert (
        f"mrjob cannot be imported by {sys.executable}, which runs the tasks: install it where the workers run" in told
    )


def test_a_script_that_isn_t_there_or_a_python(capsys):
    assert fanfold(["mrjob", "nope.py", "--input", "in", "--output", "out"]) == 3
    assert "there is no file nope.py" in capsys.readouterr().err
    script = str(EXAMPLES / "mr_wc.py")
    assert fanfold(["mrjob", script, "--python", "nopython", "--input", "in", "--output", "out"]) == 3
    assert "there is no Python nopython: check --python" in capsys.readouterr().err


def test_a_mapper_of_whole_files_needs_no_reducer():
    step = {"type": "streaming", "mapper": {"type": "script"}, "input_manifest": True}
    job = compile_script(Script(SCRIPTS / "whole_files.py", "Job", [step], []), sys.executable).spec
    assert isinstance(job.stages[0].map, Program)
    assert (job.stages[0].map.feed, job.input) == ("path", Whole(binary=True))


def test_a_combiner_without_a_reducer_is_not_run():
    step = {"type": "streaming", "mapper": {"type": "command", "command": "cat"}}
    described = Script(SCRIPTS / "commands.py", "Job", [{**step, "combiner": step["mapper"]}], [])
    stage = compile_script(described, None).spec.stages[0]
    assert (stage.combine, stage.reduce) == (None, None)


def test_the_probe_needs_nothing_of_ours():
    imports = [line for line in Path(str(probe.__file__)).read_text().splitlines() if "import" in line]
    assert not any("fanfold" in line for line in imports)
