"""submit, watch, status, jobs, results and cancel."""

import gzip
import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mrjob.examples
import pytest

from fanfold_client.client import Client
from tests.client.counting import word_counts
from tests.client.services import People, Person
from tests.waiting import poll

COUNTER = """
from fanfold import Job, Sum
from longer import long_enough

def words(line):
    for word in line.split():
        if long_enough(word):
            yield word, 1

job = Job(map=words, reduce=Sum())
"""
BROKEN = """
from fanfold import Job, Sum

def words(line):
    yield line, 1 // len(line.split("never there")[1:])

job = Job(map=words, reduce=Sum())
"""
SLOW = """
import time
from fanfold import Job, Sum

def words(line):
    time.sleep(60)
    yield line, 1

job = Job(map=words, reduce=Sum())
"""


def write_job(folder: Path, text: str) -> Path:
    """A script under a name of its own: this process, which imports them all, knows a module by its name."""
    script = folder / f"{folder.name}.py"
    script.write_text(text)
    return script


@pytest.fixture
def slow(fanfold: Person, tmp_path: Path) -> Iterator[str]:
    """A job that would run for an hour; cancelled in the end."""
    script = write_job(tmp_path, SLOW)
    (tmp_path / "lines.txt").write_text("line\n" * 60)
    job = fanfold("submit", script, "--input", tmp_path / "lines.txt").text.strip()
    yield job
    fanfold("cancel", job, status=None)


@pytest.mark.thorough
def test_a_local_folder_through_a_built_in_job(fanfold: Person, texts: Path, tmp_path: Path):
    done = fanfold("submit", "wordcount", "--input", texts, "--partitions", "1", "--split-size", "1KiB", "--watch")
    job = done.text.strip()
    assert "succeeded" in done.stderr
    assert fanfold("results", job, "--stdout").stdout == word_counts(texts)
    fanfold("results", job, "--output", tmp_path / "out" / "counts")
    parts = fanfold("results", job, "--json").json["parts"]
    assert {part["name"] for part in parts} == {path.name for path in (tmp_path / "out" / "counts").iterdir()}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["counts"]
    assert b"".join((tmp_path / "out" / "counts" / part["name"]).read_bytes() for part in parts) == word_counts(texts)


@pytest.mark.thorough
def test_files_of_any_name_and_pipes_are_uploaded(fanfold: Person, tmp_path: Path):
    folder = tmp_path / "odd"
    folder.mkdir()
    for number, name in enumerate(("plain", "new\nline", "\x1b[31m", os.fsdecode(b"caf\xe9"))):
        (folder / name).write_text(f"word{number}\n")
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor() as writer:
        writer.submit((tmp_path / "pipe").write_text, "word4\n")
        places = ["--input", str(folder), "--input", f"{tmp_path}/pipe", "--input", f"{folder}/*line"]
        job = fanfold("submit", "wordcount", *places, "--partitions", "1", "--watch").text.strip()
    lines = ["word0\t1", "word1\t2", "word2\t1", "word3\t1", "word4\t1"]
    assert fanfold("results", job, "--stdout").text.splitlines() == lines
    names = {item["path"].rpartition("/")[2] for item in fanfold("ls", "-R", "uploads/", "--json").json["items"]}
    assert {"plain", "new%0Aline", "%1B[31m", "caf%E9", "pipe"} <= names


@pytest.mark.thorough
def test_included_files_travel_with_the_code(fanfold: Person, tmp_path: Path):
    (tmp_path / "stop.txt").write_text("the")
    read = "from pathlib import Path\nSTOP = Path(__file__).with_name('stop.txt').read_text()\n"
    text = f"from fanfold import Job, Sum\n{read}def f(line):\n    yield STOP, 1\njob = Job(map=f, reduce=Sum())\n"
    script = write_job(tmp_path, text)
    words = [
        "submit",
        str(script),
        *("--include", f"{tmp_path}/stop.txt"),
        "--input",
        f"{tmp_path}/stop.txt",
        "--watch",
    ]
    job = fanfold(*words).text.strip()
    assert fanfold("results", job, "--stdout").text == "the\t1\n"


@pytest.mark.thorough
@pytest.mark.parametrize("verb", ["put", "submit"])
def test_files_that_would_have_one_name_are_refused(verb: str, fanfold: Person, tmp_path: Path):
    folder = tmp_path / "odd"
    folder.mkdir()
    for name in ("a\n", "a%0A"):
        (folder / name).write_text("x")
    words = ["put", str(folder), "odd/"] if verb == "put" else ["submit", "wordcount", "--input", str(folder)]
    refused = fanfold(*words, status=3)
    assert "would both be" in refused.stderr and "a%0A in the service: rename one of them" in refused.stderr


@pytest.mark.thorough
def test_the_same_data_is_uploaded_once(fanfold: Person, texts: Path):
    fanfold("submit", "wordcount", "--input", texts, "--watch")
    before = fanfold("ls", "-R", "uploads/", "--json").json
    done = fanfold("submit", "wordcount", "--input", texts, "--watch")
    assert fanfold("ls", "-R", "uploads/", "--json").json == before
    assert "upload" not in done.stderr


@pytest.mark.thorough
def test_a_python_file_with_what_it_imports(fanfold: Person, texts: Path, tmp_path: Path):
    (tmp_path / "counter.py").write_text(COUNTER)
    (tmp_path / "longer.py").write_text("def long_enough(word):\n    return len(word) > 2\n")
    fanfold("put", texts, "texts")
    request = ("submit", tmp_path / "counter.py", "--input", "files:texts/", "--output", "files:out/", "--name", "long")
    job = fanfold(*request, "--watch", "--json").json
    assert (job["state"], job["name"], job["output"]) == ("succeeded", "long", "files:out/")
    expected = [line for line in word_counts(texts).splitlines() if len(line.rpartition(b"\t")[0].decode()) > 2]
    assert fanfold("results", job["id"], "--stdout").stdout.splitlines() == expected
    fanfold("get", "files:out/", tmp_path / "got")
    assert (tmp_path / "got" / "_SUCCESS").exists()


@pytest.mark.thorough
def test_programs_with_the_files_that_they_name(fanfold: Person, tmp_path: Path):
    example = Path(__file__).parents[3] / "examples" / "streaming" / "wordcount.py"
    (tmp_path / "a.txt").write_text("to be or not to be\n" * 500)
    given = ("--input", tmp_path / "a.txt", "--partitions", "1", "--split-size", "2KiB")
    job = fanfold("submit", example, *given, "--watch", "--json").json
    assert job["state"] == "succeeded"
    assert fanfold("results", job["id"], "--stdout").text == "be\t1000\nnot\t500\nor\t500\nto\t1000\n"


@pytest.mark.thorough
def test_a_script_written_for_mrjob(fanfold: Person, tmp_path: Path):
    script = Path(mrjob.examples.__file__).with_name("mr_most_used_word.py")
    (tmp_path / "a.txt").write_text("to be or not to be, that is the question: be it so\n" * 50)
    (tmp_path / "stop.txt").write_text("to\n")
    given = ("--mrjob", script, "--input", tmp_path / "a.txt", "--watch", "--json")
    job = fanfold("submit", *given, "--", "--stop-words-file", tmp_path / "stop.txt").json
    assert job["state"] == "succeeded"
    assert fanfold("results", job["id"], "--stdout").text == '"be"\n'
    told = fanfold("submit", "wordcount", "--input", tmp_path / "a.txt", "--", "--limit", "1", status=2).stderr
    assert "a job's own options, and --python, go with --mrjob" in told


@pytest.mark.thorough
def test_a_failure_shows_the_users_traceback(fanfold: Person, texts: Path, tmp_path: Path):
    script = write_job(tmp_path, BROKEN)
    done = fanfold("submit", script, "--input", texts, "--watch", status=1)
    job = done.text.strip()
    for stderr in (done.stderr, fanfold("status", job).stderr, fanfold("watch", job, status=1).stderr):
        assert "ZeroDivisionError" in stderr
        assert "in words" in stderr
        assert stderr.index("map/0: ") < stderr.index("a.txt, byte 0: to be or not") < stderr.index("Traceback")
        assert "site-packages" not in stderr
    assert fanfold("results", job, status=5).stderr


@pytest.mark.thorough
@pytest.mark.parametrize("output", [("--output", "files:kept/"), ()])
def test_the_end_shows_counters_and_what_was_skipped(fanfold: Person, tmp_path: Path, output):
    counting = 'from fanfold import *\ndef words(line, ctx):\n    ctx.count("lines", "seen")\n    int(line)\n'
    script = write_job(tmp_path, counting + "job = Job(map=words, on_error=Skip(at_most=0.9))\n")
    (tmp_path / "a.txt").write_text("1\nx\ny\n")
    done = fanfold("submit", script, "--input", tmp_path / "a.txt", *output, "--watch")
    job = done.text.strip()
    for stderr in (done.stderr, fanfold("watch", job).stderr):
        where = f"see fanfold results {job} --quarantine"
        assert f"2 bad records were skipped: {where}\nlines: seen 1\n" in stderr
    listed = fanfold("results", job, "--quarantine").text
    assert listed.startswith("a.txt, byte 2  x  the mapper raised ValueError") and len(listed.splitlines()) == 2
    assert [bad["record"] for bad in fanfold("results", job, "--quarantine", "--json").json["items"]] == ["x", "y"]
    fetched = fanfold("results", job, "--quarantine", "--output", tmp_path / "bad")
    assert "part-00000.jsonl, records in" in fetched.stderr
    assert '"record": "x"' in (tmp_path / "bad" / "part-00000.jsonl").read_text()
    again = fanfold("submit", "wordcount", "--input", tmp_path / "bad" / "records", "--watch").text.strip()
    assert fanfold("results", again, "--stdout").text == "x\t1\ny\t1\n"
    assert f"Job {again} has skipped no records." in fanfold("results", again, "--quarantine").stderr


@pytest.mark.thorough
def test_the_end_asks_for_a_forgotten_yield(fanfold: Person, tmp_path: Path):
    script = write_job(tmp_path, "from fanfold import Job\ndef words(line):\n    line.split()\njob = Job(map=words)\n")
    (tmp_path / "a.txt").write_text("1\nx\n")
    done = fanfold("submit", script, "--input", tmp_path / "a.txt", "--watch")
    assert "the mapper returned None for all 2 records: is a `yield` missing?" in done.stderr


@pytest.mark.thorough
def test_named_inputs_and_local_patterns(fanfold: Person, tmp_path: Path):
    script = tmp_path / "join.py"
    script.write_text(
        "from fanfold import *\n\n\ndef key(line):\n    yield line, 1\n\n\n"
        "job = Job(inputs={'left': Input(map=key), 'right': Input(map=key)}, reduce=Sum())\n"
    )
    for name in ("logs/a.log", "logs/b.log", "logs/c.txt", "right.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{name[:6]}\nall\n")
    fanfold("put", tmp_path / "right.txt", "right.txt")
    given = ("--input", f"left={tmp_path}/logs/*.log", "--input", "right=files:r*.txt", "--partitions", "1")
    job = fanfold("submit", script, *given, "--watch", "--json").json
    assert job["state"] == "succeeded" and list(job["inputs"]) == ["left", "right"]
    assert fanfold("results", job["id"], "--stdout").text == "all\t3\nlogs/a\t1\nlogs/b\t1\nright.\t1\n"
    assert "say which, as --input left=PLACE" in fanfold("submit", script, "--input", "files:x", status=3).stderr
    missing = fanfold("submit", "wordcount", "--input", f"{tmp_path}/*.zip", status=3)
    assert "matches none as a pattern" in missing.stderr


def test_what_a_job_asks_for_without_effect_is_said_when_it_is_submitted_and_later(fanfold: Person, tmp_path: Path):
    script = write_job(
        tmp_path,
        "from fanfold import Job, Resources\n\n\ndef same(line):\n    yield line\n\n\n"
        'job = Job(map=same, resources=Resources(priority="batch"))\n',
    )
    (tmp_path / "a.txt").write_text("x\n")
    done = fanfold("submit", script, "--input", tmp_path / "a.txt")
    for told in (done.stderr, fanfold("status", done.text.strip()).stderr):
        assert "resources: priority: no effect on this machine" in told


@pytest.mark.thorough
def test_a_failure_in_a_later_stage_names_it_and_the_record_of_the_one_before(fanfold: Person, tmp_path: Path):
    script = tmp_path / "late.py"
    script.write_text(
        "from fanfold import *\n\n\ndef words(line):\n    yield line, 1\n\n\n"
        "def late(word, count):\n    yield 1 // (2 - count), word\n\n\n"
        "job = Job(stages=[Stage(map=words, reduce=Sum()), Stage(map=late, reduce=Count())])\n"
    )
    (tmp_path / "a.txt").write_text("x\ny\ny\n")
    done = fanfold("submit", script, "--input", tmp_path / "a.txt", "--partitions", "1", "--watch", status=1)
    status = fanfold("status", done.text.strip())
    for told in (done.stderr, status.stderr):
        assert "stage 1, map/0: the mapper raised ZeroDivisionError" in told
        assert "at stage 0, part 0, record 1: ('y', 2)\n" in told
    steps = [line.split()[:3] for line in status.text.splitlines()[-5:]]
    assert [step[:2] for step in steps] == [
        ["0", "split"],
        ["0", "map"],
        ["0", "reduce"],
        ["1", "map"],
        ["1", "reduce"],
    ]
    assert [step[2] for step in steps] == ["1/1", "1/1", "1/1", "0/1", "0/1"]


@pytest.mark.thorough
def test_named_outputs(fanfold: Person, tmp_path: Path):
    script = tmp_path / "named.py"
    script.write_text(
        "from fanfold import *\n\n\ndef sort_out(line):\n    yield line if line > 'm' else To('low', line)\n\n\n"
        "job = Job(map=sort_out, outputs={'low': Text(compress='gzip')})\n"
    )
    (tmp_path / "a.txt").write_text("x\na\nz\nb\n")
    job = fanfold("submit", script, "--input", tmp_path / "a.txt", "--watch").text.strip()
    assert fanfold("results", job, "--stdout").text == "x\nz\n"
    assert gzip.decompress(fanfold("results", job, "--name", "low", "--stdout").stdout) == b"a\nb\n"
    fanfold("results", job, "--name", "low", "--output", tmp_path / "low")
    assert [path.name for path in (tmp_path / "low").iterdir()] == ["part-00000.txt.gz"]
    assert "has no output 'high': it has low" in fanfold("results", job, "--name", "high", status=5).stderr


@pytest.mark.thorough
def test_a_job_without_functions_needs_no_upload_of_code(fanfold: Person, tmp_path: Path):
    (tmp_path / "a.jsonl").write_text('["a",1]\n["b",2]\n["a",3]\n')
    (tmp_path / "sums.py").write_text("from fanfold import *\n\njob = Job(input=JSONL(), reduce=Sum())\n")
    job = fanfold("submit", tmp_path / "sums.py", "--input", tmp_path / "a.jsonl", "--watch").text.strip()
    assert fanfold("results", job, "--stdout").text == "a\t4\nb\t2\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["wordcont", "--input", "files:x/"], "no built-in job 'wordcont'"),
        (["gone.py", "--input", "files:x/"], "no file gone.py"),
        (["wordcount", "--input", "gone/"], "gone/ is not a file or folder on this machine"),
        (["wordcount", "--input", "files:gone/"], "files:gone/ doesn't exist"),
        (["wordcount", "--input", "http://x/y"], "is not supported"),
        (["wordcount", "--input", "files:x/", "--output", "out/"], "can't write to 'out/'"),
    ],
)
def test_refused_before_it_runs(fanfold: Person, words: list[str], said: str):
    done = fanfold("submit", *words, status=3)
    assert said in done.stderr
    assert done.stdout == b""
    assert fanfold("jobs", "--json").json == {"items": []}


def test_an_output_that_exists_is_refused(fanfold: Person, texts: Path):
    fanfold("put", texts, "texts")
    done = fanfold("submit", "wordcount", "--input", "files:texts/", "--output", "files:texts/", status=3)
    assert "files:texts/ already exists" in done.stderr


def test_a_viewer_may_not_submit(make_person: People):
    done = make_person("viewer")("submit", "wordcount", "--input", "files:x/", status=4)
    assert "role submitter" in done.stderr


@pytest.mark.thorough
def test_someone_elses_job_is_not_there(make_person: People, texts: Path):
    ada, eve = make_person(), make_person()
    job = ada("submit", "wordcount", "--input", texts, "--watch").text.strip()
    for words in (["status", job], ["watch", job], ["cancel", job], ["results", job, "--stdout"]):
        done = eve(*words, status=5)
        assert (done.stdout, job in done.stderr) == (b"", True)


def test_the_same_key_twenty_times_at_once_is_one_job(fanfold: Person, texts: Path, monkeypatch: pytest.MonkeyPatch):
    fanfold("put", texts, "texts")
    for name, value in fanfold.environ.items():
        monkeypatch.setenv(name, value)
    request = {"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"], "output": "files:once/"}
    with Client() as client, ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: client.jobs.submit(request, "only-once"), range(20)))
        assert len({answer["id"] for answer in answers}) == 1
        assert len(list(client.jobs.list())) == 1


@pytest.mark.parametrize("key", ["", "two\nlines", "schl\u00fcssel", "k" * 256])
def test_a_key_that_no_request_can_carry_is_refused(fanfold: Person, texts: Path, key: str):
    refused = fanfold("submit", "wordcount", "--input", texts, "--key", key, status=3)
    assert "an idempotency key has 1 to 255 visible ASCII characters" in refused.stderr
    assert fanfold("jobs", "--json").json == {"items": []}


@pytest.mark.thorough
def test_a_key_stands_for_one_request(fanfold: Person, texts: Path):
    fanfold("put", texts, "texts")
    first = fanfold("submit", "wordcount", "--input", "files:texts/", "--key", "k1").text
    assert fanfold("submit", "wordcount", "--input", "files:texts/", "--key", "k1").text == first
    other = fanfold("submit", "wordcount", "--input", "files:texts/a.txt", "--key", "k1", status=5)
    assert "was used before" in other.stderr


@pytest.mark.thorough
def test_jobs_are_listed_newest_first(make_person: People, texts: Path):
    fanfold, admin = make_person(), make_person("admin")
    fanfold("put", texts, "texts")
    ids = [fanfold("submit", "wordcount", "--input", "files:texts/", "--watch").text.strip() for _ in range(2)]
    assert [line.split()[0] for line in fanfold("jobs").text.splitlines()] == ["ID", *ids[::-1]]
    assert [job["id"] for job in fanfold("jobs", "--limit", "1", "--json").json["items"]] == ids[1:]
    assert fanfold("jobs", "--state", "failed").text == ""
    assert {
        job["id"] for job in admin("jobs", "--all", "--state", "succeeded", "--limit", "1000", "--json").json["items"]
    } >= set(ids)
    assert admin("jobs", "--json").json == {"items": []}
    assert fanfold("jobs", "--all", status=4).stderr


@pytest.mark.thorough
def test_a_cancelled_job_ends(fanfold: Person, slow: str):
    fanfold("cancel", slow)
    done = fanfold("watch", slow, status=1)
    assert "was cancelled" in done.stderr
    assert fanfold("status", slow, "--json").json["state"] == "cancelled"
    assert "is cancelled" in fanfold("cancel", slow).stderr


@pytest.mark.thorough
def test_what_has_ended_cannot_be_cancelled(fanfold: Person, texts: Path):
    job = fanfold("submit", "wordcount", "--input", texts, "--watch").text.strip()
    assert "so it cannot be cancelled" in fanfold("cancel", job, status=5).stderr


@pytest.mark.thorough
def test_what_has_ended_can_be_removed(fanfold: Person, slow: str):
    assert "Cancel it first" in fanfold("delete", slow, status=5).stderr
    fanfold("cancel", slow)
    poll(lambda: fanfold("delete", slow, status=None).status == 0)
    assert f"There is no job '{slow}'" in fanfold("status", slow, status=5).stderr


@pytest.mark.thorough
def test_ctrl_c_ends_the_watching_and_not_the_job(fanfold: Person, slow: str):
    watching = fanfold.spawn("watch", slow)
    assert watching.stderr is not None
    first = watching.stderr.readline()  # it follows the job now
    watching.send_signal(signal.SIGINT)
    _, rest = watching.communicate(timeout=20)
    assert first
    assert watching.returncode == 130
    assert f"The job keeps running. Follow it with fanfold watch {slow}" in rest.decode()
    assert b"Traceback" not in rest
    assert fanfold("status", slow, "--json").json["state"] in {"dispatched", "running"}


@pytest.mark.thorough
def test_figures_say_what_they_are(fanfold: Person, texts: Path):
    job = fanfold("submit", "wordcount", "--input", texts, "--partitions", "1", "--watch").text.strip()
    lines = [line.split() for line in fanfold("status", job).text.splitlines()]
    (told,) = [line for line in lines if line[:1] == ["map"]]
    assert (told[1], told[3], told[5]) == ("1/1", "records", "B")
    assert fanfold("results", job).text.split()[::2] == ["part-00000.txt", "records", "B", part_sha(fanfold, job)]


def part_sha(fanfold: Person, job: str) -> str:
    (part,) = fanfold("results", job, "--json").json["parts"]
    return str(part["sha256"])


@pytest.mark.thorough
def test_a_job_that_is_not_there(fanfold: Person):
    done = fanfold("watch", "nope", "--json", status=5)
    assert "`fanfold jobs` lists yours" in done.stderr
    assert "/v1/" not in done.stderr
    assert done.json["error"]["type"] == "urn:fanfold:problem:no-such-job"
    assert done.json["error"]["detail"] in done.stderr


@pytest.mark.thorough
def test_a_failed_job_in_json_says_why(fanfold: Person, texts: Path, tmp_path: Path):
    script = write_job(tmp_path, BROKEN)
    (job, *more) = fanfold("submit", script, "--input", texts, "--watch", "--json", status=1).text.splitlines()
    assert (json.loads(job)["error"]["type"], more) == ("urn:fanfold:problem:job-failed", [])


@pytest.mark.thorough
def test_results_go_only_where_nothing_is(fanfold: Person, texts: Path, tmp_path: Path):
    job = fanfold("submit", "wordcount", "--input", texts, "--watch").text.strip()
    (tmp_path / "empty").mkdir()
    fanfold("results", job, "--output", tmp_path / "empty")
    assert "already exists" in fanfold("results", job, "--output", tmp_path / "empty", status=5).stderr
    assert "already exists" in fanfold("results", job, "--output", texts / "a.txt", status=5).stderr


@pytest.mark.thorough
def test_results_into_a_pipe_that_closes(fanfold: Person, tmp_path: Path):
    (tmp_path / "many.txt").write_text("".join(f"word{number}\n" for number in range(100_000)))
    job = fanfold("submit", "wordcount", "--input", tmp_path / "many.txt", "--watch").text.strip()
    with fanfold.spawn("results", job, "--stdout") as printing:
        assert printing.stdout is not None
        assert printing.stderr is not None
        assert printing.stdout.readline() == b"word0\t1\n"
        printing.stdout.close()
        assert (printing.wait(20), printing.stderr.read()) == (141, b"")


@pytest.mark.thorough
def test_everything_has_json(fanfold: Person, texts: Path):
    admitted = fanfold("submit", "wordcount", "--input", texts, "--json").json
    final = fanfold("watch", admitted["id"], "--json").json
    assert final["state"] == "succeeded"
    assert fanfold("status", admitted["id"], "--json").json == final
    assert json.loads(fanfold("results", admitted["id"], "--json").stdout)["id"] == admitted["id"]


@pytest.mark.thorough
def test_an_output_is_replaced_as_a_run_replaces_it(fanfold: Person, texts: Path):
    fanfold("put", texts, "texts")
    request = ("submit", "wordcount", "--input", "files:texts/", "--output", "files:out/", "--partitions", "1")
    fanfold(*request, "--watch")
    poll(lambda: "or replace an earlier job's output" in fanfold(*request, status=None).stderr)
    options = ("--overwrite", "--memory", "256MiB", "--workers", "1", "--quiet")
    done = fanfold(*request, *options, "--watch")
    assert "map" not in done.stderr and "succeeded" in done.stderr
    assert fanfold("results", done.text.strip(), "--stdout").stdout == word_counts(texts)
    assert "the service decides where its jobs run" in fanfold(*request, "--on", "argo", status=2).stderr
    assert "MiB for" in fanfold(*request, "--overwrite", "--memory", "1MiB", status=3).stderr
