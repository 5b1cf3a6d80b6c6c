"""`--overwrite`: the old output stays until the new one is whole, and nothing but a job's output is ever replaced."""

import json
import os
import signal
import subprocess

import pytest

from fanfold.errors import Refused
from fanfold.planning import replacing
from fanfold_steps.tree.job_tree import JobTree
from fanfold_storage.objects import read_all
from fanfold_storage.urls import open_objects
from tests.waiting import poll
from tests.workflows.commands import RUN, run_in

pytestmark = pytest.mark.thorough

GATED = """
import time
from pathlib import Path
from fanfold import Job, Sum
def words(line):
    while not Path({gate!r}).exists():
        time.sleep(0.02)
    return [(word, 1) for word in line.split()]
job = Job(map=words, reduce=Sum())
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("new words\n")
    return tmp_path


def run(folder, *arguments, job="wordcount", environ=None):
    options = ["--input", "in", "--output", "out", "--workers", "1", "--quiet", *arguments]
    return run_in(folder, *RUN, job, *options, environ=environ)


def write_old(folder, parts=3):
    """An output of an earlier job, over other input."""
    (folder / "in" / "a.txt").rename(folder / "a.txt")
    (folder / "in" / "a.txt").write_text("old words of an old job\n")
    assert run(folder, "--partitions", str(parts)).returncode == 0
    (folder / "a.txt").replace(folder / "in" / "a.txt")


def output(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "out").iterdir()) if path.is_file()}


def is_new(folder):
    found = output(folder)
    assert set(found) == {"_SUCCESS", "part-00000.txt"}
    assert found["part-00000.txt"] == b"new\t1\nwords\t1\n"
    assert json.loads(found["_SUCCESS"])["records"] == 2
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".py") == ["in", "out"]


def test_an_old_output_is_replaced_and_nothing_of_it_stays(folder):
    write_old(folder)
    (folder / "out").chmod(0o750)
    refused = run(folder)
    assert refused.returncode == 3
    assert "--overwrite" in refused.stderr
    done = run(folder, "--overwrite")
    assert done.returncode == 0, done.stderr
    assert is_new(folder)
    assert (folder / "out").stat().st_mode & 0o777 == 0o750
    assert run(folder, "--overwrite").returncode == 0
    assert is_new(folder)


def test_named_outputs_and_records_put_aside_are_parts_of_an_output(folder):
    (folder / "several.py").write_text(
        "from fanfold import JSONL, Job, Skip, Sum, To\n"
        "def f(line):\n    yield To('rejects', line)\n    yield 1 // (len(line) - 3), 1\n"
        "job = Job(map=f, reduce=Sum(), outputs={'rejects': JSONL()}, on_error=Skip(at_most=0.9))\n"
    )
    (folder / "in" / "a.txt").write_text("one\nthree\n")
    for _ in range(2):
        done = run(folder, "--overwrite", job="several.py")
        assert done.returncode == 0, done.stderr
        files = [str(path.relative_to(folder / "out")) for path in (folder / "out").rglob("*") if path.is_file()]
        assert sorted(files) == [
            "_SUCCESS", "_fanfold/log.txt", "_fanfold/report.json", "_fanfold/tasks.json",
            "_quarantine/part-00000.jsonl", "_quarantine/records", "part-00000.txt", "rejects/part-00000.jsonl",
        ]  # fmt: skip


def test_where_nothing_is_it_changes_nothing(folder):
    assert run(folder, "--overwrite").returncode == 0
    assert is_new(folder)


def test_the_tree_that_was_kept_goes_with_its_output(folder):
    assert run(folder, "--keep", "--partitions", "2").returncode == 0
    assert run(folder, "--overwrite", "--keep").returncode == 0
    assert JobTree.open(str(folder / "out" / "_job")).conf().partitions == 1
    assert run(folder, "--overwrite").returncode == 0
    assert is_new(folder)


def test_the_old_output_stays_until_the_new_one_is_whole_and_interrupted_it_goes_on(folder):
    write_old(folder)
    old = output(folder)
    (folder / "gated.py").write_text(GATED.format(gate=str(folder / "gate.py")))
    options = ["--input", "in", "--output", "out", "--overwrite", "--quiet"]
    running = subprocess.Popen([*RUN, "gated.py", *options], cwd=folder, stderr=subprocess.PIPE)
    tree = JobTree.open(str(folder / ".out.fanfold-new" / "_job"))
    poll(lambda: tree.find("plan.json"))
    assert output(folder) == old
    running.send_signal(signal.SIGINT)
    assert b"run the same command again to resume" in running.communicate(timeout=20)[1]
    assert running.returncode == 130
    assert output(folder) == old
    plan = tree.objects.stat("plan.json")
    (folder / "gate.py").touch()
    done = run(folder, "--overwrite", "--keep", job="gated.py")
    assert done.returncode == 0, done.stderr
    kept = JobTree.open(str(folder / "out" / "_job"))
    assert kept.objects.stat("plan.json") == plan
    assert not (folder / ".out.fanfold-new").exists()


def test_a_job_that_fails_leaves_the_old_output_as_it_was(folder):
    write_old(folder)
    old = output(folder)
    script = folder / "job_here.py"
    broken = "from fanfold import Job, Sum\ndef f(line):\n    yield int(line), 1\njob = Job(map=f, reduce=Sum())\n"
    script.write_text(broken)
    assert run(folder, "--overwrite", job="job_here.py").returncode == 1
    assert output(folder) == old
    script.write_text(broken.replace("yield int(line), 1", "return [(word, 1) for word in line.split()]"))
    assert run(folder, "--overwrite", job="job_here.py").returncode == 0
    assert is_new(folder)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["letter.txt"], "it contains letter.txt"),
        (["part-00000.txt"], "it has no _SUCCESS file of a job"),
        (["_SUCCESS"], "it has no _SUCCESS file of a job"),
        (["_SUCCESS", "part-00000.txt", "photos/1.jpg"], "it contains photos/1.jpg"),
    ],
)
def test_what_no_job_wrote_is_not_replaced(folder, names, words):
    for name in names:
        (folder / "out" / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / "out" / name).write_text('{"job": "j", "parts": []}' if len(names) == 3 else "mine")
    refused = run(folder, "--overwrite")
    assert (refused.returncode, words in refused.stderr) == (3, True), refused.stderr
    assert {str(path.relative_to(folder / "out")) for path in (folder / "out").rglob("*.*")} >= set(names) - {
        "_SUCCESS"
    }
    assert sorted(path.name for path in folder.iterdir()) == ["in", "out"]


def test_what_somebody_puts_into_the_old_output_meanwhile_is_not_lost(folder):
    write_old(folder)
    beside = replacing.target_of((folder / "out").as_uri() + "/", [])
    (folder / ".out.fanfold-new").mkdir()
    (folder / "out" / "letter.txt").write_text("mine")
    with pytest.raises(Refused, match=r"it contains letter\.txt"):
        replacing.put_in_place(beside)
    assert (folder / "out" / "letter.txt").exists()


def test_a_job_does_not_replace_what_it_reads(folder):
    write_old(folder)
    for source in ("out", "out/part-00000.txt"):
        refused = run(folder, "--input", source, "--overwrite")
        assert refused.returncode == 3
        assert "lies in the output" in refused.stderr


def test_in_a_bucket_the_old_parts_give_way_at_the_end(folder, seaweedfs_server):
    url = seaweedfs_server.url("overwrite/")
    environ = dict(seaweedfs_server.environ)
    for words, parts in (("old words of an old job", "3"), ("new words", "1")):
        (folder / "in" / "a.txt").write_text(f"{words}\n")
        done = run(folder, "--output", url, "--overwrite", "--partitions", parts, environ=environ)
        assert done.returncode == 0, done.stderr
    store = open_objects(url, {**os.environ, **environ})
    kept = ["_fanfold/log.txt", "_fanfold/report.json", "_fanfold/tasks.json"]
    assert [stat.key for stat in store.list()] == ["_SUCCESS", *kept, "part-00000.txt"]
    assert read_all(store, "part-00000.txt") == b"new\t1\nwords\t1\n"
    assert json.loads(read_all(store, "_SUCCESS"))["records"] == 2


@pytest.mark.parametrize("key", ["job.json", "plan.json"])
def test_a_run_that_another_version_began_is_refused_until_it_is_overwritten(folder, key):
    (folder / "gated.py").write_text(GATED.format(gate=str(folder / "gate.py")))
    options = ["--input", "in", "--output", "out", "--quiet"]
    tree = JobTree.open(str(folder / "out" / "_job"))
    with subprocess.Popen([*RUN, "gated.py", *options], cwd=folder, stderr=subprocess.DEVNULL) as running:
        poll(lambda: tree.find("plan.json"))
        running.kill()
    began = tree.read(key)
    del began["version"]
    tree.objects.put(key, [json.dumps(began).encode()])
    refused = run(folder, job="gated.py")
    assert refused.returncode == 3
    assert "the job was begun by another version of Fanfold" in refused.stderr and "with --overwrite" in refused.stderr
    assert tree.read(key) == began
    (folder / "gate.py").touch()  # by now no worker of the killed run is left that could go on
    done = run(folder, "--overwrite", job="gated.py")
    assert done.returncode == 0, done.stderr
    assert is_new(folder)
