"""The Argo engine keeps the contract of engines, on a real Kubernetes with a real Argo."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from fanfold.engines.argo.engine import ArgoEngine
from fanfold.engines.argo.pods import PodSettings
from tests.argo.ground import IMAGE, Ground, kubectl, namespace_over
from tests.client.counting import word_counts
from tests.workflows.engines.engine_contract import GATED, TEXT, EngineContract, Place, ended, eventually


@pytest.fixture(scope="session")
def ground(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A namespace of this session's own, under the `restricted` standard."""
    with namespace_over(tmp_path_factory.mktemp("volume")) as ground:
        yield ground


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
    assert sorted(path.name for path in output.iterdir()) == ["_SUCCESS", "_fanfold", "part-00000.txt"]


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
