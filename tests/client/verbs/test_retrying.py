"""retry, events and workflow: a job that failed goes on, and is followed."""

import json
import sys
from pathlib import Path

import pytest

from tests.client.services import People, Person

COUNTING = """
from fanfold import Job, Sum

def words(line):
    for word in line.split():
        yield word, {value}

job = Job(map=words, reduce=Sum(), task_version={version!r})
"""


def script(folder: Path, value: str, version: str | None = None) -> Path:
    path = folder / f"{folder.name}.py"
    path.write_text(COUNTING.format(value=value, version=version))
    return path


@pytest.mark.thorough
def test_a_job_goes_on_with_mended_code(fanfold: Person, texts: Path, tmp_path: Path) -> None:
    job = fanfold("submit", script(tmp_path, "1 // 0"), "--input", texts, "--watch", status=1).text.split()[0]
    sys.modules.pop(tmp_path.name)  # this process imports the file once more
    told = fanfold("retry", job, "--code", script(tmp_path, "1"), "--watch")
    assert told.text.split() == [job]
    assert f"Run 2 of job {job} begins from the beginning." in told.stderr and "succeeded" in told.stderr
    seen = fanfold("status", job, "--json").json
    assert (seen["runs"], seen["resumed"], seen["state"], seen["anew"]) == (2, False, "succeeded", [2])
    assert f"before run 2: fanfold logs {job} --run 1" in fanfold("status", job).text
    assert "* failed: " in fanfold("logs", job, "--run", "1").text and "failed" not in fanfold("logs", job).text
    assert "had 2 runs, so there is no run 3" in fanfold("logs", job, "--run", "3", status=3).stderr
    assert "succeeded, so there is nothing to retry" in fanfold("retry", job, status=5).stderr
    assert "--include and --requirements go with --code" in fanfold("retry", job, "--include", "x", status=2).stderr


@pytest.mark.thorough
def test_events_are_lines(fanfold: Person, texts: Path) -> None:
    job = fanfold("submit", "wordcount", "--input", texts).text.strip()
    lines = fanfold("events", job, "--json").text.splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["event"] for event in events] == ["job"] * (len(events) - 1) + ["end"]
    assert events[-2]["data"].items() <= fanfold("status", job, "--json").json.items()
    ids = [int(event["id"]) for event in events[:-1]]
    assert ids == sorted(set(ids)) and events[-1]["data"] == {"state": "succeeded"}
    (line,) = fanfold("events", job).text.splitlines()
    assert line.startswith(f"{ids[-1]}  succeeded   split 1/1  map 1/1  reduce 1/1")
    assert fanfold("events", job, "--after", str(ids[-1])).text == ""
    told = fanfold("events", job, "--after", "x")
    assert "This begins anew" in told.stderr and told.text == f"{line}\n"


@pytest.mark.thorough
def test_processes_have_no_workflow(fanfold: Person, texts: Path) -> None:
    job = fanfold("submit", "wordcount", "--input", texts, "--watch").text.strip()
    assert "runs jobs as processes on its own machine" in fanfold("workflow", job, status=5).stderr


@pytest.mark.thorough
def test_only_administrators_submit_with_a_priority(make_person: People, fanfold: Person, texts: Path) -> None:
    submit = ("submit", "wordcount", "--input", texts, "--priority")
    job = make_person("admin")(*submit, "5", "--json").json
    assert job["priority"] == 5
    assert "A priority other than 0" in fanfold(*submit, "5", status=4).stderr
    assert fanfold(*submit, "101", status=2).text == ""
