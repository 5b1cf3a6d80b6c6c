"""The verbs that use a service need nothing that native Windows lacks; those that run jobs say that it isn't enough."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fanfold_client.main import NOT_ON_WINDOWS, VERBS
from tests.client.services import PASSWORD, Done, Person

JOB = """
from fanfold import Job, Sum

def words(line):
    for word in line.split():
        yield word.lower(), 1

job = Job(map=words, reduce=Sum())

if __name__ == "__main__":
    job.main()
"""
AS_WINDOWS = [sys.executable, "-m", "tests.client.as_windows"]
CHECKOUT = Path(__file__).resolve().parents[2]


def on_windows(person: Person, *words: str | Path, stdin: str = "", status: int = 0) -> Done:
    """`fanfold WORDS…` as this person, without what Windows lacks."""
    command = [*AS_WINDOWS, *map(str, words)]
    done = subprocess.run(
        command, cwd=CHECKOUT, env=person.environ, input=stdin.encode(), capture_output=True, timeout=100
    )
    told = done.stderr.decode()
    assert done.returncode == status, f"fanfold {words} ended with {done.returncode}: {told}"
    return Done(done.returncode, done.stdout, told)


@pytest.mark.thorough
def test_a_job_is_submitted_followed_and_fetched(fanfold: Person, texts: Path, tmp_path: Path):
    (tmp_path / "words.py").write_text(JOB)
    login = ("login", fanfold.up.url, "--user", fanfold.name, "--password-stdin")
    on_windows(fanfold, *login, stdin=f"{PASSWORD}\n")
    assert on_windows(fanfold, "whoami", "--json").json["name"] == fanfold.name
    job = on_windows(fanfold, "submit", tmp_path / "words.py", "--input", texts, "--watch").text.strip()
    assert on_windows(fanfold, "watch", job, "--json").json["state"] == "succeeded"
    assert on_windows(fanfold, "status", job, "--json").json["state"] == "succeeded"
    assert on_windows(fanfold, "counters", job, "--json").json
    assert job in on_windows(fanfold, "jobs").text
    on_windows(fanfold, "results", job, "--output", tmp_path / "out")
    assert b"be\t100" in (tmp_path / "out/part-00000.txt").read_bytes()
    assert b"be\t100" in on_windows(fanfold, "results", job, "--stdout").stdout
    on_windows(fanfold, "cancel", job, status=5)
    on_windows(fanfold, "delete", job)
    on_windows(fanfold, "logout")


@pytest.mark.thorough
def test_files_are_stored_listed_fetched_and_removed(fanfold: Person, texts: Path, tmp_path: Path):
    on_windows(fanfold, "put", texts, "texts/")
    assert "texts/deep er/b #1 100%?.txt" in on_windows(fanfold, "ls", "-R", "files:texts/").text
    on_windows(fanfold, "get", "files:texts/", tmp_path / "copy")
    assert (tmp_path / "copy/a.txt").read_bytes() == (texts / "a.txt").read_bytes()
    on_windows(fanfold, "rm", "files:texts/", "--yes")
    assert on_windows(fanfold, "ls", "--json").json["items"] == []


@pytest.mark.thorough
def test_patterns_and_standard_input_are_uploaded(fanfold: Person, texts: Path):
    job = on_windows(fanfold, "submit", "wordcount", "--input", texts / "**/*.txt", "--watch").text.strip()
    here = fanfold("submit", "wordcount", "--input", texts / "**/*.txt", "--watch").text.strip()
    results = [fanfold("results", each, "--stdout").stdout for each in (job, here)]
    assert results[0] == results[1] != b""
    missing = on_windows(fanfold, "submit", "wordcount", "--input", texts / "*.gz", status=3)
    assert "is not a file or folder on this machine, and matches none as a pattern" in missing.stderr
    typed = on_windows(fanfold, "submit", "wordcount", "--input", "-", "--watch", stdin="to be\n").text.strip()
    assert fanfold("results", typed, "--stdout").stdout == b"be\t1\nto\t1\n"


@pytest.mark.thorough
def test_a_job_with_packages_is_refused_in_one_sentence(fanfold: Person, texts: Path, tmp_path: Path):
    (tmp_path / "words.py").write_text(f'# /// script\n# dependencies = ["six"]\n# ///\n{JOB}')
    told = on_windows(fanfold, "submit", tmp_path / "words.py", "--input", texts, status=3).stderr
    assert told.count("\n") == 1 and "on Windows, submit the job inside WSL2" in told


@pytest.mark.thorough
@pytest.mark.parametrize("verb", NOT_ON_WINDOWS)
def test_what_needs_workers_says_in_one_sentence_that_wsl2_does(fanfold: Person, verb: str):
    words = [verb, "wordcount", "--input", "texts/", "-h"]
    told = on_windows(fanfold, *words, status=3).stderr
    assert told.count("\n") == 1 and "needs Linux or macOS: on Windows, do it inside WSL2" in told
    assert json.loads(on_windows(fanfold, *words, "--json", status=3).stdout)["error"]["status"] == 3


@pytest.mark.thorough
def test_a_jobs_own_command_says_so_too(tmp_path: Path):
    (tmp_path / "words.py").write_text(JOB)
    code = (
        "import runpy, sys; from tests.client.as_windows import become_windows; become_windows();"
        f"sys.argv[0] = {str(tmp_path / 'words.py')!r}; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("fanfold: running a job needs Linux or macOS") and done.stderr.count("\n") == 1


@pytest.mark.thorough
def test_all_other_verbs_load(fanfold: Person):
    for verb in {name for section in VERBS.values() for name in section} - NOT_ON_WINDOWS.keys():
        assert on_windows(fanfold, verb, "-h").text.startswith("Usage: fanfold")
