"""What a job asks for, as far as `fanfold run` can follow it: the rest is said."""

import json

import pytest

from tests.workflows.commands import RUN, run_in

JOB = """
import os
from fanfold import Job, Resources, Sum, Toleration

def settings(line):
    yield f"{os.environ['MODEL']} {os.environ['TOKEN']}", 1

job = Job(map=settings, reduce=Sum(), image="steps:2", resources=Resources(
    cpu=0.5, memory="256Mi", env={"MODEL": "small"}, secrets={"TOKEN": "my-secret/token"},
    priority="batch", tolerations=[Toleration("gpu")], deadline=60, retries=0))
"""
DYING = """
import os
from fanfold import Job, Resources

def dies(line):
    os._exit(3)

job = Job(map=dies, resources=Resources(retries=0))
"""


def run(folder, *more, environ=None):
    (folder / "one.txt").write_text("one\n")
    return run_in(folder, *RUN, "job.py", "--input", "one.txt", "--output", "out", *more, environ=environ)


@pytest.mark.thorough
def test_the_environment_is_set_and_what_has_no_effect_is_said(tmp_path):
    (tmp_path / "job.py").write_text(JOB)
    refused = run(tmp_path)
    assert refused.returncode == 3
    assert (
        "the variable TOKEN comes from the Secret my-secret/token, and there are none here: set TOKEN" in refused.stderr
    )
    done = run(tmp_path, "--keep", environ={"TOKEN": "t0k3n"})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "part-00000.txt").read_text() == "small t0k3n\t1\n"
    assert "the image steps:2 has no effect on this machine" in done.stderr
    assert "resources: tolerations, priority: no effect on this machine" in done.stderr
    conf = json.loads((tmp_path / "out" / "_job" / "job.json").read_text())
    assert conf["memory"] == conf["workers"]["all"] * (128 << 20)


@pytest.mark.thorough
def test_a_worker_that_dies_is_started_again_as_often_as_was_asked_for(tmp_path):
    (tmp_path / "job.py").write_text(DYING)
    done = run(tmp_path, "--workers", "1")
    assert done.returncode == 1
    assert "start 1 of 1" in done.stderr


DEMANDING = """
from fanfold import Job, Resources, Stage, Sum

def ones(line):
    yield line, 1

job = Job(stages=[
    Stage(map=ones, reduce=Sum(), resources=Resources(cpu=1000, memory="900Ti")),
    Stage(reduce=Sum(), resources=Resources(retries=0)),
])
"""


@pytest.mark.thorough
def test_more_than_the_machine_has_is_said(tmp_path):
    (tmp_path / "job.py").write_text(DEMANDING)
    done = run(tmp_path, "--memory", "99999999999GB")
    assert done.returncode == 0, done.stderr
    assert "resources: cpu: the job asks for 1000 cores, but this machine has" in done.stderr
    assert "resources: memory: the job asks for 943,718,400 MiB, but this machine has" in done.stderr
    assert "resources: retries: workers on this machine do every stage" in done.stderr
