"""What a job asks for reaches its pods; what can't be had ends in a sentence that says what to change."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.argo.installation import Installation, kubectl

APART = """
import os
from fanfold import Job, Resources, Stage, Sum

def words(line):
    for word in line.split():
        yield word, 1

def settings(word, number):
    yield f"{word[0]} {os.environ['MODEL']} {os.environ['TOKEN']}", number

job = Job(
    stages=[
        Stage(map=words, reduce=Sum()),
        Stage(map=settings, reduce=Sum(), resources=Resources(
            cpu=0.2, memory="256MiB", ephemeral_storage="50Mi", env={"MODEL": "small"},
            secrets={"TOKEN": "allowed-job/token"}, node_selector={"kubernetes.io/os": "linux"})),
    ],
    resources=Resources(retries=2, deadline=600),
    image="lab.local/fanfold-steps:test",
)
"""
HUNGRY = """
from fanfold import Job, Resources

def hungry(line):
    yield len(bytearray(700 << 20)), 1

job = Job(map=hungry, resources=Resources(memory="256Mi", retries=0))
"""
TEXT = "one two three\ntwo three\nthree four\n" * 40


def submitted(installation: Installation, folder: Path, code: str, *more: str, status: int = 0) -> str:
    (folder / "job.py").write_text(code)
    (folder / "in.txt").write_text(TEXT)
    words: list[str | Path] = ["submit", folder / "job.py", "--input", folder / "in.txt", *more]
    return installation.fanfold(*words, status=status).strip()


def failed(installation: Installation, job: str) -> str:
    """Why a job failed."""
    installation.fanfold("watch", job, status=1)
    error: dict[str, Any] = installation.status(job)["error"]
    return str(error["detail"])


def test_a_stage_that_differs_has_pods_of_its_own(installation: Installation, tmp_path: Path) -> None:
    kubectl("create", "secret", "generic", "allowed-job", "-n", installation.namespace, "--from-literal=token=t0k3n")
    try:
        job = submitted(installation, tmp_path, APART, "--workers", "2")
        installation.fanfold("watch", job)
    finally:
        kubectl("delete", "secret", "allowed-job", "-n", installation.namespace)
    installation.fanfold("results", job, "--output", tmp_path / "there")
    here = [sys.executable, "-m", "fanfold_client", "run", "job.py", "--input", "in.txt", "--output", "here"]
    subprocess.run(["env", "TOKEN=t0k3n", *here], cwd=tmp_path, check=True, timeout=60)
    of_pods, of_run = ((tmp_path / name / "part-00000.txt").read_bytes() for name in ("there", "here"))
    assert of_pods == of_run == b"f small t0k3n\t40\no small t0k3n\t40\nt small t0k3n\t200\n"
    (workflow,) = installation.workflows(job)
    nodes = workflow["status"]["nodes"].values()
    stages = {node["templateName"] for node in nodes if node["type"] == "Pod"}
    assert stages == {"stage-0", "stage-1"}
    templates = {template["name"]: template for template in workflow["spec"]["templates"]}
    limits = templates["stage-1"]["container"]["resources"]["limits"]
    assert limits == {"cpu": "200m", "memory": "256Mi", "ephemeral-storage": "50Mi"}
    assert templates["stage-0"]["container"]["resources"]["limits"]["memory"] == "1Gi"


@pytest.mark.long
def test_a_pod_without_memory_is_told_as_such(installation: Installation, tmp_path: Path) -> None:
    why = failed(installation, submitted(installation, tmp_path, HUNGRY))
    assert "was killed for lack of memory (OOMKilled), of which it had 256Mi: raise Resources(memory=…)" in why
    assert "(in stage 0, map)" in why


@pytest.mark.long
def test_pods_that_cant_start_end_the_job(installation: Installation, tmp_path: Path) -> None:
    code = HUNGRY.replace("700 << 20", "1")
    in_image = code.replace("job = Job(", 'job = Job(image="lab.local/nothing:1", ')
    with_secret = code.replace("retries=0", 'secrets={"TOKEN": "allowed-missing/token"}')
    jobs = [submitted(installation, tmp_path, one) for one in (in_image, with_secret)]
    no_image, no_secret = (failed(installation, job) for job in jobs)
    assert "the image lab.local/nothing:1 can't be pulled: check its name" in no_image
    assert "the pod lacks a Secret, or a key in one: create it, or correct its name" in no_secret
    assert "allowed-missing" in no_secret


@pytest.mark.parametrize(
    ("old", "new"),
    [("lab.local/fanfold-steps:test", "docker.io/evil:1"), ("allowed-job/token", "fanfold-auth-kek/kek")],
)
def test_what_the_operator_doesnt_allow_is_refused(
    installation: Installation, tmp_path: Path, old: str, new: str
) -> None:
    assert submitted(installation, tmp_path, APART.replace(old, new), status=3) == ""
