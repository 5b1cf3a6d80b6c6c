"""A fan-out of two hundred pods, more than the node runs at once."""

from pathlib import Path

import pytest

from tests.argo.installation import Installation

WORKERS = 200
JOB = """
from fanfold import Job, Resources, Sum

def words(line):
    yield line.split()[0], 1

job = Job(map=words, reduce=Sum(), resources=Resources(cpu=0.01, memory="100Mi"))
"""


@pytest.mark.long
def test_two_hundred_pods_map(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "in.txt").write_text("".join(f"word{n % 7} of line {n:06}\n" for n in range(20_000)))
    words = ["submit", str(tmp_path / "job.py"), "--input", str(tmp_path / "in.txt"), "--workers", str(WORKERS)]
    job = installation.fanfold(*words, "--split-size", "1KiB", "--partitions", "1").strip()
    installation.fanfold("watch", job)
    installation.fanfold("results", job, "--output", tmp_path / "out")
    counts = dict(line.split("\t") for line in (tmp_path / "out" / "part-00000.txt").read_text().splitlines())
    assert counts == {f"word{n}": str(len(range(n, 20_000, 7))) for n in range(7)}
    (workflow,) = installation.workflows(job)
    nodes = workflow["status"]["nodes"].values()
    maps = [node for node in nodes if node["type"] == "Pod" and node["displayName"].startswith("map(")]
    assert len(maps) == WORKERS
    assert {node["phase"] for node in maps} == {"Succeeded"}
