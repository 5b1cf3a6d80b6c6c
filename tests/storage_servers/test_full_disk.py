"""A disk that is really full: records can still be changed, and a job that filled it can be cancelled (root)."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanfold_storage.errors import StorageError
from fanfold_storage.records import Expect, Write
from fanfold_storage.urls import open_records
from tests.waiting import poll

MIB = 1 << 20
FILLER = """
import time
from fanfold import Job

def fill(line):
    with open({file!r}, "wb", buffering=0) as out:
        try:
            while True:
                out.write(bytes(4096))
        except OSError:
            pass
    while True:
        time.sleep(1)

job = Job(map=fill)
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk: Path) -> None:
    with open(disk / "filler", "wb", buffering=0) as out, contextlib.suppress(OSError):
        while True:
            out.write(bytes(4096))


def test_records_change_on_a_full_disk(disk: Path) -> None:
    with contextlib.closing(open_records(f"sqlite://{disk}/records.db")) as records:
        revision = records.transact([], [Write("job", {"state": "running"})])
        fill(disk)
        for turn in range(1000):
            assert isinstance(revision, int)
            revision = records.transact([Expect("job", revision)], [Write("job", {"state": "running", "turn": turn})])
        found = records.get("job")
        assert found and found.value == {"state": "running", "turn": 999}
        with pytest.raises(StorageError, match="The disk is full: make room"):
            for turn in range(100):  # large ones need a disk
                records.transact([], [Write(f"large/{turn}", {"x": "y" * (MIB // 2)})])
        assert records.get("job") == found


def test_a_job_that_filled_the_disk_is_cancelled(disk: Path, tmp_path: Path) -> None:
    fanfold = [sys.executable, "-m", "fanfold_client"]
    environ = os.environ | {f"XDG_{kind}_HOME": str(tmp_path / "home") for kind in ("CONFIG", "STATE", "DATA")}

    def run(*words: str, stdin: str = "") -> str:
        done = subprocess.run([*fanfold, *words], env=environ, input=stdin, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    data = disk / "data"
    command = [*fanfold, "up", "--data", str(data), "--port", "0", "--auth-port", "0", "--json"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as up:
        try:
            assert up.stdout
            ready = json.loads(up.stdout.readline())
            user = ready["user"]
            run("login", ready["url"], "--user", user["name"], "--password-stdin", stdin=f"{user['password']}\n")
            (tmp_path / "filler.py").write_text(FILLER.format(file=str(disk / "filler")))
            (tmp_path / "one.txt").write_text("one\n")
            job = run("submit", str(tmp_path / "filler.py"), "--input", str(tmp_path / "one.txt")).strip()
            poll(lambda: os.statvfs(disk).f_bavail == 0)
            assert "writing to the objects" in not_ready(f"{ready['url']}/readyz")
            assert urllib.request.urlopen(f"{ready['url']}/healthz", timeout=10).status == 200
            run("cancel", job)
            poll(lambda: json.loads(run("status", job, "--json"))["state"] == "cancelled")
        finally:
            up.send_signal(signal.SIGTERM)


def not_ready(url: str) -> str:
    """Why a service isn't ready, once it says so: a write that succeeded counts for some seconds."""

    def look() -> str:
        try:
            urllib.request.urlopen(url, timeout=10).close()
        except urllib.error.HTTPError as answer:
            assert answer.code == 503
            detail: str = json.load(answer)["detail"]
            return detail
        return ""

    return str(poll(look))
