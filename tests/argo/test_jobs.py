"""Word count on a real Kubernetes through the services: the same bytes, whatever is killed meanwhile."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.argo.installation import Installation, eventually, kubectl
from tests.client.counting import word_counts

SLOW = """
import time
from fanfold import Job, Sum

def words(line):
    time.sleep(0.004)
    return [(word, 1) for word in line.split()]

job = Job(map=words, reduce=Sum())
"""
BROKEN = """
from fanfold import Job, Sum

def words(line):
    if "odd" in line:
        raise ValueError(f"an odd line: {line}")
    yield line, 1

job = Job(map=words, reduce=Sum())
"""


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Some text files, a folder in a folder, bytes that aren't UTF-8."""
    folder = tmp_path_factory.mktemp("input") / "texts"
    for number in range(8):
        file = folder / f"book{number % 3}" / f"chapter {number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"line {n} of chapter {number} und naïve wörds {n * number % 97}\r\n" for n in range(1200)]
        file.write_bytes("".join(lines).encode() + b"raw \xff\xfe bytes")
    yield folder


@pytest.fixture
def uploaded(installation: Installation, texts: Path) -> str:
    """The texts in the person's own area."""
    installation.fanfold("put", texts, "texts/")
    return "files:texts/"


def results(installation: Installation, job: str, folder: Path) -> bytes:
    """All parts of a job in order, fetched and checked by `fanfold results`."""
    installation.fanfold("results", job, "--output", folder)
    return b"".join(part.read_bytes() for part in sorted(folder.glob("part-*")))


def test_a_small_job_in_one_pod(installation: Installation, uploaded: str, texts: Path, tmp_path: Path) -> None:
    job = installation.fanfold("submit", "wordcount", "--input", uploaded, "--watch").split()[0]
    assert results(installation, job, tmp_path / "out") == word_counts(texts)
    (workflow,) = installation.workflows(job)
    assert workflow["metadata"]["labels"]["fanfold.dev/job"] == job


def test_fanned_out_it_has_the_bytes_of_a_local_run(
    installation: Installation, uploaded: str, texts: Path, tmp_path: Path
) -> None:
    shape = ["--partitions", "2", "--split-size", "64KiB"]
    here = [sys.executable, "-m", "fanfold_client", "run", "wordcount", "--input", str(texts)]
    subprocess.run([*here, "--output", str(tmp_path / "local"), *shape], check=True, timeout=60)
    words = ["submit", "wordcount", "--input", uploaded, "--output", "files:fanned/", "--workers", "4", *shape]
    job = installation.fanfold(*words, "--watch").split()[0]
    assert results(installation, job, tmp_path / "out") == b"".join(
        part.read_bytes() for part in sorted((tmp_path / "local").glob("part-*"))
    )
    listed = installation.fanfold("ls", "files:fanned/")
    assert "fanned/_SUCCESS" in listed and "fanned/part-00001.txt" in listed


def test_an_output_is_replaced_and_found_by_lists(installation: Installation, texts: Path, tmp_path: Path) -> None:
    """The last worker deletes the old output, as on NFS and in a bucket; etcd has the lists."""
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "a.txt").write_text("few words\n")
    installation.fanfold("put", tmp_path / "few", "few/")
    installation.fanfold("put", texts, "texts/")
    words = ["--output", "files:replaced/", "--partitions", "3", "--watch"]
    first = installation.fanfold("submit", "wordcount", "--input", "files:texts/", *words).split()[0]
    words += ["--overwrite", "--partitions", "1", "--name", "replacing"]

    def again() -> str | None:
        """None while the workers of the first job are still stopping."""
        try:
            return installation.fanfold("submit", "wordcount", "--input", "files:few/", *words).split()[0]
        except AssertionError as error:
            assert "is not free yet" in str(error), error
            return None

    second = eventually(again, "the output is free", 120)
    assert results(installation, second, tmp_path / "out") == b"few\t1\nwords\t1\n"
    names = installation.fanfold("ls", "files:replaced/").split()
    assert {name for name in names if name.startswith("replaced/")} == {"replaced/_SUCCESS", "replaced/part-00000.txt"}
    listed = json.loads(installation.fanfold("jobs", "--json", "--name", "replacing", "--state", "succeeded"))
    assert [job["id"] for job in listed["items"]] == [second]
    found = json.loads(installation.fanfold("jobs", "--json", "--text", "replaced"))
    assert [job["id"] for job in found["items"]] == [second, first]
    oldest = json.loads(installation.fanfold("jobs", "--json", "--sort", "oldest", "--limit", "100"))["items"]
    assert [job["id"] for job in oldest if job["id"] in {first, second}] == [first, second]


def test_the_job_ends_once_whatever_is_killed(
    installation: Installation, uploaded: str, texts: Path, tmp_path: Path
) -> None:
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    shape = ["--partitions", "2", "--split-size", "16KiB", "--workers", "3"]
    job = installation.fanfold("submit", script, "--input", uploaded, *shape).strip()
    watching = installation.spawn("watch", job)
    eventually(lambda: installation.done(job, "map") >= 2, "two maps are committed", 90)

    victims = [installation.pods(f"app.kubernetes.io/name={name}")[0] for name in ("auth", "submit", "etcd")]
    running = installation.pods(f"fanfold.dev/job={job}")
    assert running, "the job ended before anything was killed: give it more to do"
    for pod in [*victims, running[0]]:
        kubectl("delete", "-n", installation.namespace, pod, "--now", "--wait=false")

    _, told = watching.communicate(timeout=240)
    assert watching.returncode == 0, told.decode()
    assert sorted(results(installation, job, tmp_path / "out").splitlines()) == sorted(word_counts(texts).splitlines())

    (workflow,) = installation.workflows(job)
    assert workflow["metadata"]["labels"]["fanfold.dev/owner"] == installation.name
    (record,) = [found for found in installation.etcd(job) if "workflow" in found]
    metadata = workflow["metadata"]
    assert record["state"] == "succeeded"
    assert record["workflow"] == {key: metadata[key] for key in ("namespace", "name", "uid")}

    kubectl("delete", "workflow", "-n", installation.namespace, metadata["name"])
    assert installation.workflows(job) == []
    assert installation.status(job)["state"] == "succeeded"
    assert results(installation, job, tmp_path / "again") == results(installation, job, tmp_path / "and again")


def test_a_mappers_traceback_reaches_status_and_the_argo_node(
    installation: Installation, uploaded: str, tmp_path: Path
) -> None:
    script = tmp_path / "broken.py"
    script.write_text(BROKEN)
    (tmp_path / "in.txt").write_text("even\nodd one\n")
    job = installation.fanfold("submit", script, "--input", tmp_path / "in.txt").strip()
    installation.fanfold("watch", job, status=1)
    told = installation.status(job)
    assert told["state"] == "failed"
    shown = json.dumps(told["error"])
    assert "ValueError: an odd line: odd one" in shown
    assert "broken.py" in shown and "in words" in shown

    def messages() -> str:
        (workflow,) = installation.workflows(job)
        return " ".join(node.get("message", "") for node in workflow["status"].get("nodes", {}).values())

    eventually(lambda: "an odd line: odd one" in messages(), "the reason is on the Argo node")
    assert "broken.py" in messages()


def test_a_cancelled_job_leaves_no_pod(installation: Installation, uploaded: str, tmp_path: Path) -> None:
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    shape = ["--split-size", "16KiB", "--workers", "2"]
    job = installation.fanfold("submit", script, "--input", uploaded, *shape).strip()
    eventually(lambda: installation.pods(f"fanfold.dev/job={job}"), "a pod works")
    installation.fanfold("cancel", job)
    eventually(lambda: installation.status(job)["state"] == "cancelled", "it is cancelled")
    eventually(lambda: not installation.pods(f"fanfold.dev/job={job}"), "its pods have left")
