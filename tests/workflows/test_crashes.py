"""The process killed with SIGKILL before and after every write, then the same command again.

The output has the same bytes, only what was not committed runs again, and no stray file is left. Command and worker are
one process here, forked for each run, so that there is none that would start the worker anew.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fanfold.engines.protocol import Handle, Observation, Phase
from fanfold.errors import OutputTaken
from fanfold.foreground import run as foreground
from fanfold.foreground.request import RunRequest
from fanfold.planning import replacing
from fanfold.planning.compiled import CompiledJob
from fanfold.planning.planner import PlannedJob
from fanfold.planning.sizing import Sizing
from fanfold.resolve import resolve
from fanfold_steps.crash_points import arm
from fanfold_steps.job.dependencies import Dependencies, Wheel
from fanfold_steps.memory.budget import Budget
from fanfold_steps.sorting import keys
from fanfold_steps.sorting.partitions import by_hash
from fanfold_steps.tree import plan
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.user_code.packages import THIS_PYTHON
from fanfold_steps.worker import loop as worker
from fanfold_steps.worker.loop import Worker
from tests import crash_points
from tests.wheels import build_wheel

pytestmark = pytest.mark.thorough

SCRIPT = """
from pathlib import Path
from fanfold import Job, Skip, Stage, Text, To
LOG = Path({log!r})
def log(what):
    with LOG.open("a") as file:
        print(what, file=file)
def words(line):
    if line.startswith("#"):
        log(f"map {{line[1:]}}")
    if line == "bad":
        raise ValueError(line)
    notes = [To("notes", line)] if line.startswith("#") else []
    return [*notes, *((word, 1) for word in line.split())]
def add(key, values):
    log(f"reduce {{key}}")
    yield key, sum(values)
def keep(key, values):
    return [(key, value) for value in values]
stages = [Stage(map=words, reduce=add), Stage(reduce=keep, order="total"), Stage()]
job = Job(stages=stages, outputs={{"notes": Text()}}, on_error=Skip(0.5))
"""
FILES, PARTITIONS = 3, 2
OUTPUT = {
    "_SUCCESS",
    "_fanfold",
    "_fanfold/log.txt",
    "_fanfold/report.json",
    "_fanfold/tasks.json",
    "_quarantine",
    "_quarantine/part-00000.jsonl",
    "_quarantine/records",
    "notes",
    "notes/part-00000.txt",
    *(f"part-{number:05d}.txt" for number in range(PARTITIONS)),
}
SPILLED = ("spill", "merge")
ELSEWHERE = "begin."  # writes of jobs that plan themselves: tests/steps/definition/test_begin.py
COLUMNS = "finish.columns"
TYPED = """
from fanfold import Job, Parquet
def words(line):
    yield line, 1
def part(key, n):
    return ord(key) % n
def row(key, values):
    yield {"key": key, "x": 1 if key == "a" else 2.5}
job = Job(map=words, reduce=row, partition=part, output=Parquet())
"""
SWAPPED, IN_PLACE = ("overwrite.swap", "overwrite.old"), ("overwrite.manifest", "overwrite.part", "start.replaces")


WHEELS = "start.wheels"


class Here:
    """An engine whose one worker is this process."""

    name = "local"

    def submit(self, plan: PlannedJob) -> Handle:
        Worker(JobTree.open(plan.job_url), "all", 0).run()
        return Handle("here", plan.conf.id, "1")

    def observe(self, handle: Handle) -> Observation:
        return Observation(Phase.ENDED)

    def close(self) -> None:
        pass


class Away(Here):
    """The same, as if on another machine."""

    name = "argo"


@dataclass
class Case:
    """A job in a folder."""

    folder: Path
    overwrite: bool
    wheel: Path | None = None

    def run(self, at: str = "") -> int:
        """The exit status of the command; -9 if it was killed at the point."""
        return forked(lambda: self._command(at))

    def _command(self, at: str) -> int:
        arm(at)
        tempfile.tempdir = str(self.folder.parent)  # what a killed worker leaves here, its engine removes
        places = (self.folder / "in").as_uri(), (self.folder / "out").as_uri() + "/"
        sizing = Sizing(partitions=PARTITIONS, split_size=1024, workers=1)
        request = RunRequest([places[0]], places[1], sizing, overwrite=self.overwrite, quiet=True)
        return foreground.run_to_end(self._with_wheel(resolve(str(self.folder / "counting.py"))), request)

    def _with_wheel(self, compiled: CompiledJob) -> CompiledJob:
        if self.wheel is None:
            return compiled
        data = self.wheel.read_bytes()
        wheel = Wheel(self.wheel.name, hashlib.sha256(data).hexdigest(), len(data))
        (self.wheel.parent / wheel.sha256).write_bytes(data)
        spec = replace(compiled.spec, dependencies=Dependencies(THIS_PYTHON, "linux", [wheel]))
        return replace(compiled, spec=spec, wheels=self.wheel.parent)

    @property
    def log(self) -> set[str]:
        path = self.folder / "log"
        return set(path.read_text().splitlines()) if path.exists() else set()

    def output(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / "out").glob("part-*")}

    def files(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if "__pycache__" not in str(path)}

    def left(self) -> set[str]:
        """What a run has yet to do, by what is committed."""
        everything = {f"map {number}" for number in range(FILES)} | {
            f"reduce {word}" for word in ["w", *(f"#{number}" for number in range(FILES))]
        }
        for tree in (JobTree.open(str(self.folder / place / "_job")) for place in ("out", ".out.fanfold-new")):
            if tree.find("report.json"):
                return set()
            if tree.find("job.json"):
                reduced = set(tree.committed(0, "reduce"))
                done = {f"map {number}" for number in tree.committed(0, "map")}
                return {what for what in everything - done if _partition(what) not in reduced}
        return everything


def _partition(what: str) -> int | None:
    step, _, key = what.partition(" ")
    return next(iter(by_hash(PARTITIONS)([keys.encode(key)]))) if step == "reduce" else None


def forked(action: Callable[[], int]) -> int:
    """The exit status of a process forked to do it."""
    pid = os.fork()
    if not pid:
        status = 99
        try:
            status = action()
        except OutputTaken:
            status = 3
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setattr(foreground, "open_engine", lambda request: Here())
    monkeypatch.setattr(plan, "GROUP", 2)
    monkeypatch.setattr(plan, "MANY", 0)
    (tmp_path / "job/in").mkdir(parents=True)
    for number in range(FILES):
        (tmp_path / f"job/in/{number}.txt").write_text(f"#{number}\n" + "w\n" * 400 + "bad\n" * (not number))
    (tmp_path / "job/counting.py").write_text(SCRIPT.format(log=str(tmp_path / "job/log")))
    return Case(tmp_path / "job", overwrite=False)


def with_old_output(case: Case) -> Case:
    """The same job, which is to replace what another one wrote."""
    first = case.folder / "in/0.txt"
    text = first.read_text()
    first.write_text(text.replace("w\n", "old\n"))
    assert case.run() == 0
    (case.folder / "out/part-00007.txt").write_text("a part more than the new one has\n")
    first.write_text(text)
    (case.folder / "log").unlink()
    case.overwrite = True
    return case


def check(case: Case, write: str, when: str, at: int = 1) -> bool:
    """Kill, run again, look; False if the point isn't reached so often."""
    status = case.run(f"{write}.{when}:{at}")
    if status == 0 and at > 1:
        return False
    assert status == -signal.SIGKILL
    left, is_settled = case.left(), not (case.folder / "out/_job").exists() and (case.folder / "out/_SUCCESS").exists()
    (case.folder / "log").unlink(missing_ok=True)
    assert case.run() == (3 if is_settled and not case.overwrite else 0)
    if not is_settled:
        assert case.log == left
    assert case.files() - {"log"} == {"in", *(f"in/{n}.txt" for n in range(FILES)), "counting.py", "out"} | {
        f"out/{name}" for name in OUTPUT
    }
    assert (case.folder / "out/notes/part-00000.txt").read_text() == "".join(f"#{n}\n" for n in range(FILES))
    expected = sorted([*(f"#{number}\t1" for number in range(FILES)), f"w\t{400 * FILES}"])
    assert sorted(b"".join(case.output().values()).decode().splitlines()) == expected
    return True


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "write",
    [
        write
        for write in crash_points.writes()
        if write not in (*SPILLED, *SWAPPED, *IN_PLACE, COLUMNS, WHEELS) and not write.startswith(ELSEWHERE)
    ],
)
def test_killed_at_a_point_the_same_command_completes_the_job(case: Case, write: str, when: str) -> None:
    assert check(case, write, when)
    shutil.rmtree(case.folder / "out")
    check(case, write, when, 2)


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_wheels_are_put_where_pods_find_them(
    case: Case, when: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(foreground, "open_engine", lambda request: Away())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "wheels").mkdir()
    case.wheel = build_wheel(tmp_path / "wheels", "thing")
    assert check(case, WHEELS, when)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", SPILLED)
def test_killed_while_memory_goes_to_disk(case: Case, write: str, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "budget_of", lambda conf: Budget(4096))
    monkeypatch.setattr(Budget, "piece", property(lambda budget: 256))  # several batches in a split
    monkeypatch.setattr(plan, "MANY", 1 << 14)  # as many runs as maps, more than are merged at once
    assert check(case, write, when)


@pytest.mark.parametrize("write", [COLUMNS, "finish.part", "finish.manifest"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_parts_are_given_the_same_columns(case: Case, write: str, when: str) -> None:
    shutil.rmtree(case.folder / "in")
    (case.folder / "in").mkdir()
    (case.folder / "in/a.txt").write_text("a\nb\n")
    (case.folder / "counting.py").write_text(TYPED)
    assert case.run() == 0
    expected = {path.name: path.read_bytes() for path in (case.folder / "out").iterdir() if path.is_file()}
    shutil.rmtree(case.folder / "out")
    assert case.run(f"{write}.{when}") == -signal.SIGKILL
    assert case.run() == 0
    found = {path.name: path.read_bytes() for path in (case.folder / "out").iterdir() if path.is_file()}
    assert found.keys() == expected.keys()
    for name in found.keys() - {"_SUCCESS"}:
        assert found[name] == expected[name]
    assert json.loads(found["_SUCCESS"])["parts"] == json.loads(expected["_SUCCESS"])["parts"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", [*SWAPPED, "start.job", "map.commit", "finish.report", "clear.tree", "clear.report"])
def test_killed_while_it_replaces_an_output_by_exchange(case: Case, write: str, when: str) -> None:
    assert check(with_old_output(case), write, when)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "write", [*IN_PLACE, "start.job", "finish.part", "finish.manifest", "finish.report", "clear.tree"]
)
def test_killed_while_it_replaces_an_output_in_place(
    case: Case, write: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replacing, "can_exchange", lambda folder: False)
    assert check(with_old_output(case), write, when)


def test_the_document_tells_how_many_points_there_are() -> None:
    count = len(crash_points.points())
    print(f"{count} crash points")
    told = re.search(r"(\d+) named points", (crash_points.ROOT / "docs/performance.md").read_text())
    assert told, "run `python -m bench page`"
    assert int(told[1]) == count
