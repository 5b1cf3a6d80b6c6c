"""Where errors end: `fanfold` for every verb, and a job's own script."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from fanfold.errors import Refused
from fanfold.terminal.errors import Exit, run_and_exit
from fanfold_client import main
from tests.client.services import COMMAND
from tests.servers import wait_until

SLOW = """
import time
from pathlib import Path
from fanfold import Job, Sum

def words(line):
    Path("begun").touch()
    time.sleep(60)
    yield line, 1

job = Job(map=words, reduce=Sum())

if __name__ == "__main__":
    job.main()
"""
BROKEN = SLOW.replace("time.sleep(60)", "1 // 0")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands run: a text, a job that takes long and one that fails."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "lines.txt").write_text("a line\n")
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "broken.py").write_text(BROKEN)
    return tmp_path


PLACES = ("--input", "lines.txt", "--output", "out")


@pytest.mark.parametrize("verb", ["run", "render"])
def test_run_and_render_end_like_other_verbs(
    verb: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FANFOLD_DEBUG", "1")
    assert main.run([verb, "wordcont", *PLACES]) == 3
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert "fanfold: there is no built-in job 'wordcont'" in told


def test_a_fault_of_ours(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    @click.command()
    def verb() -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(main.Verbs, "get_command", lambda *_: verb)
    assert main.run(["ls"]) == Exit.OUR_FAULT
    told = capsys.readouterr().err
    assert "a bug in Fanfold: ZeroDivisionError: of ours" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("words", "status"), [(["run", "wordcont", *PLACES, "--json"], 3), (["status", "--json"], 2), (["ls", "--json"], 4)]
)
def test_json_tells_what_went_wrong(
    words: list[str], status: int, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    for kind in ("CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(folder))
    assert main.run(words) == status
    told = capsys.readouterr()
    error = json.loads(told.out)["error"]
    assert error["status"] == status
    assert error["detail"] in told.err


@pytest.mark.thorough
@pytest.mark.parametrize("command", [[*COMMAND, "run", "broken.py"], [sys.executable, "broken.py"]])
def test_a_failed_run_in_json_is_like_a_failed_job_of_the_service(command: list[str], folder: Path):
    done = subprocess.run([*command, *PLACES, "--json"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["type"] == "urn:fanfold:problem:job-failed"
    assert (error["task"]["step"], error["record"]["offset"], error["record"]["text"]) == ("map", 0, "a line")
    assert error["detail"].endswith("ZeroDivisionError: integer division or modulo by zero")
    assert f"fanfold: the job failed: map/0: {error['detail']}\nat " in done.stderr
    assert error["traceback"] in done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("command", [[*COMMAND, "run", "slow.py"], [sys.executable, "slow.py"]])
def test_ctrl_c_says_once_what_goes_on(command: list[str], folder: Path):
    options: dict[str, Any] = {"stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    with subprocess.Popen([*command, *PLACES, "--workers", "1"], **options) as running:
        wait_until((folder / "begun").exists, [])
        os.killpg(running.pid, signal.SIGINT)
        told = running.communicate(timeout=20)[1]
    assert running.returncode == Exit.INTERRUPTED
    said = [line for line in told.splitlines() if line and not line.startswith(("split", "map"))]
    assert said == ["stopped: run the same command again to resume"]


def test_a_script_of_its_own_ends_by_itself(capsys: pytest.CaptureFixture[str]):
    def refused() -> int:
        raise Refused("no")

    with pytest.raises(SystemExit) as ended:
        run_and_exit(refused)
    assert (ended.value.code, capsys.readouterr().err) == (3, "fanfold: no\n")


def test_a_reader_who_left_before_a_short_answer():
    with subprocess.Popen([*COMMAND, "--version"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as telling:
        assert telling.stdout
        assert telling.stderr
        telling.stdout.close()
        assert (telling.wait(20), telling.stderr.read()) == (Exit.READER_LEFT, b"")
