"""The Argo engine keeps the contract of engines, on a real Kubernetes with a real Argo."""

import json
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fanfold.engines.argo.engine import ArgoEngine
from fanfold.engines.argo.pods import PodSettings
from tests.client.counting import word_counts
from tests.workflows.engines.engine_contract import GATED, TEXT, EngineContract, Place, ended, eventually

STEPS = Path(__file__).parents[2] / "argo/base/steps.yaml"
IMAGE = "lab.local/fanfold-steps:test"


def kubectl(*words: str, stdin: str | None = None) -> str:
    done = subprocess.run(["kubectl", *words], input=stdin, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}"
    return done.stdout


@dataclass(frozen=True, slots=True)
class Ground:
    """A namespace with a volume that is a folder on this machine, which is the node."""

    namespace: str
    folder: Path


@pytest.fixture(scope="session")
def ground(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A namespace of this session's own, under the `restricted` standard."""
    name = f"engine-{uuid.uuid4().hex[:8]}"
    folder = tmp_path_factory.mktemp("volume")
    folder.chmod(0o1777)
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": volume(name, folder)}))
    kubectl("apply", "--namespace", name, "-f", str(STEPS))
    yield Ground(name, folder)
    kubectl("delete", "namespace", name, "--wait=false")
    kubectl("delete", "persistentvolume", name, "--wait=false")


def volume(name: str, folder: Path) -> list[dict[str, Any]]:
    common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                **common,
                "capacity": {"storage": "1Gi"},
                "hostPath": {"path": str(folder)},
                "claimRef": {"namespace": name, "name": "data"},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "namespace": name},
            "spec": {**common, "resources": {"requests": {"storage": "1Gi"}}, "volumeName": name},
        },
    ]


class TestArgoEngine(EngineContract):
    @pytest.fixture
    def engine(self, ground: Ground) -> Iterator[ArgoEngine]:
        engine = ArgoEngine(PodSettings(namespace=ground.namespace, image=IMAGE, claim="data"))
        yield engine
        engine.close()

    @pytest.fixture
    def place(self, ground: Ground) -> Place:
        return Place(ground.folder, "/data")

    def test_a_failures_reason_is_on_the_node_and_in_the_message(self, engine, prepare):
        case = prepare(
            'def words(line):\n    raise ValueError("no words today")\n', {"split": 1, "map": 2, "reduce": 1}
        )
        handle = engine.submit(case.plan)
        eventually(lambda: ended(engine.observe(handle)), "its workers have left")
        message = engine.observe(handle).message
        assert "(exit code 64)" in message
        assert "ValueError: no words today" in message
        assert 'raise ValueError("no words today")' in message

    def test_the_jobs_code_has_no_token_and_no_writable_root(self, engine, prepare):
        code = """
from pathlib import Path

def words(line):
    yield str(list(Path("/var/run/secrets/kubernetes.io/serviceaccount").iterdir())), 1
    try:
        Path("/intruder").touch()
    except OSError as error:
        yield f"errno {{error.errno}}", 1
"""
        case = prepare(code)
        handle = engine.submit(case.plan)
        eventually(lambda: ended(engine.observe(handle)), "its workers have left")
        assert case.counts().keys() == {"[]", "errno 30"}

    def test_a_deleted_pod_is_replaced(self, engine, prepare):
        case = prepare(GATED)
        handle = engine.submit(case.plan)
        eventually(lambda: bool(list(case.tree.objects.list("workers/"))), "a worker beats")
        kubectl("delete", "pod", "--namespace", handle.namespace, "--selector", f"fanfold.dev/job={case.job}", "--now")
        case.open_gate()
        eventually(lambda: ended(engine.observe(handle)), "its workers have left")
        assert case.counts() == dict(Counter(TEXT.split()))


def test_fanfold_run_on_argo_needs_no_service(ground):
    """The volume is seen here and in the pods under one path; the umask lets the pods' user write, as on NFS."""
    texts = ground.folder / "texts"
    texts.mkdir()
    (texts / "a.txt").write_text(TEXT)
    output = ground.folder / "counts"
    pods = ["--on", "argo", "--namespace", ground.namespace, "--image", IMAGE, "--claim", f"data:{ground.folder}"]
    command = [sys.executable, "-m", "fanfold_client", "run", "wordcount", *pods, "--input", texts, "--output", output]
    done = subprocess.run(command, umask=0, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (output / "part-00000.txt").read_bytes() == word_counts(texts)
    assert sorted(path.name for path in output.iterdir()) == ["_SUCCESS", "part-00000.txt"]


RUN_FROM_PYTHON = """
from fanfold.builtin.wordcount import job

pods = {{"on": "argo", "namespace": {namespace!r}, "image": {image!r}, "claim": {claim!r}}}
result = job.run({texts!r}, {output!r}, quiet=True, **pods)
print(*result.records(), sep="\\n")
"""


def test_job_run_on_argo_returns_what_the_pods_wrote(ground):
    texts = ground.folder / "texts-from-python"
    texts.mkdir()
    (texts / "a.txt").write_text(TEXT)
    where = {"namespace": ground.namespace, "image": IMAGE, "claim": f"data:{ground.folder}"}
    code = RUN_FROM_PYTHON.format(texts=str(texts), output=str(ground.folder / "counts-from-python"), **where)
    done = subprocess.run([sys.executable, "-c", code], umask=0, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.encode() == word_counts(texts)
