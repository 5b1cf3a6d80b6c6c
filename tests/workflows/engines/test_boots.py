"""What was committed before this machine crashed is done again, whatever the crash has left of it."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from fanfold.engines.local import boots
from fanfold.engines.local.boots import begin_within_boot
from fanfold_steps.tree.commit import Commit
from fanfold_steps.tree.job_tree import BOOT_KEY, JobTree
from fanfold_steps.tree.report import REPORT_KEY
from fanfold_steps.tree.task import Task
from tests.workflows.commands import RUN, run_in

SCRIPT = """
from pathlib import Path
from fanfold import Job
HERE = Path({folder!r})
def words(line):
    if line.startswith("#"):
        with (HERE / "notes").open("a") as notes:
            print(line, file=notes)
    if line == "#2" and not (HERE / "gate").exists():
        raise ValueError("not yet")
    return [(word, 1) for word in line.split()]
def add(key, values):
    yield key, sum(values)
job = Job(map=words, reduce=add)
"""
FILES = 3
COMMAND = [*RUN, "job.py", "--input", "in", "--output", "out", "--split-size", "1KiB", "--workers", "1", "--quiet"]
on_linux = pytest.mark.skipif(not Path("/proc/sys/kernel/random/boot_id").exists(), reason="it names boots")


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A folder with a job that failed at the last of its files, and would succeed now."""
    (tmp_path / "in").mkdir()
    for number in range(FILES):
        (tmp_path / "in" / f"{number}.txt").write_text(f"#{number}\n" + "one two\n" * 120)
    (tmp_path / "job.py").write_text(SCRIPT.format(folder=str(tmp_path)))
    assert run_in(tmp_path, *COMMAND).returncode == 1
    (tmp_path / "gate").touch()
    return tmp_path


def notes(folder: Path) -> Counter[str]:
    return Counter((folder / "notes").read_text().split())


def crash(tree: Path) -> None:
    """As a file system comes back that had not written what wasn't synced: names without content."""
    emptied = [*tree.glob("stage-*/*/runs/*"), *tree.glob("stage-*/*/commits/*")]
    assert emptied
    for file in emptied:
        file.write_bytes(b"")
    (tree / BOOT_KEY).write_text(json.dumps({"boot": "the one before"}))


@on_linux
def test_after_a_crash_of_the_machine_all_tasks_are_done_again(stopped: Path):
    crash(stopped / "out" / "_job")
    done = run_in(stopped, *COMMAND)
    assert done.returncode == 0, done.stderr
    assert notes(stopped) == {"#0": 2, "#1": 2, "#2": 2}
    resumed = (stopped / "out" / "part-00000.txt").read_bytes()
    shutil.rmtree(stopped / "out")
    assert run_in(stopped, *COMMAND).returncode == 0
    assert (stopped / "out" / "part-00000.txt").read_bytes() == resumed


def test_within_a_boot_nothing_is_done_twice(stopped: Path):
    assert run_in(stopped, *COMMAND).returncode == 0
    assert notes(stopped) == {"#0": 1, "#1": 1, "#2": 2}


@pytest.fixture
def tree(tmp_path: Path) -> JobTree:
    """A tree with a commit."""
    tree = JobTree.open(f"{tmp_path.as_uri()}/")
    assert tree.commit(Task(0, "map", 0), Commit("a", 0, 0))
    return tree


def begin(tree: JobTree, boot: str, monkeypatch: pytest.MonkeyPatch) -> tuple[bool, list[int]]:
    """Begin in a boot; whether commits need only last for it, and those that count."""
    monkeypatch.setattr(boots, "_boot_id", lambda: boot)
    return begin_within_boot(tree), list(tree.committed(0, "map"))


def test_commits_count_within_the_boot_in_which_they_were_made(tree, monkeypatch):
    assert begin(tree, "one", monkeypatch) == (True, [0]), "durable: nobody has said otherwise"
    assert begin(tree, "one", monkeypatch) == (True, [0])
    assert begin(tree, "two", monkeypatch) == (True, [])


def test_a_crash_amid_forgetting_is_met_again(tree, monkeypatch):
    begin(tree, "one", monkeypatch)
    begin(tree, "two", monkeypatch)
    assert tree.commit(Task(0, "map", 0), Commit("a", 0, 0)), "a name that was removed, but not durably, is back"
    assert begin(tree, "three", monkeypatch) == (True, [])


def test_where_boots_have_no_name_everything_is_durable(tree, monkeypatch):
    assert begin(tree, "", monkeypatch) == (False, [0])
    begin(tree, "one", monkeypatch)
    assert begin(tree, "", monkeypatch) == (False, [])


def test_a_note_that_the_jobs_code_has_changed_is_another_boots(tree, monkeypatch):
    tree.objects.put(BOOT_KEY, [b"[]"])
    assert begin(tree, "one", monkeypatch) == (True, [])


def test_a_job_that_is_done_stays_so(tree, monkeypatch):
    begin(tree, "one", monkeypatch)
    tree.objects.put(REPORT_KEY, [b"{}"])
    assert begin(tree, "two", monkeypatch) == (True, [0])


def test_only_the_workers_of_one_machine_leave_out_the_sync(tmp_path, monkeypatch):
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    for within_boot in (True, False):
        tree = JobTree.open(f"{(tmp_path / str(within_boot)).as_uri()}/", within_boot=within_boot)
        for index in range(2):  # the first one makes folders, durably
            synced.clear()
            tree.put_run(Task(0, "map", index).run("a"), [b"run"])
            tree.commit(Task(0, "map", index), Commit("a", 0, 0))
        assert bool(synced) is not within_boot
    synced.clear()
    JobTree.open(f"{tmp_path.as_uri()}/", within_boot=True).create(REPORT_KEY, {})
    assert synced
