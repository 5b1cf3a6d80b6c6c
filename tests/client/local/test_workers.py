"""What a job's code finds around it on this machine, and what it can't leave behind: with real workers."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client.services import COMMAND, Person, Up, people
from tests.processes import is_running
from tests.waiting import poll

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="told by /proc")

SECRET = "never-to-be-seen"
SERVICES_OWN = ("FANFOLD_SUBMIT_S3_SECRET", "FANFOLD_AUTH_KEK_FILE", "FANFOLD_TOKEN")
OPERATORS_OWN = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GITHUB_TOKEN", "DATABASE_URL", "KUBECONFIG")
LOOKING = """
import json, os, subprocess
from fanfold import Job

def look(line):
    umask = os.umask(0)
    os.umask(umask)
    fields = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
    yield json.dumps({
        "environ": dict(os.environ),
        "program": subprocess.run(["env"], capture_output=True, text=True).stdout,
        "umask": umask,
        "files": {number: os.readlink(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")
                  if os.path.lexists(f"/proc/self/fd/{number}")},
        "ids": [os.getpid(), os.getpgid(0), os.getsid(0)],
        "blocked": fields["SigBlk"].strip(),
        "input": os.read(0, 10).decode(),
    })

job = Job(map=look)
"""
# As daemons do: forks twice, with a session of its own in between, and nothing of its environment is left.
LEAVING = """
import os, subprocess, sys, time
from fanfold import Job

DAEMON = '''
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(f"{sys.argv[1]}/{os.getpid()}", "w").close()
        time.sleep(600)
    os._exit(0)
os.wait()
'''

def leave(line):
    told, then = line.split()
    is_first = not os.path.isdir(told)
    os.makedirs(told, exist_ok=True)
    before = os.listdir(told)
    subprocess.run([sys.executable, "-c", DAEMON, told], env={}, check=True)
    while os.listdir(told) == before:
        time.sleep(0.01)
    if then == "hang":
        time.sleep(600)
    if then == "die" and is_first:
        os.kill(os.getpid(), 9)
    yield line, 1

job = Job(map=leave)
"""


@pytest.fixture
def careless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Up]:
    """Services that somebody started with secrets in the environment, and files for everybody."""
    for name in (*SERVICES_OWN, *OPERATORS_OWN):
        monkeypatch.setenv(name, SECRET)
    umask = os.umask(0)
    try:
        services = Up(tmp_path / "up")
    finally:
        os.umask(umask)
    for name in (*SERVICES_OWN, *OPERATORS_OWN):
        monkeypatch.delenv(name)
    yield services
    services.kill()


@pytest.fixture
def user(careless: Up, tmp_path: Path) -> Iterator[Person]:
    for make in people(careless, tmp_path / "people"):
        yield make()


def script(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / f"{folder.parent.name.lower().replace('-', '_')}_job.py"
    file.write_text(text)
    return file


def lines(folder: Path, text: str) -> Path:
    file = folder / "lines.txt"
    file.write_text(text)
    return file


@pytest.mark.thorough
def test_a_users_job_finds_nothing_of_the_services(user: Person, tmp_path: Path) -> None:
    given = ("--input", lines(tmp_path, "a\n"), "--watch")
    job = user("submit", script(tmp_path / "code", LOOKING), *given).text.strip()
    (found,) = map(json.loads, user("results", job, "--stdout").text.splitlines())
    assert SECRET not in json.dumps(found)
    assert {"PATH", "HOME", "TMPDIR"} <= set(found["environ"])
    assert not {*SERVICES_OWN, *OPERATORS_OWN} & set(found["environ"])
    assert found["umask"] == 0o077
    refuse_what_others_opened(found, user.up.data)


@pytest.mark.thorough
def test_ones_own_job_finds_ones_own_environment(tmp_path: Path) -> None:
    """A job that `fanfold run` starts is its user's own; but it needs no login at the services."""
    kept = tmp_path / "kept"
    kept.write_text("of whoever starts the command")
    environ = os.environ | dict.fromkeys(SERVICES_OWN, SECRET) | {"MODEL": "small"}
    words = ("run", script(tmp_path / "code", LOOKING), "--input", lines(tmp_path, "a\n"), "--output", tmp_path / "out")
    with kept.open() as file:
        command = [*COMMAND, *map(str, words)]
        done = subprocess.run(
            command, env=environ, pass_fds=[file.fileno()], umask=0o027, capture_output=True, timeout=60
        )
    assert done.returncode == 0, done.stderr
    (found,) = [
        json.loads(line) for part in (tmp_path / "out").glob("part-*") for line in part.read_text().splitlines()
    ]
    assert SECRET not in json.dumps(found)
    assert found["environ"]["MODEL"] == "small" and found["umask"] == 0o027
    refuse_what_others_opened(found, kept)


def refuse_what_others_opened(found: dict[str, Any], foreign: Path) -> None:
    """No file or socket of the parent, no signal held back; a process group and a session of its own; no input."""
    pid, group, session = found["ids"]
    assert pid == group == session
    assert found["blocked"] == "0" * 16 and found["input"] == ""
    secrets = [name for name in found["files"].values() if name.startswith(("socket:", str(foreign)))]
    own = str(foreign / "store")
    assert [name for name in secrets if not name.startswith(own)] == []


@pytest.mark.thorough
@pytest.mark.parametrize("then", ["end", "die"])
def test_a_daemon_dies_with_the_job_that_left_it(user: Person, tmp_path: Path, then: str) -> None:
    """Also where its worker was killed, and another one ended the job."""
    told = tmp_path / "daemons"
    given = ("--input", lines(tmp_path, f"{told} {then}\n"), "--watch")
    user("submit", script(tmp_path / "code", LEAVING), *given)
    assert len(daemons(told)) == {"end": 1, "die": 2}[then]
    poll(lambda: not any(map(is_running, daemons(told))))


def daemons(told: Path) -> list[int]:
    return [int(file.name) for file in told.iterdir()]


@pytest.mark.thorough
@pytest.mark.parametrize("end", ["cancel", signal.SIGTERM, signal.SIGKILL])
def test_a_daemon_dies_with_its_job_however_that_is_ended(user: Person, tmp_path: Path, end: Any) -> None:
    told = tmp_path / "daemons"
    given = ("--input", lines(tmp_path, f"{told} hang\n"))
    job = user("submit", script(tmp_path / "code", LEAVING), *given).text.strip()
    (daemon,) = poll(lambda: told.exists() and daemons(told))
    assert is_running(daemon)
    if end == "cancel":
        user("cancel", job)
    else:
        user.up.stop(end)
    poll(lambda: not is_running(daemon))


@pytest.mark.thorough
def test_a_daemon_dies_with_a_run(tmp_path: Path) -> None:
    told = tmp_path / "daemons"
    words = ("run", script(tmp_path / "code", LEAVING), "--input", lines(tmp_path, f"{told} end\n"))
    subprocess.run([*COMMAND, *map(str, words), "--output", str(tmp_path / "out")], check=True, timeout=60)
    assert not is_running(*daemons(told))
