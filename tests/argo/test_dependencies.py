"""Jobs that bring packages on a cluster whose pods reach no network: the bytes of a run on one machine."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fanfold_client.client import Client
from tests.argo.ground import IMAGE, namespace_over
from tests.argo.installation import Installation
from tests.wheels import build_wheel

JOB = """# /// script
# dependencies = ["regex>=2024", "inflection==0.5.1"]
# ///
from fanfold import Job, Sum
import inflection
import regex


def words(line):
    for word in regex.findall(r"\\p{L}+", line):
        yield inflection.pluralize(word.lower()), 1


job = Job(map=words, reduce=Sum())
"""
LINES = "Woman and child, naïve ox\nchild of an ox\n" * 200


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for name in "abc":
        (tmp_path / f"in/{name}.txt").write_text(LINES)
    (tmp_path / "job.py").write_text(JOB)
    return tmp_path


def parts(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("part-*")))


def test_a_pure_and_a_binary_package_come_with_the_job(installation: Installation, work: Path) -> None:
    installation.fanfold("put", work / "in", "packages/")
    words = ["--input", "files:packages/", "--workers", "2", "--partitions", "2", "--watch"]
    job = installation.fanfold("submit", work / "job.py", *words).split()[0]
    installation.fanfold("results", job, "--output", work / "there")
    here = ["run", "job.py", "--partitions", "2", "--quiet", "--input", "in", "--output", "here"]
    subprocess.run([sys.executable, "-m", "fanfold_client", *here], cwd=work, check=True, timeout=120)
    assert parts(work / "there") == parts(work / "here")
    assert b"children\t1200\n" in parts(work / "there")


def test_without_services_the_packages_lie_in_the_jobs_tree(
    work: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with namespace_over(tmp_path_factory.mktemp("volume")) as ground:
        shutil.copytree(work / "in", ground.folder / "in")
        pods = ["--on", "argo", "--namespace", ground.namespace, "--image", IMAGE, "--claim", f"data:{ground.folder}"]
        pods += ["--image-python", "3.11", "--image-platform", "x86_64-manylinux_2_36", "--quiet"]
        places = ["--input", str(ground.folder / "in"), "--output", str(ground.folder / "out")]
        command = [sys.executable, "-m", "fanfold_client", "run", "job.py", *pods, *places]
        done = subprocess.run(command, cwd=work, umask=0, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stderr
        assert b"children\t1200\n" in parts(ground.folder / "out")
        assert not (ground.folder / "out/_job").exists()


def test_what_can_not_be_had_is_refused_before_anything_is_sent(installation: Installation, work: Path) -> None:
    (work / "requirements.txt").write_text("regex==2024.11.6\nregex==2024.9.11\n")
    words = ("--input", "files:packages/", "--requirements", work / "requirements.txt")
    process = installation.spawn("submit", work / "job.py", *words)
    err = process.communicate(timeout=120)[1].decode()
    assert process.returncode == 3
    assert "you require regex==2024.11.6 and regex==2024.9.11" in err


def test_wheels_that_do_not_fit_the_pods_fail_the_job_in_words(installation: Installation, work: Path) -> None:
    """As if they had been chosen for another image."""
    foreign = build_wheel(work, "foreign", tag="cp39-cp39-win_amd64")
    installation.fanfold("put", work / "in", "packages/")
    with logged_in(installation) as client:
        digest = hashlib.sha256(foreign.read_bytes()).hexdigest()
        client.bundles.ensure(digest, foreign)
        wheel = {"name": foreign.name, "sha256": digest, "size": foreign.stat().st_size}
        python = ".".join(client.about()["steps_python"].split(".")[:2])
        spec = {
            "stages": [{"reduce": {"sort": "lines"}}],
            "dependencies": {"python": python, "platform": "linux", "wheels": [wheel]},
        }
        job = client.jobs.submit({"job": {"spec": spec}, "inputs": ["files:packages/"]})["id"]
    process = installation.spawn("watch", job)
    err = process.communicate(timeout=200)[1].decode()
    assert process.returncode == 1
    assert "can't be installed here" in err
    assert "foreign==1.0 has no wheels with a matching Python version tag" in err


def logged_in(installation: Installation) -> Client:
    return Client.login(installation.url, installation.name, installation.password)
