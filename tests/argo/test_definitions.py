"""Workflows that plan themselves on a real Argo, in both storages: the examples, and what may happen to them."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fanfold.builtin.wordcount import job as wordcount
from fanfold_storage.urls import open_objects
from tests.argo.ground import IMAGE, kubectl, namespace_over
from tests.argo.installation import Installation, eventually
from tests.examples.test_hera import DAYS, as_run, rendered, write_logs
from tests.servers import minio

Parts = dict[str, bytes]
MANY = 200


@dataclass(frozen=True, slots=True)
class Site:
    """A namespace, and a place that its pods and this machine reach under the same URL."""

    namespace: str
    root: str
    environ: dict[str, str]
    """What the examples are told of the place, and what this machine needs to reach it."""

    @property
    def options(self) -> dict[str, Any]:
        """What a job is told of the place."""
        names = {"CLAIM": "claim", "S3_ENDPOINT": "s3_endpoint"}
        given = {names[name]: value for name, value in self.environ.items() if name in names}
        return {"namespace": self.namespace, "image": IMAGE, **given, **({} if "CLAIM" in self.environ else SECRET)}

    def create(self, text: str) -> str:
        """Create what a YAML text says in this namespace; the object's name."""
        return self.named(text, "create")

    def named(self, text: str, verb: str) -> str:
        """Create or apply a YAML text; the object's name."""
        text = text.replace("fanfold-steps:0.1.0", IMAGE).replace("python:3.11-slim", "lab.local/python:3.11")
        text = text.replace("namespace: fanfold\n", f"namespace: {self.namespace}\n")
        told = kubectl(verb, "--namespace", self.namespace, "-f", "-", "-o", "json", stdin=text)
        return str(json.loads(told)["metadata"]["name"])

    def argo(self, *words: str) -> str:
        """`argo WORDS…`: the name of the Workflow that it tells of."""
        command = ["argo", *words, "--namespace", self.namespace, "--output", "name"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().rpartition("/")[2]

    def workflow(self, name: str) -> dict[str, Any]:
        """A Workflow."""
        found: dict[str, Any] = json.loads(kubectl("get", "workflow", name, "-n", self.namespace, "-o", "json"))
        return found

    def ended(self, name: str, phase: str = "Succeeded", seconds: float = 180) -> dict[str, Any]:
        """The Workflow, once it has ended so."""

        def look() -> dict[str, Any] | None:
            found = self.workflow(name)
            return found if found.get("status", {}).get("finishedAt") else None

        found: dict[str, Any] = eventually(look, f"Workflow {name} ends", seconds)
        assert found["status"]["phase"] == phase, json.dumps(found["status"], indent=1)[:4000]
        return found

    def parts(self, place: str) -> Parts:
        """The parts in a folder of the root."""
        store = open_objects(self.root + place, os.environ | self.environ)
        keys = [stat.key for stat in store.list() if stat.key.startswith("part-")]
        return {key: b"".join(store.read(key)) for key in keys}

    def put(self, folder: Path, place: str) -> None:
        """Copy the files of a folder."""
        store = open_objects(self.root + place, os.environ | self.environ)
        for path in folder.rglob("*.*"):
            if path.is_file():
                store.put(str(path.relative_to(folder)), [path.read_bytes()])


SECRET = {"s3_secret": "fanfold-s3"}


@pytest.fixture(scope="module", params=["pvc", "s3"])
def ground(
    request: pytest.FixtureRequest, cluster: None, logs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A namespace of this module's own, with the logs in its place."""
    folder = tmp_path_factory.mktemp("volume")
    with namespace_over(folder) as namespace, ExitStack() as stack:
        name = namespace.namespace
        if request.param == "pvc":
            site = Site(name, f"file://{folder}/", {"ROOT": f"file://{folder}/", "CLAIM": f"data:{folder}"})
        else:
            server = stack.enter_context(minio(os.environ["FANFOLD_CLUSTER_ADDRESS"]))
            keys = [f"--from-literal={key}={value}" for key, value in server.environ.items() if "KEY" in key]
            kubectl("create", "secret", "generic", "fanfold-s3", "--namespace", name, *keys)
            places = {"ROOT": server.url("examples/"), "S3_ENDPOINT": server.environ["AWS_ENDPOINT_URL"]}
            site = Site(name, server.url("examples/"), {**server.environ, **places})
        site.put(logs, "logs/")
        yield site


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The logs of some days."""
    folder = tmp_path_factory.mktemp("logs")
    write_logs(folder)
    return folder


def pods(workflow: dict[str, Any]) -> list[str]:
    """The pods that a Workflow has run, by what its UI calls them."""
    nodes = workflow["status"]["nodes"].values()
    return [node["displayName"] for node in nodes if node["type"] == "Pod" and node["phase"] == "Succeeded"]


def test_the_pipeline(ground: Site, logs: Path, tmp_path: Path) -> None:
    workflow = ground.ended(ground.create(rendered("pipeline", **ground.environ)))
    counted = as_run("visits", logs, tmp_path / "here", "--partitions", "2")
    run = f"pipeline/{workflow['metadata']['uid']}"
    assert ground.parts(f"{run}/counts/") == counted
    ranked = as_run("ranking", tmp_path / "here", tmp_path / "ranked", "--param", "least=2")
    assert ground.parts(f"{run}/ranking/") == ranked


def test_the_template_is_submitted_three_times(ground: Site, logs: Path, tmp_path: Path) -> None:
    ground.named(rendered("template", **ground.environ), "apply")
    names = []
    for number, sizes in enumerate([[], ["-p", "workers=2"], ["-p", "workers=3", "-p", "partitions=2"]]):
        places = ["-p", f"input={ground.root}logs/", "-p", f"output={ground.root}out-{number}/"]
        names.append(ground.argo("submit", "--from", "workflowtemplate/visits", *places, *sizes))
    pods = [
        [node for node in ground.ended(name)["status"]["nodes"].values() if node["type"] == "Pod"] for name in names
    ]
    assert [len([pod for pod in started if pod["phase"] == "Succeeded"]) for started in pods] == [1, 5, 6]
    one = as_run("visits", logs, tmp_path / "here")
    assert ground.parts("out-0/") == ground.parts("out-1/") == one
    assert ground.parts("out-2/") == as_run("visits", logs, tmp_path / "two", "--partitions", "2")


def test_a_nights_run(ground: Site, logs: Path, tmp_path: Path) -> None:
    ground.named(rendered("nightly", **ground.environ), "apply")
    night = "2026-11-30T02:00:00Z"
    name = ground.argo("submit", "--from", "cronwf/visits-nightly", "--scheduled-time", night)
    ground.ended(name)
    assert ground.parts(f"nightly/{night}/") == as_run("visits", logs, tmp_path / "here")


def test_a_loop_over_days(ground: Site, logs: Path, tmp_path: Path) -> None:
    file = tmp_path / "days.yaml"
    text = rendered("days", **ground.environ).replace("fanfold-steps:0.1.0", IMAGE)
    file.write_text(text.replace("namespace: fanfold\n", f"namespace: {ground.namespace}\n"))
    name = ground.argo("submit", str(file), "-p", f"days={json.dumps(DAYS[:2])}")
    uid = ground.ended(name)["metadata"]["uid"]
    for day in DAYS[:2]:
        assert ground.parts(f"days/{uid}/{day}/") == as_run("visits", logs / day, tmp_path / day)
    assert not ground.parts(f"days/{uid}/{DAYS[2]}/")


def test_a_taken_output_is_the_workflows_message(ground: Site) -> None:
    store = open_objects(f"{ground.root}taken/", os.environ | ground.environ)
    store.put("part-00000.txt", [b"somebody else's\n"])
    job = wordcount.workflow(f"{ground.root}logs/", f"{ground.root}taken/", **ground.options)
    workflow = ground.ended(ground.create(job.to_yaml()), "Failed")
    messages = " ".join(node.get("message", "") for node in workflow["status"]["nodes"].values())
    assert f"the output {ground.root}taken/ already exists (it contains part-00000.txt)" in messages
    assert ground.parts("taken/") == {"part-00000.txt": b"somebody else's\n"}


def test_a_workflow_that_argo_retries_goes_on(ground: Site, logs: Path, tmp_path: Path) -> None:
    """The input isn't there at first; the tree, in a store, tells of that until the Workflow is retried."""
    place = f"late-{uuid.uuid4().hex[:8]}/"
    places = (f"{ground.root}{place}", f"{ground.root}counted-{place}")
    job = wordcount.workflow(*places, workers=2, store=f"{ground.root}store/", **ground.options)
    name = ground.create(job.to_yaml())
    workflow = ground.ended(name, "Failed")
    messages = " ".join(node.get("message", "") for node in workflow["status"]["nodes"].values())
    assert f"the input {places[0]} doesn't exist" in messages
    ground.put(logs, place)
    assert ground.argo("retry", name) == name
    ground.ended(name)
    here = tmp_path / "here"
    command = [sys.executable, "-m", "fanfold_client", "run", "wordcount", "--quiet", "--input", str(logs)]
    subprocess.run([*command, "--output", str(here)], check=True, timeout=60)
    assert ground.parts(f"counted-{place}") == {path.name: path.read_bytes() for path in here.glob("part-*")}


@pytest.mark.long
def test_two_hundred_pods_map(ground: Site) -> None:
    """More than the node runs at once: each starts, does what it finds to do, and ends."""
    lines = "".join(f"word{n % 7} line\n" for n in range(20_000))
    open_objects(ground.root, os.environ | ground.environ).put("many/in.txt", [lines.encode()])
    options = {**ground.options, "workers": MANY, "split_size": 1 << 10, "partitions": 1}
    name = ground.create(wordcount.workflow(f"{ground.root}many/", f"{ground.root}counted/", **options).to_yaml())
    nodes = ground.ended(name, seconds=600)["status"]["nodes"].values()
    maps = [node for node in nodes if node["type"] == "Pod" and node["displayName"].startswith("map(")]
    assert [node["phase"] for node in maps] == ["Succeeded"] * MANY
    expected = {f"word{n}": len(range(n, 20_000, 7)) for n in range(7)} | {"line": 20_000}
    (part,) = ground.parts("counted/").values()
    assert part.decode() == "".join(f"{word}\t{count}\n" for word, count in sorted(expected.items()))


def test_the_service_on_the_same_storage_lists_and_reads_it(
    installation: Installation, logs: Path, tmp_path: Path
) -> None:
    installation.fanfold("put", logs, "logs/")
    namespace, owner = installation.namespace, installation.id()
    is_s3 = "minio" in kubectl("get", "services", "-n", namespace, "-o", "name")
    where = {**SECRET, "s3_endpoint": "http://minio:9000"} if is_s3 else {"claim": "fanfold-data"}
    root = "s3://fanfold/" if is_s3 else "file:///data/"
    options: dict[str, Any] = {
        **where,
        "namespace": namespace,
        "image": IMAGE,
        "store": root,
        "owner": owner,
        "workers": 2,
    }
    own = f"{root}files/{owner}/"
    workflow = wordcount.workflow(f"{own}logs/", f"{own}counts/", **options)
    name = json.loads(kubectl("create", "-f", "-", "-o", "json", stdin=workflow.to_yaml()))["metadata"]["name"]

    def listed() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads(installation.fanfold("jobs", "--json"))["items"]
        return [job for job in items if job["workflow"] and job["workflow"]["name"] == name]

    (job,) = eventually(listed, "the service lists the job", 120)
    assert (job["admitted"], job["output"]) == (False, "files:counts/")
    eventually(lambda: installation.status(job["id"])["state"] == "succeeded", "it has succeeded", 120)
    installation.fanfold("results", job["id"], "--output", tmp_path / "out")
    command = [sys.executable, "-m", "fanfold_client", "run", "wordcount", "--quiet", "--input", str(logs)]
    subprocess.run([*command, "--output", str(tmp_path / "here")], check=True, timeout=60)
    parts = [b"".join(part.read_bytes() for part in (tmp_path / at).glob("part-*")) for at in ("out", "here")]
    assert parts[0] == parts[1]
    assert "by its Workflow" in installation.fanfold("status", job["id"])
