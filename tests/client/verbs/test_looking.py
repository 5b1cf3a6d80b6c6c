"""`fanfold logs`, `tasks`, `explain`: of a job in the service, while it runs and afterwards, and of a run here."""

import json
import secrets
from pathlib import Path

import pytest

from tests.client.services import Person
from tests.waiting import poll

JOB = """
import subprocess, time
from pathlib import Path
from fanfold import Job, Skip

WAIT = Path({wait!r})

def words(line, ctx):
    if ctx.source.offset == 0:
        print("printed", ctx.source.path)
        ctx.log("logged")
        ctx.progress("reading")
        while WAIT.exists():
            time.sleep(0.01)
    if "bad" in line:
        raise ValueError(line)
    for word in line.split():
        yield word, 1

def add(key, values):
    yield key, sum(values)

job = Job(map=words, reduce=add, on_error=Skip(0.5))
if __name__ == "__main__":
    job.main()
"""


@pytest.fixture
def job(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("to be or not to be\nbad\n" * 100)
    path = tmp_path / f"job_{secrets.token_hex(4)}.py"  # modules of one name can't be imported by one process
    path.write_text(JOB.format(wait=str(tmp_path / "wait")))
    return path


@pytest.mark.thorough
def test_a_job_in_the_service_is_looked_at_while_it_runs_and_afterwards(
    fanfold: Person, job: Path, tmp_path: Path
) -> None:
    (tmp_path / "wait").touch()
    job_id = fanfold("submit", job, "--input", tmp_path / "in", "--workers", "1").text.strip()
    poll(lambda: "printed a.txt" in fanfold("logs", job_id).text, 60)
    (running,) = poll(lambda: fanfold("tasks", job_id, "--state", "running", "--json").json["items"])
    assert (running["step"], running["index"], running["worker"], running["status"]) == ("map", 0, "all-0", "reading")
    with fanfold.spawn("logs", job_id, "--follow", "--task", "map/0") as following:
        assert following.stdout is not None
        assert following.stdout.readline().rstrip().endswith(b"0/map/0 * claimed")
        (tmp_path / "wait").unlink()
        followed = following.stdout.read().decode()
        assert following.wait() == 0
    assert "0/map/0 | logged" in followed
    assert "0/map/0 > reading" in followed
    assert "0/map/0 * committed: 200 records" in followed
    assert "quarantined 100, the first: in a.txt" in followed
    assert "reduce" not in followed
    lines = [json.loads(line) for line in fanfold("logs", job_id, "--json").text.splitlines()]
    assert {(line["task"], line["by"]) for line in lines} >= {("0/map/0", "job"), ("0/reduce/0", "fanfold")}
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    listed = fanfold("tasks", job_id, "--json", "--sort", "index").json["items"]
    assert [(task["step"], task["state"], task["attempts"]) for task in listed] == [
        ("map", "committed", 1), ("reduce", "committed", 1)
    ]  # fmt: skip
    assert listed[0]["skipped"] == 100
    assert fanfold("explain", job_id, "--json").json["findings"]
    shown = fanfold("status", job_id)
    assert "skipped   100 bad records" in shown.text
    assert "heaviest keys of 600 values: 'to' 33%, 'be' 33%" in shown.stderr
    assert fanfold("status", job_id, "--json").json["skew"][0]["step"] == "map"


def test_a_job_that_is_not_there_has_no_log(fanfold: Person) -> None:
    for verb in ("logs", "tasks", "explain"):
        assert "`fanfold jobs` lists yours" in fanfold(verb, "0" * 20, status=5).stderr


@pytest.mark.thorough
def test_a_run_is_looked_at_by_its_output(fanfold: Person, job: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    fanfold("run", job, "--input", tmp_path / "in", "--output", output, "--workers", "1", "--quiet")
    assert not (output / "_job").exists()
    assert "0/map/0 | printed a.txt" in fanfold("logs", output).text
    assert "reduce" not in fanfold("logs", f"{output}/", "--task", "map").text
    assert fanfold("tasks", output, "--json").json["items"][0]["worker"] == "all-0"
    assert fanfold("explain", output, "--json").json["skew"][1]["keys"][0]["values"] == 200
    assert "map/0" in fanfold("tasks", output).text
    assert "goes with a job in the service" in fanfold("logs", output, "--follow", status=2).stderr
    assert "is not a task" in fanfold("logs", output, "--task", "x", status=3).stderr
    assert "holds no run of a job" in fanfold("logs", tmp_path / "in", status=3).stderr
    none = fanfold("logs", output, "--task", "map/999").stderr
    assert f"The log of map/999 is empty. List the job's tasks with fanfold tasks {output}" in none


@pytest.mark.thorough
def test_a_run_that_failed_is_looked_at_in_its_tree(fanfold: Person, job: Path, tmp_path: Path) -> None:
    job.write_text(job.read_text().replace(", on_error=Skip(0.5)", ""))
    output = tmp_path / "out"
    fanfold("run", job, "--input", tmp_path / "in", "--output", output, "--quiet", status=1)
    log = fanfold("logs", output, "--task", "map/0").text.splitlines()
    assert log[-1].endswith("* failed: the mapper raised ValueError: bad")
    found = fanfold("tasks", output, "--state", "failed", "--json").json["items"]
    assert [(task["step"], task["index"]) for task in found] == [("map", 0)]
    assert f"fanfold logs {output} --task map/0" in fanfold("explain", output).text
