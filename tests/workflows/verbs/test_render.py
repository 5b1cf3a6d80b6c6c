"""`fanfold render`, as a person calls it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from fanfold.verbs.render import render
from fanfold_steps.tree.job_tree import JobTree

SCRIPT = """
from fanfold import Job, Sum

def words(line):
    for word in line.split():
        yield word, 1

job = Job(map=words, reduce=Sum())
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder that stands for the claim's volume; pods see it under the same path."""
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/a.txt").write_text("one two two\n")
    return tmp_path


def call(data: Path, *words: str, job: str = "wordcount", claim: bool = True) -> Result:
    places = ["--input", f"{data}/texts/", "--output", f"{data}/counts/"]
    claims = ["--claim", f"shared:{data}"] if claim else []
    return CliRunner().invoke(render, [job, *places, *claims, *words], catch_exceptions=False)


def workflow_of(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    workflow: dict[str, Any] = yaml.safe_load(result.stdout)
    return workflow


def steps_of(workflow: dict[str, Any]) -> list[str]:
    (dag,) = [template["dag"] for template in workflow["spec"]["templates"] if "dag" in template]
    return [task["name"] for task in dag["tasks"]]


def test_a_small_job_is_one_pod(data):
    workflow = workflow_of(call(data))
    assert workflow["spec"]["entrypoint"] == "worker"
    assert workflow["metadata"]["namespace"] == "fanfold"
    (template,) = workflow["spec"]["templates"]
    assert template["container"]["image"] == "fanfold-steps:0.1.0"
    assert {"name": "data", "mountPath": str(data)} in template["container"]["volumeMounts"]


def test_options_reach_the_workflow(data):
    workflow = workflow_of(call(data, "--workers", "3", "--partitions", "2", "--namespace", "mr", "--image", "own:1"))
    assert steps_of(workflow) == ["split", "map", "reduce"]
    assert workflow["spec"]["templates"][0]["dag"]["tasks"][1]["withSequence"] == {"count": "3"}
    assert workflow["metadata"]["namespace"] == "mr"
    assert workflow["spec"]["templates"][1]["container"]["image"] == "own:1"


def test_in_order_shows_levels_even_of_a_small_job(data):
    workflow = workflow_of(call(data, "--in-order"))
    tasks = workflow["spec"]["templates"][0]["dag"]["tasks"]
    assert [task.get("depends") for task in tasks] == [None, "split", "map"]


def test_the_same_command_names_the_same_workflow(data):
    names = {workflow_of(call(data))["metadata"]["name"] for _ in range(2)}
    other = workflow_of(call(data, "--partitions", "7"))["metadata"]["name"]
    assert len(names) == 1
    assert other not in names
    assert len(other) == len("fanfold-") + 20


def test_nothing_is_written_unless_asked_for(data):
    workflow_of(call(data))
    assert not (data / "counts").exists()


@pytest.mark.thorough
def test_what_is_written_is_what_the_workflow_runs(data):
    script = data / "count.py"
    script.write_text(SCRIPT)
    workflow = workflow_of(call(data, "--write", job=str(script)))
    arguments = workflow["spec"]["templates"][0]["container"]["args"]
    job_url = arguments[arguments.index("--job") + 1]
    conf = JobTree.open(job_url).conf()
    assert workflow["metadata"]["labels"]["fanfold.dev/job"] == conf.id
    worker = [sys.executable, "-m", "fanfold_steps", "all", "--job", job_url, "--index", "0"]
    subprocess.run(worker, check=True, timeout=60)
    assert (data / "counts/part-00000.txt").read_text() == "one\t1\ntwo\t2\n"


@pytest.mark.thorough
def test_in_s3_pods_get_the_key_by_its_secrets_name(seaweedfs_server, monkeypatch):
    for name, value in seaweedfs_server.environ.items():
        monkeypatch.setenv(name, value)
    from fanfold_storage.urls import open_objects

    base = f"s3://{seaweedfs_server.bucket}/render"
    open_objects(f"{base}/texts/").put("a.txt", [b"one two two\n"])
    words = ["wordcount", "--input", f"{base}/texts/", "--output", f"{base}/counts/", "--s3-secret", "keys"]
    result = CliRunner().invoke(render, words, catch_exceptions=False)
    environment = {e["name"]: e for e in workflow_of(result)["spec"]["templates"][0]["container"]["env"]}
    assert environment["AWS_ENDPOINT_URL"]["value"] == seaweedfs_server.environ["AWS_ENDPOINT_URL"]
    reference = environment["AWS_SECRET_ACCESS_KEY"]["valueFrom"]["secretKeyRef"]
    assert reference == {"name": "keys", "key": "AWS_SECRET_ACCESS_KEY"}
    assert seaweedfs_server.environ["AWS_SECRET_ACCESS_KEY"] not in result.stdout


class TestRefusals:
    def test_a_place_that_pods_would_not_see(self, data):
        result = call(data, claim=False)
        assert (result.exit_code, result.stdout) == (3, "")
        assert "lies on a disk that pods can't reach: use s3://…, or name its claim" in result.stderr

    def test_an_input_that_is_not_there(self, data):
        (data / "texts/a.txt").unlink()
        (data / "texts").rmdir()
        result = call(data)
        assert (result.exit_code, result.stdout) == (3, "")
        assert f"{data}/texts/ doesn't exist" in result.stderr

    def test_an_output_that_is_there(self, data):
        (data / "counts").mkdir()
        (data / "counts/part-00000.txt").write_text("")
        assert call(data).exit_code == 3

    def test_another_jobs_tree(self, data):
        call(data, "--write")
        result = call(data, "--write", "--partitions", "7")
        assert (result.exit_code, result.stdout) == (3, "")
        assert "unfinished run of another job" in result.stderr

    def test_an_unknown_job(self, data):
        result = call(data, job="wordcuont")
        assert result.exit_code == 3
        assert "wordcuont" in result.stderr

    def test_a_wrong_option(self, data):
        assert call(data, "--workers", "many").exit_code == 2


def test_the_help_loads_neither_hera_nor_the_client_of_kubernetes():
    code = """
import json, sys
from click.testing import CliRunner
from fanfold.verbs.render import render
assert CliRunner().invoke(render, ["--help"]).exit_code == 0
print(json.dumps([name for name in ("hera", "kubernetes", "pydantic") if name in sys.modules]))
"""
    printed = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    assert json.loads(printed) == []


def test_a_pipe_is_refused(data):
    refused = call(data, "--input", "-")
    assert refused.exit_code == 3
    assert "pods can't read -, a pipe on this machine" in refused.stderr
