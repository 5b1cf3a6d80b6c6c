"""What a job's code starts ends with the worker: also daemons that left its group and its session."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fanfold_steps.worker.descendants import end_below, end_marked
from tests.processes import is_running
from tests.waiting import poll

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found in /proc")

# Forks twice, with a session of its own in between, as daemons do; then says who it is, and stays.
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(sys.argv[1], "w").write(str(os.getpid()) + "\\n")
        time.sleep(600)
    os._exit(0)
os.wait()
"""
# As a worker: adopts orphans, lets a daemon be made, and ends as it is told.
WORKER = """
import subprocess, sys
from fanfold_steps.worker.descendants import adopt_orphans
adopt_orphans()
subprocess.run([sys.executable, "-c", sys.argv[1], sys.argv[2]], check=True, env={} if sys.argv[3] == "bare" else None)
print("made", flush=True)
sys.stdin.read()
"""


def started(folder: Path, environ: str) -> tuple[subprocess.Popen[str], int]:
    told = folder / "pid"
    command = [sys.executable, "-c", WORKER, DAEMON, str(told), environ]
    worker = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(folder)}
    )
    assert worker.stdout and worker.stdout.readline() == "made\n"
    daemon = int(poll(lambda: told.exists() and told.read_text().endswith("\n") and told.read_text()))
    return worker, daemon


def test_a_daemon_is_ended_with_the_worker_though_its_environment_is_bare(tmp_path: Path) -> None:
    worker, daemon = started(tmp_path, "bare")
    with worker:
        assert is_running(daemon)
        end_below(worker.pid)
        assert not is_running(daemon) and is_running(worker.pid)
        worker.kill()


def test_a_daemon_of_a_worker_that_was_killed_is_known_by_its_scratch_folder(tmp_path: Path) -> None:
    worker, daemon = started(tmp_path, "whole")
    with worker:
        worker.send_signal(signal.SIGKILL)
    assert is_running(daemon)
    end_marked(f"TMPDIR={tmp_path}")
    assert not is_running(daemon)


def test_what_forks_for_ever_is_ended(tmp_path: Path) -> None:
    forks = "import os, time\nwhile True:\n    if os.fork(): os._exit(0)\n    os.setsid(); time.sleep(0.001)"
    start = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]]); sys.stdin.read()"
    environ = {**os.environ, "MARK": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", start, forks], stdin=subprocess.PIPE, env=environ) as parent:
        end_marked(f"MARK={tmp_path}")
        assert parent.wait(10) < 0
