"""Files and folders that are named on the command line travel with the code, and lie beside it as they did."""

import os
import sys
from pathlib import Path

import pytest

from fanfold.errors import InvalidJob
from fanfold.resolve import resolve
from fanfold_steps.failure.user_frames import missing_file
from tests.workflows.authoring.test_identity import modules_of, write
from tests.workflows.commands import RUN, run_in

JOB = """from pathlib import Path
from fanfold import Job, Sum
HERE = Path(__file__)
def words(line):
    yield HERE.with_name("stop.txt").read_text(), len(list((HERE.parent / "lists").glob("**/*.txt")))
job = Job(map=words, reduce=Sum())
if __name__ == "__main__":
    job.main()
"""
FILES = {
    "job.py": JOB,
    "stop.txt": "the",
    "lists/a.txt": "",
    "lists/deep/b.txt": "",
    "lists/.hidden": "",
    "other.txt": "",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write(tmp_path, FILES)
    monkeypatch.chdir(tmp_path)
    with modules_of(tmp_path):
        yield tmp_path


def test_what_is_included_keeps_its_place(folder):
    first = resolve("job.py", ["stop.txt", "lists"]).bundle
    assert first and sorted(first.names) == ["job.py", "lists/.hidden", "lists/a.txt", "lists/deep/b.txt", "stop.txt"]
    os.utime(folder / "stop.txt", (1, 1))
    again = resolve(str(folder / "job.py"), ["lists/", f"{folder}/stop.txt", "./lists/a.txt"]).bundle
    assert again == first
    assert resolve("job.py").bundle != first


def test_paths_are_relative_to_where_the_command_runs(folder, monkeypatch):
    write(folder, {"pack_of_include/__init__.py": "", "pack_of_include/count.py": JOB, "pack_of_include/.data": ""})
    monkeypatch.chdir(folder / "lists")
    bundle = resolve("../pack_of_include/count.py", ["../pack_of_include/.data"]).bundle
    assert bundle and "pack_of_include/.data" in bundle.names


@pytest.mark.parametrize(
    ("job", "path", "words"),
    [
        (
            "lists/job.py",
            "stop.txt",
            r"--include stop.txt: it doesn't lie in .*/lists, the folder of the job: put it there",
        ),
        ("job.py", "..", r"--include \.\.: it doesn't lie in .*the folder of the job"),
        ("job.py", "/etc/passwd", "--include /etc/passwd: it doesn't lie in"),
        ("job.py", "no.txt", r"--include no\.txt: there is no such file or folder"),
        ("wordcount", "stop.txt", "the built-in job wordcount has no code that could use it"),
    ],
)
def test_what_lies_elsewhere_is_refused(job, path, words, folder):
    write(folder, {"lists/job.py": JOB})
    with pytest.raises(InvalidJob, match=words):
        resolve(job, [path])


@pytest.mark.thorough
def test_both_ways_to_run_a_job_include(folder):
    write(folder, {"in/x": "x\n"})
    options = ["--input", "in", "--include", "stop.txt", "--include", "lists", "--quiet"]
    for number, command in enumerate(([*RUN, "job.py"], [sys.executable, "job.py"])):
        done = run_in(folder, *command, *options, "--output", f"out{number}")
        assert done.returncode == 0, done.stderr
        assert (folder / f"out{number}" / "part-00000.txt").read_text() == "the\t2\n"
    done = run_in(folder, *RUN, "job.py", "--input", "in", "--output", "out")
    assert done.returncode == 1
    assert (
        "travel with the code: add --include stop.txt to the command, or name it in Job(files={'stop':" in done.stderr
    )


ROOT = Path("/tmp/code")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(2, "No such file", "/tmp/code/my lists/a.txt"), "add --include my lists/a.txt to the"),
        (FileNotFoundError("No such file (os error 2): /tmp/code/a.csv"), "files={'a': 'a.csv'})"),
        (FileNotFoundError(2, "No such file", "a.csv"), "and read Path(__file__).with_name('a.csv')"),
        (FileNotFoundError(2, "No such file", "ffmpeg"), ""),
        (FileNotFoundError(2, "No such file", "/data/a.csv"), ""),
        (FileNotFoundError("nothing of that name"), ""),
        (PermissionError(13, "Denied", "/tmp/code/a.csv"), ""),
    ],
)
def test_a_file_that_was_left_behind_is_told(error, words):
    told = missing_file(error, ROOT)
    assert words in told if words else told == ""
