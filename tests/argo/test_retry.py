"""Retries on a real Kubernetes: whatever ended a job, its next run does only what wasn't committed, to the same bytes.

The jobs' code notes in its owner's files what it does, and fails until somebody opens a gate there.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.argo.installation import Installation, eventually, kubectl
from tests.argo.test_isolation import ROOTS
from tests.argo.test_isolation import storage as storage  # the fixture

CODE = """
import os, signal, time, uuid
from fanfold import Job, Resources
from fanfold_storage.errors import NotFound
from fanfold_storage.urls import open_objects

def is_open():
    try:
        return open_objects({area!r}).stat("gates/{name}")
    except NotFound:
        return False

def words(line):
    if line.startswith("#"):
        open_objects({area!r}).put(f"notes/{name}/{{line[1:]}}-{{uuid.uuid4().hex}}", [b"x"])
    if line == "#2" and not is_open():
        {trouble}
    return [(word, 1) for word in line.split()]

def add(key, values):
    yield key, sum(values)

job = Job(map=words, reduce=add, task_version="1"{more})
"""
FILES = 4
TEXT = {f"{number}.txt": f"#{number}\n" + "one two two\n" * 90 for number in range(FILES)}
COUNTS = Counter({"one": 90 * FILES, "two": 180 * FILES, **{f"#{number}": 1 for number in range(FILES)}})
TROUBLE: Mapping[str, tuple[str, str]] = {
    "users-code": ('raise ValueError("not yet")', ""),
    "timeout": ("time.sleep(600)", ", timeout=5"),
    # As the kernel ends a process for lack of memory; a pod tries no more, the service three times.
    "oom-killed": ("os.kill(os.getpid(), signal.SIGKILL)", ", resources=Resources(retries=0)"),
    "cancelled": ("time.sleep(600)", ""),
}


@dataclass(frozen=True)
class Case:
    """A job that meets trouble at the third of its four files."""

    installation: Installation
    folder: Path
    name: str
    area: str

    def script(self, trouble: str, more: str = "") -> Path:
        path = self.folder / f"{self.name.replace('-', '_')}.py"
        path.write_text(CODE.format(area=self.area, name=self.name, trouble=trouble, more=more))
        return path

    def submit(self, trouble: str, more: str = "", *options: str) -> str:
        shape = ["--split-size", "1KiB", "--workers", "1", "--partitions", "1", "--output", f"files:out/{self.name}/"]
        inputs = ["--input", f"files:retried/{self.name}/"]
        words: list[str | Path] = ["submit", self.script(trouble, more), *inputs, *shape, *options]
        return self.installation.fanfold(*words).strip()

    def open_gate(self) -> None:
        gate = self.folder / "gate"
        gate.touch()
        self.installation.fanfold("put", gate, f"gates/{self.name}")

    def notes(self) -> Counter[str]:
        """What was done, and how often."""
        prefix = f"notes/{self.name}/"
        paths = [file["path"] for file in json.loads(self.installation.fanfold("ls", "-R", "--json"))["items"]]
        return Counter(path[len(prefix) :].partition("-")[0] for path in paths if path.startswith(prefix))

    def committed(self, job: str) -> set[str]:
        """The files whose beginning a map task has read that is committed: two tasks read each file."""
        words = ["tasks", job, "--step", "map", "--state", "committed", "--json"]
        tasks = json.loads(self.installation.fanfold(*words))["items"]
        return {str(task["index"] // 2) for task in tasks if task["index"] % 2 == 0}

    def check_end(self, job: str) -> None:
        """The job goes on with everybody let through; what was committed isn't done again."""
        before, done = self.notes(), self.committed(job)
        assert done and "2" not in done
        self.open_gate()
        self.installation.fanfold("retry", job, "--watch")
        self.installation.fanfold("results", job, "--output", self.folder / self.name)
        lines = (self.folder / self.name / "part-00000.txt").read_text().splitlines()
        assert Counter({word: int(n) for word, n in (line.split("\t") for line in lines)}) == COUNTS, self.name
        again = self.notes() - before
        # A pod that is being stopped may commit its task after the job's end was told: that one isn't done again.
        assert again["2"] == 1 and set(again.values()) == {1}, (self.name, before, again)
        assert not set(again) & done, (self.name, done, again)
        status = self.installation.status(job)
        assert (status["runs"], status["resumed"]) == (2, True)
        assert status["workflow"]["name"] == f"fanfold-{job}-2"
        assert f"name: fanfold-{job}-2\n" in self.installation.fanfold("workflow", job)
        assert f"name: fanfold-{job}\n" in self.installation.fanfold("workflow", job, "--run", "1")


@pytest.fixture
def case(request: pytest.FixtureRequest, installation: Installation, storage: str, tmp_path: Path) -> Case:
    """A case of the name that the test is called with, and its input."""
    texts = tmp_path / "texts"
    texts.mkdir()
    for name, text in TEXT.items():
        (texts / name).write_text(text)
    installation.fanfold("put", texts, f"retried/{request.param}/")
    return Case(installation, tmp_path, request.param, f"{ROOTS[storage]}files/{installation.id()}/")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", [*TROUBLE, "workflow-gone"], indirect=True)
def test_a_job_goes_on_whatever_ended_it(case: Case) -> None:
    trouble = TROUBLE.get(case.name, TROUBLE["users-code"])
    job = case.submit(*trouble)
    if case.name == "cancelled":
        eventually(lambda: case.notes()["2"], "it has come to the file at which it hangs", 120)
        case.installation.fanfold("cancel", job)
    case.installation.fanfold("watch", job, status=1)
    assert case.installation.status(job)["state"] == ("cancelled" if case.name == "cancelled" else "failed")
    if case.name == "workflow-gone":
        kubectl("delete", "workflow", "-n", case.installation.namespace, f"fanfold-{job}")
        eventually(lambda: not case.installation.pods(f"fanfold.dev/job={job}"), "its pods are gone with the Workflow")
    case.check_end(job)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", ["image"], indirect=True)
def test_a_job_whose_image_is_not_there_goes_on_without_it(case: Case) -> None:
    job = case.submit("pass", "", "--image", "lab.local/none:test")
    case.installation.fanfold("watch", job, status=1)
    case.installation.fanfold("retry", job, "--code", case.script("pass"), "--watch")
    assert case.installation.status(job)["resumed"] is True
    assert case.notes() == Counter({str(number): 1 for number in range(FILES)})


def test_events_of_a_job_come_from_whichever_replica(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a b a\n")
    job = installation.fanfold("submit", "wordcount", "--input", tmp_path / "a.txt").strip()
    lines = installation.fanfold("events", job).splitlines()
    ids = [int(line.split()[0]) for line in lines]
    assert ids == sorted(set(ids)) and lines[-1].split()[1] == "succeeded"
    after = installation.fanfold("events", job, "--after", str(ids[0])).splitlines()
    assert [line.split()[0] for line in after][-1:] == [str(ids[-1])][len(ids) == 1 :]
    counted = installation.fanfold("counters", job)
    assert "input_records" in counted
