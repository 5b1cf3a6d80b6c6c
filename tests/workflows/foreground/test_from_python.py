"""`Job.run`: the bytes, words and options of `fanfold run`, from Python."""

import gc
import importlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from fanfold import InvalidJob, JobFailed, Refused, Skip
from fanfold.foreground.options import INCLUDE_OPTION, PACKAGE_OPTIONS, RUN_OPTIONS, RunOptions
from fanfold.foreground.run import _close
from fanfold_steps.memory import process
from tests.waiting import poll
from tests.workflows.authoring.test_identity import modules_of, write
from tests.workflows.commands import RUN
from tests.workflows.foreground.test_interrupted import running

JOBS = """
from pydantic import BaseModel
from fanfold import *

class Least(BaseModel):
    least: int = 1
    words: set[str] = set()

def words(line):
    return [(word, 1) for word in line.split()]

def words_of_length(line, ctx):
    return [(word, 1) for word in line.split() if len(word) >= ctx.params.least or word in ctx.params.words]

def numbers(line):
    yield "sum", int(line)

def sorted_out(line):
    yield To("long" if len(line) > 3 else "short", line)

def with_fields(line):
    host, seconds = line.split()
    yield {"host": host, "seconds": float(seconds)}

def named(line):
    yield line, 1

counts = Job(map=words, reduce=Sum())
at_least = Job(map=words_of_length, reduce=Sum(), params=Least)
sums = Job(map=numbers, reduce=Sum())
careful_sums = Job(map=numbers, reduce=Sum(), on_error=Skip(at_most=1))
two_inputs = Job(inputs={"a": Input(map=named), "b": Input(map=words)}, reduce=Sum(), output=CSV())
two_outputs = Job(map=sorted_out, outputs={"long": JSONL(), "short": CSV()}, output=JSONL())
slowest = Job(map=with_fields, key="host", reduce={"hits": Count(), "slowest": Max("seconds")}, output=Parquet())
no_program = Job(map=program("no-such-program"), reduce=Sum())
"""


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """Jobs of a small module of their own, whose code is packed faster than that of all tests."""
    folder = tmp_path_factory.mktemp("jobs")
    write(folder, {"jobs_to_run.py": JOBS})
    with modules_of(folder):
        yield importlib.import_module("jobs_to_run")


@pytest.fixture
def text(tmp_path):
    (tmp_path / "text.txt").write_text("to be or\nnot to be\n")
    return tmp_path / "text.txt"


def folder_of(result):
    return Path(result.output)


@pytest.mark.thorough
def test_it_writes_what_the_command_writes(text, tmp_path, jobs):
    command = [*RUN, "wordcount", "--input", "text.txt", "--output", "commanded", "--partitions", "3", "--quiet"]
    subprocess.run(command, cwd=tmp_path, check=True)
    result = jobs.counts.run(text, tmp_path / "out", partitions=3, quiet=True)
    assert result.output == f"{tmp_path}/out/"
    names = [part.name for part in result.parts]
    assert names == [f"part-0000{number}.txt" for number in range(3)]
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "commanded" / name).read_bytes()
    assert sorted(result.records()) == ["be\t2", "not\t1", "or\t1", "to\t2"]
    assert result.counters["fanfold"]["input_records"] == 2
    assert not (tmp_path / "out" / "_job").exists()


@pytest.mark.thorough
def test_a_temporary_output_lasts_as_long_as_something_refers_to_it(text, jobs):
    result = jobs.counts.run(text, quiet=True)
    folder = folder_of(result)
    records = result.records()
    del result
    gc.collect()
    assert len(list(records)) == 4
    del records
    gc.collect()
    assert not folder.parent.exists()


@pytest.mark.thorough
def test_nothing_is_left_of_a_run_that_failed(text, tmp_path, monkeypatch, jobs):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(JobFailed):
        jobs.sums.run(text, quiet=True)
    assert [path for path in tmp_path.iterdir() if path != text] == []


@pytest.mark.thorough
def test_a_failure_has_the_traceback_of_the_users_code(text, jobs):
    with pytest.raises(JobFailed, match=r"the job failed: map/0: the mapper raised ValueError") as caught:
        jobs.sums.run(text, quiet=True)
    assert caught.value.traceback.startswith("Traceback (most recent call last):")
    assert 'yield "sum", int(line)' in caught.value.traceback
    assert caught.value.traceback in str(caught.value)
    assert caught.value.failure.record
    assert caught.value.failure.record.text == "to be or"
    assert caught.value.problem["detail"] == caught.value.failure.message


@pytest.mark.thorough
def test_named_inputs_and_outputs(text, tmp_path, jobs):
    result = jobs.two_inputs.run({"a": text, "b": [str(text), str(text)]}, quiet=True)
    assert ["to", "4"] in list(result.records())
    (tmp_path / "in.txt").write_text("longer\nlong\n")
    result = jobs.two_outputs.run([tmp_path / "in.txt"], quiet=True)
    assert (list(result.records()), list(result.records("long"))) == ([], ["longer", "long"])
    assert list(result.records("short")) == []
    assert result.frame("short").is_empty()
    assert "long: 2 records in 1 part" in result._repr_html_()
    with pytest.raises(Refused, match=r"no output 'other': its named outputs are long, short$"):
        next(result.records("other"))
    with pytest.raises(Refused, match=r"no output 'other': it has no named outputs$"):
        jobs.counts.run(text, quiet=True).frame("other")


@pytest.mark.thorough
def test_named_aggregations_give_flat_columns(tmp_path, jobs):
    (tmp_path / "log").write_text("a 1.5\nb 1\na 2.5\n")
    result = jobs.slowest.run(tmp_path / "log", quiet=True)
    rows = [{"host": "a", "hits": 2, "slowest": 2.5}, {"host": "b", "hits": 1, "slowest": 1.0}]
    assert result.frame().to_dicts() == list(result.records()) == rows


@pytest.mark.thorough
def test_the_quarantine_tells_where_bad_records_are(tmp_path, jobs):
    (tmp_path / "in.txt").write_text("1\nx\n2\n<y>\n")
    result = jobs.careful_sums.run(tmp_path / "in.txt", quiet=True)
    assert list(result.records()) == ["sum\t3"]
    assert result.skipped == 2
    bad = [(one.step, one.file, one.offset, one.record, one.key) for one in result.quarantine()]
    assert bad == [("map", "in.txt", 2, "x", None), ("map", "in.txt", 6, "<y>", None)]
    assert "invalid literal" in next(result.quarantine()).problem
    assert "numbers" in next(result.quarantine()).traceback
    assert "2 bad records in quarantine" in result._repr_html_()
    clean = jobs.counts.run(tmp_path / "in.txt", quiet=True)
    assert (clean.skipped, list(clean.quarantine())) == (0, [])


@pytest.mark.thorough
@pytest.mark.parametrize(
    "given", [{"least": 3, "words": {"or"}}, {"model": {"least": 3, "words": {"or"}}}, {"least": "3", "words": ["or"]}]
)
def test_parameters_are_values_of_python(given, text, jobs):
    given = jobs.Least(**given["model"]) if "model" in given else given
    assert list(jobs.at_least.run(text, params=given, quiet=True).records()) == ["not\t1", "or\t1"]


def test_options_are_those_of_the_command():
    """A new option of `fanfold run` has to be an argument, too."""
    options = {str(one.name) for one in (*RUN_OPTIONS, INCLUDE_OPTION, *PACKAGE_OPTIONS)} - {
        "inputs",
        "output",
        "as_json",
    }
    assert set(RunOptions.__annotations__) == options


@pytest.mark.thorough
def test_progress_is_shown_unless_it_is_quiet(text, capsys, jobs):
    jobs.counts.run(text)
    shown = capsys.readouterr()
    assert "map 100% 1/1 2 records" in shown.err
    assert "done in" in shown.err
    jobs.counts.run(text, quiet=True)
    silent = capsys.readouterr()
    assert shown.out + silent.out + silent.err == ""


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "workers": ({"workers": 2.5}, "workers: '2.5' is not a valid integer"),
    "too few": ({"workers": 0}, "workers: 0 is not in the range"),
    "a size": ({"split_size": "lots"}, "split_size: 'lots' is not a size; write 64KiB"),
    "a flag": ({"quiet": "no"}, "quiet is True or False, not 'no'"),
    "on": ({"on": "moon"}, "on: 'moon' is not one of 'local', 'argo'"),
    "pods": ({"namespace": "here"}, "--namespace only applies to pods: add --on argo"),
    "pods' output": ({"on": "argo"}, "pods can't write to a temporary folder of this machine"),
    "a parameter": ({"params": {"least": 1}}, "this job takes no parameters, but 'least' was given"),
    "parameters": ({"params": [("least", 1)]}, "params is a dict by name, or nothing, as this job takes no parameters"),
    "pods' Python": ({"image_python": "3.13"}, "--image-python only applies to pods: add --on argo"),
    "no place": ({"input": "no/such/place"}, "no/such/place doesn't exist, or is a folder without files"),
    "no input": ({"input": []}, "the job has no input: give at least one file or folder"),
    "a name": ({"input": {"a": "b"}}, "the job's input has no name: give its places alone, not in a dict"),
    "a URL": ({"input": "gs://bucket/"}, "this command can't read or write gs://bucket/"),
    "standard output": ({"output": "-"}, "the output is a folder"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cant_run_as_asked_is_refused(case, text, jobs):
    given, words = REFUSED[case]
    with pytest.raises(Refused, match=words):
        jobs.counts.run(**{"input": text, "quiet": True, **given})


def test_inputs_that_dont_fit_the_job_are_refused(text, jobs):
    with pytest.raises(Refused, match="the job has no input called 'c': it reads a, b"):
        jobs.two_inputs.run({"c": text}, quiet=True)
    with pytest.raises(Refused, match=r"the job reads named inputs \(a, b\)"):
        jobs.two_inputs.run(text, quiet=True)
    with pytest.raises(Refused, match="the job has no input b: give at least one file or folder"):
        jobs.two_inputs.run({"a": text}, quiet=True)


@pytest.mark.parametrize("input", [None, 3, b"in.txt", ["in.txt", 3]])
def test_an_input_that_is_no_place(input, jobs):
    with pytest.raises(Refused, match="an input is a path or a URL, or a list of them, not "):
        jobs.at_least.run(input, quiet=True)


def test_options_of_another_type(text, jobs):
    with pytest.raises(Refused, match=r"include is a list, such as \['stop.txt'\], not 'stop.txt'"):
        jobs.at_least.run(text, include="stop.txt", quiet=True)
    with pytest.raises(Refused, match=r"requirements is a string, not \['regex'\]"):
        jobs.at_least.run(text, requirements=["regex"], quiet=True)


def test_what_no_json_holds_is_no_parameter(text, jobs):
    with pytest.raises(Refused, match="the parameters can't be kept as JSON, in which they travel"):
        jobs.at_least.run(text, params={"least": object()}, quiet=True)


def test_an_unknown_argument_is_an_error_as_of_any_function(text, jobs):
    with pytest.raises(TypeError, match=r"run\(\) takes no argument 'wrkers'; besides input and output it takes on, "):
        jobs.counts.run(text, wrkers=2)


@pytest.mark.thorough
def test_an_output_that_exists_is_refused_and_replaced_on_request(text, tmp_path, jobs):
    jobs.counts.run(text, tmp_path / "out", quiet=True)
    with pytest.raises(Refused, match="or replace an earlier job's output with overwrite=True"):
        jobs.counts.run(text, tmp_path / "out", quiet=True)
    text.write_text("new\n")
    assert list(jobs.counts.run(text, tmp_path / "out", overwrite=True, quiet=True).records()) == ["new\t1"]


def test_a_program_that_is_missing_is_the_jobs_fault(text, jobs):
    with pytest.raises(InvalidJob, match="no-such-program"):
        jobs.no_program.run(text, quiet=True)


def test_a_worker_that_imports_the_file_doesnt_run_the_job_again(text, monkeypatch, jobs):
    monkeypatch.setattr("fanfold.foreground.from_python.is_worker", lambda: True)
    with pytest.raises(InvalidJob, match='put the call under `if __name__ == "__main__":`'):
        jobs.counts.run(text, quiet=True)


def test_this_process_is_no_worker():
    assert not process.is_worker()


@pytest.mark.thorough
def test_a_script_without_a_guard_is_told(text, tmp_path):
    source = "from fanfold import Job, Sum\ndef f(line):\n    yield line, 1\nJob(map=f, reduce=Sum()).run('text.txt')\n"
    (tmp_path / "unguarded.py").write_text(source)
    done = subprocess.run([sys.executable, "unguarded.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert 'put the call under `if __name__ == "__main__":`, which workers skip' in done.stderr
    assert done.returncode == 1


@pytest.mark.thorough
def test_it_runs_in_a_thread(text, jobs):
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.extend(jobs.counts.run(text, quiet=True).records()))
    thread.start()
    thread.join()
    assert len(found) == 4


INTERRUPTED = """
import sys, time
from pathlib import Path
from fanfold import Job, Sum
def busy(line):
    Path("{folder}/busy").touch()
    time.sleep(1000)
try:
    Job(map=busy, reduce=Sum()).run("{folder}/text.txt"{more})
except KeyboardInterrupt as error:
    print(error)
    Path("{folder}/interrupted").touch()
    sys.stdin.read()
"""


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("more", "told"),
    [("", "stopped\n"), (", '{folder}/out'", "stopped: call run() with the same arguments again to resume\n")],
)
def test_ctrl_c_leaves_nothing_running_though_the_process_goes_on(more, told, text, tmp_path):
    code = INTERRUPTED.format(folder=tmp_path, more=more.format(folder=tmp_path))
    (tmp_path / "scratch").mkdir()
    environ = {**os.environ, "TMPDIR": str(tmp_path / "scratch")}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
    ) as caller:
        poll(lambda: (tmp_path / "busy").exists())
        caller.send_signal(signal.SIGINT)
        poll(lambda: (tmp_path / "interrupted").exists())
        assert running(tmp_path) == [str(caller.pid)]
        assert list((tmp_path / "scratch").iterdir()) == []
        assert caller.communicate("")[0] == told


def test_pods_are_asked_for_as_by_the_command(jobs, monkeypatch):
    asked: list[Any] = []

    def complete(compiled, request):
        asked.append(request)
        raise Refused("enough")

    monkeypatch.setattr("fanfold.foreground.from_python.complete", complete)
    pods = {"namespace": "here", "image": "mine:1", "claim": "data:/shared", "s3_secret": "keys", "s3_region": "r"}
    with pytest.raises(Refused, match="enough"):
        jobs.counts.run("s3://logs/", "s3://counts/", on="argo", workers=3, memory="1GiB", keep=True, **pods)
    (request,) = asked
    assert (request.inputs, request.output, request.keep, request.overwrite) == (
        ["s3://logs/"],
        "s3://counts/",
        True,
        False,
    )
    assert (request.sizing.workers, request.sizing.memory) == (3, 1 << 30)
    settings = request.pods
    assert (settings.namespace, settings.image, settings.claim, settings.mount) == ("here", "mine:1", "data", "/shared")
    assert (settings.s3_secret, settings.s3_region) == ("keys", "r")


def test_a_second_ctrl_c_leaves_nothing_running_either():
    class Slow:
        closed = 0

        def close(self):
            self.closed += 1
            if self.closed == 1:
                raise KeyboardInterrupt

    engine: Any = Slow()
    with pytest.raises(KeyboardInterrupt):
        _close(engine)
    assert engine.closed == 2


@pytest.mark.thorough
def test_an_output_in_a_bucket_is_read_where_it_lies(jobs, tmp_path, seaweedfs_server, monkeypatch):
    for name, value in seaweedfs_server.environ.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "log").write_text("a 1.5\nb 1\nbad\na 2.5\n")
    url = seaweedfs_server.url("from-python/slowest")
    monkeypatch.setattr(jobs.slowest, "on_error", Skip(at_most=1))
    result = jobs.slowest.run(tmp_path / "log", url, partitions=2, quiet=True)
    rows = [{"host": "a", "hits": 2, "slowest": 2.5}, {"host": "b", "hits": 1, "slowest": 1.0}]
    assert result.output == f"{url}/"
    assert sorted(result.records(), key=lambda row: row["host"]) == rows
    assert sorted(result.frame().to_dicts(), key=lambda row: row["host"]) == rows
    assert [bad.record for bad in result.quarantine()] == ["bad"]
