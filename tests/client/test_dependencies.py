"""A job with packages through `fanfold up`: the bytes of a run here, and nothing sent or installed twice."""

import json
from pathlib import Path

import pytest

from tests.client.services import Done, Person, Up
from tests.wheels import JOB, build_shout, only_from


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "in.txt").write_text("to be or\nnot to be\n")
    (tmp_path / "job.py").write_text(JOB)
    build_shout(tmp_path / "index")
    return tmp_path


def submitted(fanfold: Person, work: Path, *words: str, status: int = 0) -> Done:
    environ = fanfold.environ | only_from(work / "index", work / "cache")
    process = fanfold.spawn("submit", "job.py", "--input", "files:in.txt", *words, env=environ, cwd=work)
    out, err = process.communicate(timeout=120)
    assert process.returncode == status, err.decode()
    return Done(status, out, err.decode())


def uploads(up: Up) -> list[str]:
    lines = map(json.loads, (up.data / "log").read_text().splitlines())
    return [line["path"] for line in lines if line.get("method") == "PUT" and "/bundles/" in line.get("path", "")]


@pytest.mark.thorough
def test_a_submitted_job_finds_its_packages_and_sends_them_once(fanfold: Person, up: Up, work: Path) -> None:
    fanfold("put", work / "in.txt", "in.txt")
    job = submitted(fanfold, work, "--watch").text.split()[0]
    fanfold("results", job, "--output", work / "out")
    assert (
        b"".join(path.read_bytes() for path in sorted((work / "out").iterdir())) == b"BE!\t2\nNOT!\t1\nOR!\t1\nTO!\t2\n"
    )
    sent = uploads(up)
    assert len(sent) >= 3  # the code and two wheels
    environments = sorted((up.data.parent / "cache/fanfold/environments").iterdir())
    submitted(fanfold, work, "--watch")
    assert uploads(up) == sent
    assert sorted((up.data.parent / "cache/fanfold/environments").iterdir()) == environments


@pytest.mark.thorough
def test_requirements_that_can_not_be_had_are_refused_before_anything_is_sent(
    fanfold: Person, up: Up, work: Path
) -> None:
    sent = uploads(up)
    (work / "requirements.txt").write_text("nowhere>=1\n")
    done = submitted(fanfold, work, "--requirements", "requirements.txt", status=3)
    assert "nowhere" in done.stderr
    assert "can't be resolved for Python 3." in done.stderr
    assert uploads(up) == sent


def test_packages_are_not_for_built_in_jobs(fanfold: Person, work: Path) -> None:
    requirements = work / "requirements.txt"
    requirements.write_text("shout\n")
    done = fanfold("submit", "wordcount", "--input", "files:in.txt", "--requirements", requirements, status=3)
    assert "only a job in a Python file imports packages: leave it out" in done.stderr


@pytest.mark.thorough
def test_a_script_for_mrjob_brings_packages_too(fanfold: Person, work: Path) -> None:
    fanfold("put", work / "in.txt", "in.txt")
    (work / "requirements.txt").write_text("shout\n")
    (work / "job.py").write_text(
        "from mrjob.job import MRJob\n\nclass Words(MRJob):\n    def mapper(self, _, line):\n"
        "        from shout import shout\n        yield shout(line), 1\n\nif __name__ == '__main__':\n    Words.run()\n"
    )
    words = ("--mrjob", "--requirements", "requirements.txt", "--watch")
    job = submitted(fanfold, work, *words).text.split()[0]
    assert fanfold("results", job, "--stdout").text == '"TO BE OR!"\t1\n"NOT TO BE!"\t1\n'
