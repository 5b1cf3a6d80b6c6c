"""The cluster's own parts fail while a job runs: it ends with the right bytes, once."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.argo.ground import IMAGE, Ground, namespace_over
from tests.argo.installation import Installation, eventually, kubectl
from tests.argo.test_isolation import storage as storage  # the fixture
from tests.cluster import daemons, layout

pytestmark = pytest.mark.long
SLOW = """
import time
from fanfold import Job, Sum

def words(line):
    time.sleep(0.005)
    return [(word, 1) for word in line.split()]

job = Job(map=words, reduce=Sum())
"""
LINES, AWAY_SECONDS = 3000, 20
COUNTS = b"few\t3000\nwords\t6000\n"


@contextmanager
def running(installation: Installation, folder: Path, *more: str) -> Iterator[str]:
    """A job with tasks committed and tasks left; at the end it must succeed, with the right bytes."""
    (folder / "slow.py").write_text(SLOW)
    (folder / "in.txt").write_text("few words words\n" * LINES)
    words = ["submit", str(folder / "slow.py"), "--input", str(folder / "in.txt"), "--split-size", "4KiB"]
    job = installation.fanfold(*words, "--workers", "2", "--partitions", "1", *more).strip()
    eventually(lambda: installation.done(job, "map") >= 1, "a map is committed", 90)
    yield job
    installation.fanfold("watch", job)
    installation.fanfold("results", job, "--output", folder / "out")
    assert b"".join(part.read_bytes() for part in sorted((folder / "out").glob("part-*"))) == COUNTS


def test_the_controller_is_restarted(installation: Installation, tmp_path: Path) -> None:
    with running(installation, tmp_path):
        kubectl("delete", "pod", "-n", "argo", "--selector", "app=workflow-controller", "--now")


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")  # as it must be
def test_the_kubelet_is_restarted(installation: Installation, tmp_path: Path) -> None:
    process = Path("/proc", (layout.PIDS / "kubelet").read_text())
    command = process.joinpath("cmdline").read_text().split("\0")[:-1]
    with running(installation, tmp_path):
        daemons.stop("kubelet")
        daemons.start("kubelet", command)


def test_the_s3_server_is_away_for_a_while(installation: Installation, storage: str, tmp_path: Path) -> None:
    if storage != "s3":  # there is none; the volume has trouble of its own, below
        return
    where = ("-n", installation.namespace, "deployment/minio")
    with running(installation, tmp_path):
        kubectl("scale", *where, "--replicas=0")
        time.sleep(AWAY_SECONDS)  # the outage itself
        kubectl("scale", *where, "--replicas=1")
        kubectl("rollout", "status", *where, "--timeout=120s")


@pytest.fixture
def small_volume(cluster: None, tmp_path: Path) -> Iterator[Ground]:
    """A namespace whose volume has 32 MiB."""
    folder = tmp_path / "volume"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m,mode=1777", "tmpfs", folder], check=True)
    with namespace_over(folder) as ground:
        yield ground
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("is_emptied", [True, False])
def test_the_volume_is_full(small_volume: Ground, tmp_path: Path, is_emptied: bool) -> None:
    """If somebody makes room, the job ends well, else in a sentence that says what to do."""
    folder, filler = small_volume.folder, small_volume.folder / "filler"
    (folder / "slow.py").write_text(SLOW)
    (folder / "in.txt").write_text("few words words\n" * LINES)
    pods = ["--on", "argo", "--namespace", small_volume.namespace, "--image", IMAGE, "--claim", f"data:{folder}"]
    shape = ["--input", "in.txt", "--output", "out", "--split-size", "4KiB", "--workers", "2", "--partitions", "1"]
    command = [sys.executable, "-m", "fanfold_client", "run", "slow.py", *shape, *pods]
    run = subprocess.Popen(command, cwd=folder, umask=0, stderr=subprocess.PIPE, text=True)
    commits = folder / "out" / "_job" / "stage-0" / "map" / "commits"
    eventually(lambda: commits.is_dir() and any(commits.iterdir()), "a map is committed", 90)
    with filler.open("wb", buffering=0) as out, suppress(OSError):
        while True:
            out.write(bytes(4096))
    if is_emptied:
        time.sleep(AWAY_SECONDS)  # the outage itself
        filler.unlink()
    _, told = run.communicate(timeout=280)
    if is_emptied:
        assert run.returncode == 0, told
        assert (folder / "out" / "part-00000.txt").read_bytes() == COUNTS
    else:
        assert run.returncode == 1
        assert "The disk is full: make room" in told
        assert not (folder / "out" / "_SUCCESS").exists()
