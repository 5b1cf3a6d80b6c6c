"""A run that is stopped, by Ctrl-C, SIGTERM or SIGKILL: nothing is left running, and nothing stays in TMPDIR."""

import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from fanfold_steps.tree.job_tree import JobTree
from tests.waiting import poll
from tests.workflows.commands import RUN

pytestmark = pytest.mark.thorough

BUSY = """
import subprocess, time
from pathlib import Path
from fanfold import Job, Sum
def words(line):
    if not Path("{folder}/go").exists():
        with subprocess.Popen(["sleep", "1000"], cwd="{folder}") as process:
            Path("{folder}/busy").touch()
            process.wait()
    return [(word, 1) for word in line.split()]
job = Job(map=words, reduce=Sum())
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("a b\n")
    (tmp_path / "scratch").mkdir()
    (tmp_path / "busy.py").write_text(BUSY.format(folder=tmp_path))
    return tmp_path


def start(folder, **how):
    options = ["--input", "in", "--output", "out", "--workers", "2"]
    environ = {**os.environ, "TMPDIR": str(folder / "scratch")}
    return subprocess.Popen([*RUN, "busy.py", *options], cwd=folder, env=environ, **how)


def running(folder):
    """Processes that know of the folder: by their arguments, or because they stand in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder) in (process / "cmdline").read_text() or os.readlink(process / "cwd") == str(folder):
                found.append(process.name)
        except OSError:
            continue
    return found


def is_interrupted(folder, process, told):
    assert process.wait(timeout=5) == 130
    assert "stopped: run the same command again to resume" in told()
    assert running(folder) == []
    assert list((folder / "scratch").iterdir()) == []
    assert not list((folder / "out").glob("part-*"))
    (folder / "go").touch()
    again = start(folder)
    assert again.wait(timeout=30) == 0
    assert (folder / "out/part-00000.txt").read_text() == "a\t1\nb\t1\n"
    return True


def test_ctrl_c_on_a_terminal(folder):
    here, terminal = pty.openpty()
    process = start(
        folder,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        process_group=None,
        start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
    )  # its controlling terminal
    os.close(terminal)
    poll((folder / "busy").exists)
    os.write(here, b"\x03")

    def told():
        text = b""
        try:
            while chunk := os.read(here, 65536):
                text += chunk
        except OSError:  # nobody has the other end any more
            os.close(here)
        return text.decode()

    assert is_interrupted(folder, process, told)


def test_sigterm(folder):
    with start(folder, stderr=subprocess.PIPE, text=True) as process:
        poll((folder / "busy").exists)
        process.send_signal(signal.SIGTERM)
        assert is_interrupted(folder, process, process.stderr.read)


def test_sigkill(folder):
    process = start(folder)
    poll((folder / "busy").exists)
    assert JobTree.open(str(folder / "out/_job")).find("plan.json")
    process.kill()
    process.wait()
    poll(lambda: running(folder) == [])
    assert list((folder / "scratch").iterdir())
    (folder / "go").touch()
    assert start(folder).wait(timeout=30) == 0
    assert (folder / "out/part-00000.txt").read_text() == "a\t1\nb\t1\n"
    assert list((folder / "scratch").iterdir()) == []
