"""Data files that lie beside a job's modules, read as installed packages read theirs: alike in every way of running."""

import sys

import pytest

from tests.workflows.commands import RUN, run_in

JOB = """
from fanfold import Job
from lists.words import stop

def marked(line):
    yield f"{line} {stop()}"

job = Job(map=marked)
if __name__ == "__main__":
    job.main()
"""
WORDS = """
from importlib.resources import files

def stop():
    return files("lists").joinpath("more/stop.txt").read_text()
"""


@pytest.mark.thorough
@pytest.mark.parametrize("command", [[*RUN, "job.py"], [sys.executable, "job.py"]], ids=["fanfold run", "python"])
@pytest.mark.parametrize("is_regular", [True, False], ids=["package", "namespace package"])
def test_a_package_reads_its_own_files(command, is_regular, tmp_path):
    (tmp_path / "lists/more").mkdir(parents=True)
    (tmp_path / "lists/more/stop.txt").write_text("the")
    (tmp_path / "lists/words.py").write_text(WORDS)
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "in.txt").write_text("a\n")
    if is_regular:
        (tmp_path / "lists/__init__.py").write_text("")
    words = [*command, "--input", "in.txt", "--output", "out", "--quiet"]
    done = run_in(tmp_path, *words)
    if not is_regular:  # a folder without __init__.py may hold anything, so its files are to be named
        assert done.returncode == 1
        assert "add --include lists/more/stop.txt to the command" in done.stderr
        done = run_in(tmp_path, *words, "--include", "lists")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/part-00000.txt").read_text() == "a the\n"
