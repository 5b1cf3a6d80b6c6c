"""`Client.submit`: what `Job.run` gives from disk comes over HTTP from a service, and fails in the same words."""

import contextlib
import gc
import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

import fanfold
from fanfold import InvalidJob, JobFailed
from fanfold_client import Client
from fanfold_client.api import problems
from fanfold_client.api.problems import Conflict, Corrupt, NotAllowed, NotFound
from tests.client.services import PASSWORD, Person
from tests.waiting import poll
from tests.workflows.authoring.test_identity import modules_of, write

JOBS = """
from fanfold import *

def words(line):
    return [(word, 1) for word in line.split()]

def numbers(line):
    yield "sum", int(line)

def sorted_out(line):
    yield To("long" if len(line) > 3 else "short", line)
    yield line

counts = Job(map=words, reduce=Sum(), output=Parquet())
sums = Job(map=numbers, reduce=Sum(), on_error=Skip(at_most=0.9))
two_inputs = Job(inputs={"a": Input(map=words), "b": Input(map=words)}, reduce=Sum())
two_outputs = Job(map=sorted_out, output=JSONL(compress="gzip"), outputs={"long": JSONL(), "short": CSV()})
"""


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("jobs")
    write(folder, {"jobs_to_submit.py": JOBS})
    with modules_of(folder):
        yield importlib.import_module("jobs_to_submit")


@pytest.fixture
def client(fanfold: Person) -> Iterator[Client]:
    with Client.login(fanfold.up.url, fanfold.name, PASSWORD) as client:
        yield client


@pytest.fixture
def text(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_text("to be or\nnot to be\n")
    return tmp_path / "text.txt"


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    return tmp_path / "scratch"


@pytest.mark.thorough
def test_a_result_waits_and_reads_over_http(client: Client, jobs: Any, text: Path, scratch: Path):
    result = client.submit(jobs.counts, text, partitions=3, name="a b", quiet=True)
    assert result.state in {"queued", "dispatched", "running", "succeeded"}
    assert f"job {result.id}>" in repr(result)
    assert result.wait() is result
    assert result.state == "succeeded"
    assert [part.name for part in result.parts] == [f"part-0000{number}.parquet" for number in range(3)]
    rows = [("be", 2), ("not", 1), ("or", 1), ("to", 2)]
    assert sorted((row["key"], row["value"]) for row in result.records()) == rows
    assert sorted(result.frame().rows()) == rows
    assert result.counters["fanfold"]["input_records"] == 2
    assert repr(result) == f"<Result of a b: 4 records in 3 parts, in the service, job {result.id}>"
    assert "<td>be</td>" in (result._repr_html_() or "")
    assert client.jobs.get(result.id)["name"] == "a b"
    assert len(list(scratch.iterdir())) == 1
    del result
    gc.collect()
    assert list(scratch.iterdir()) == []


@pytest.mark.thorough
def test_parts_are_fetched_once_and_each_is_verified(
    client: Client, jobs: Any, text: Path, monkeypatch: pytest.MonkeyPatch
):
    result = client.submit(jobs.two_outputs, text, quiet=True)
    assert list(result.records("long")) == ["to be or", "not to be"]
    assert (list(result.records("short")), result.frame("short").height) == ([], 0)
    monkeypatch.setattr(client.jobs, "read", lambda *_: iter([b"something else"]))
    assert list(result.records("long")) == ["to be or", "not to be"]
    with pytest.raises(Corrupt, match=r"part-00000\.jsonl\.gz differs from what the job wrote \(wrong checksum\)"):
        list(result.records())
    with pytest.raises(fanfold.Refused, match="the job has no output 'other': its named outputs are long, short"):
        next(result.records("other"))


@pytest.mark.thorough
def test_an_earlier_job_is_read_by_the_names_of_its_parts(client: Client, jobs: Any, text: Path):
    submitted = client.submit(jobs.two_outputs, str(text), "files:out/", quiet=True)
    result = client.result(submitted.id, quiet=True)
    assert (result.id, result.name, result.output) == (submitted.id, "jobs_to_submit", "files:out/")
    assert list(result.records()) == list(result.records("long")) == ["to be or", "not to be"]
    assert list(client.result(submitted.id, jobs.two_outputs).records()) == ["to be or", "not to be"]
    with pytest.raises(NotFound):
        client.result("0" * 20)


@pytest.mark.thorough
@pytest.mark.parametrize("output", ["files:sums", None])
def test_bad_records_are_read_wherever_the_output_is(client: Client, jobs: Any, tmp_path: Path, output: str | None):
    (tmp_path / "in.txt").write_text("1\nx\n2\n")
    result = client.submit(jobs.sums, tmp_path / "in.txt", output, quiet=True)
    assert (result.skipped, list(result.records())) == (1, ["sum\t3"])
    (bad,) = result.quarantine()
    assert (bad.file, bad.offset, bad.record) == ("in.txt", 2, "x")


@pytest.mark.thorough
def test_a_job_that_fails_raises_what_run_raises(client: Client, jobs: Any, text: Path):
    result = client.submit(jobs.sums, text, quiet=True)
    for read in (result.wait, result.frame, lambda: next(result.records()), lambda: result.counters):
        with pytest.raises(JobFailed, match="2 of 2 records were bad") as caught:
            read()
    assert "numbers" in caught.value.traceback
    assert result._repr_html_() is None
    assert repr(result) == f"<Result of jobs_to_submit: failed, job {result.id}>"


@pytest.mark.thorough
def test_a_job_that_was_cancelled_has_no_results(client: Client, text: Path):
    result = client.submit("wordcount", text, quiet=True)
    with contextlib.suppress(Conflict):
        result.cancel()
    if client.wait(result.id, quiet=True)["state"] == "cancelled":
        with pytest.raises(Conflict, match=f"job {result.id} was cancelled, so it has no results"):
            result.wait()


@pytest.mark.thorough
def test_what_the_command_takes_is_taken(client: Client, jobs: Any, text: Path, tmp_path: Path):
    inputs: dict[str, Any] = {"a": text, "b": [str(text)]}
    assert "to\t4" in list(client.submit(jobs.two_inputs, inputs, quiet=True).records())
    (tmp_path / "job.py").write_text(
        "from fanfold import *\ndef f(line):\n    yield line, 1\njob = Job(map=f, reduce=Sum())\n"
    )
    assert "to be or\t1" in list(client.submit(str(tmp_path / "job.py"), text, quiet=True).records())
    client.put(text, "files:texts/", quiet=True)
    how: dict[str, Any] = {"params": {"k": 1, "of": "words"}, "split_size": "1MiB", "key": "once", "quiet": True}
    first = client.submit("topk", "files:texts/", **how)
    assert client.submit("topk", "files:texts/", **how).id == first.id


REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "no such job": ({"job": "wrdcount"}, LookupError, "wordcount"),
    "a local output": ({"output": "out/"}, fanfold.Refused, "the service can't write to 'out/'"),
    "a parameter": ({"params": {"least": 1}}, fanfold.Refused, "'least'"),
    "a size": ({"split_size": "lots"}, fanfold.Refused, "split_size: 'lots' is not a size"),
    "workers": ({"workers": 1.5}, fanfold.Refused, "workers: '1.5' is not a valid integer"),
    "no place": ({"input": "no/such"}, problems.Refused, "no/such is not a file or folder on this machine"),
    "named": ({"input": {"a": "b"}}, fanfold.Refused, "the job's input has no name"),
    "no list": ({"include": "stop.txt"}, fanfold.Refused, r"include is a list, such as \['stop.txt'\], not 'stop.txt'"),
    "a list": ({"requirements": ["regex"]}, fanfold.Refused, r"requirements is a string, not \['regex'\]"),
    "None": ({"input": None}, fanfold.Refused, "an input is a path or a URL, or a list of them, not None"),
    "an argument": ({"wrkers": 1}, TypeError, r"submit\(\) takes no argument 'wrkers'; its options are "),
    "a place of the service's": ({"input": "s3://other/"}, NotAllowed, "s3://other/ is not among"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("case", REFUSED)
def test_what_cant_be_submitted_is_refused(case: str, client: Client, text: Path):
    given, kind, words = REFUSED[case]
    with pytest.raises(kind, match=words):
        client.submit(**{"job": "wordcount", "input": text, "quiet": True, **given})


def test_named_inputs_must_fit_the_job(client: Client, jobs: Any, text: Path):
    with pytest.raises(fanfold.Refused, match=r"the job reads named inputs \(a, b\)"):
        client.submit(jobs.two_inputs, text, quiet=True)


@pytest.mark.thorough
def test_typed_functions_travel_and_say_what_they_need(
    client: Client, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    typed: dict[str, Any] = {"__name__": "__console__"}
    exec("import threading\nfrom fanfold import *\nlock = threading.Lock()\n", typed)
    exec(compile("def upper(line):\n    yield line.upper(), 1\n", "<console>", "exec"), typed)
    exec(compile("def locked(line):\n    with lock:\n        yield line, 1\n", "<console>", "exec"), typed)
    result = client.submit(eval("Job(map=upper, reduce=Sum())", typed), text, quiet=True)
    assert list(result.records()) == ["NOT TO BE\t1", "TO BE OR\t1"]
    assert "the job has functions that were typed, not saved in a file: only Python 3." in capsys.readouterr().err
    with pytest.raises(InvalidJob, match=r"locked was typed.* it reads 'lock' \(lock\): TypeError: cannot pickle"):
        client.submit(eval("Job(map=locked, reduce=Sum())", typed), text, quiet=True)


def test_options_are_those_of_the_command():
    """A new option of `fanfold submit` has to be an argument, too."""
    from fanfold_client.jobs.options import SubmitOptions
    from fanfold_client.verbs.jobs.submit import submit

    apart = {"job", "own", "inputs", "output", "quiet", "watching", "is_mrjob", "python", "profile", "as_json"}
    told = {str(one.name) for one in submit.params if not getattr(one, "hidden", False)}
    assert set(SubmitOptions.__annotations__) == told - apart


def test_submit_takes_what_run_takes_or_says_why_not():
    """A new option of `fanfold run` is one of `fanfold submit`, too, the same or refused."""
    from fanfold.verbs.run import run
    from fanfold_client.verbs.jobs.submit import submit

    names = {option.opts[0]: option for option in submit.params if isinstance(option, click.Option)}
    for option in run.params:
        if isinstance(option, click.Option):
            same = names[option.opts[0]]
            assert type(same.type) is type(option.type) or same.hidden, option.opts
    refused = [name for name, option in names.items() if option.hidden]
    assert len(refused) == 9
    for name in refused:
        words = ["wordcount", "--input", "x", name] + ["v"] * (name != "--keep")
        with pytest.raises(click.UsageError, match=f"^{name} is for `fanfold run`: the service"):
            submit.make_context("submit", words)


def test_a_client_takes_the_stored_login(fanfold: Person, monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in os.environ if name.startswith(("FANFOLD_", "XDG_"))]:
        monkeypatch.delenv(name)
    for name, value in fanfold.environ.items():
        if name.startswith("XDG_"):
            monkeypatch.setenv(name, value)
    with fanfold_client_of() as client:
        assert (client.me()["name"], client.url) == (fanfold.name, fanfold.up.url)
    Client.login(fanfold.up.url, fanfold.name, PASSWORD, profile="second").close()
    with Client(profile="second") as client:
        assert client.me()["name"] == fanfold.name
    assert Client.logout("second").user == fanfold.name
    with pytest.raises(NotAllowed, match="not logged in"), Client(profile="second") as client:
        client.me()


def fanfold_client_of() -> Client:
    """The client as users import it."""
    return fanfold.Client()


def is_deleted(client: Client, job: str) -> bool:
    """Whether the job could be deleted: its workers may still be leaving."""
    with contextlib.suppress(Conflict):
        client.jobs.delete(job)
        return True
    return False


@pytest.mark.thorough
def test_files_and_results_go_to_and_from_folders(client: Client, text: Path, tmp_path: Path):
    assert [file["path"] for file in client.put(text.parent, "files:texts/", quiet=True)] == ["texts/text.txt"]
    assert [file["path"] for file in client.files.list()] == ["texts/text.txt"]
    fetched = client.get("files:texts/", tmp_path / "back", quiet=True)
    assert (fetched.local / "text.txt").read_bytes() == text.read_bytes()
    assert client.get("texts/text.txt", tmp_path / "back", quiet=True).local == tmp_path / "back" / "text.txt"
    result = client.submit("wordcount", "files:texts/", quiet=True)
    result.wait()
    (part,) = client.fetch(result.id, tmp_path / "counts", quiet=True)
    assert (tmp_path / "counts" / part["name"]).read_bytes() == b"".join(client.read(result.id))
    assert [job["id"] for job in client.jobs.list(state="succeeded", limit=1)] == [result.id]
    poll(lambda: is_deleted(client, result.id))
    assert list(client.jobs.list()) == []
    for file in client.files.find("texts/"):
        client.files.remove(file["path"])
    with pytest.raises(NotFound, match="there is no file or folder files:texts"):
        client.files.find("texts")
