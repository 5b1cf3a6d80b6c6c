"""Jobs submitted and run from Python on a real Kubernetes: results come back as they do on one machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fanfold import JobFailed, Skip
from fanfold_client import Client
from tests.argo.installation import Installation

TYPED = """
from fanfold import *

def words(line):
    return [(word, 1) for word in line.split()]

def numbers(line):
    yield "sum", int(line)
"""


@pytest.fixture
def client(installation: Installation) -> Iterator[Client]:
    with Client.login(installation.url, installation.name, installation.password) as client:
        yield client


@pytest.fixture
def typed() -> dict[str, Any]:
    """Functions as a notebook's cells define them."""
    found: dict[str, Any] = {"__name__": "__console__"}
    exec(compile(TYPED, "<console>", "exec"), found)
    return found


def test_typed_functions_run_in_pods_and_results_come_over_http(
    client: Client, typed: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_text("to be or\nnot to be\n")
    job = eval("Job('counts', map=words, reduce=Sum(), output=Parquet())", typed)
    result = client.submit(job, tmp_path / "text.txt", partitions=2, quiet=True)
    here = job.run(tmp_path / "text.txt", partitions=2, quiet=True)
    assert list(result.records()) == list(here.records())
    assert result.frame().equals(here.frame())
    assert [part.sha256 for part in result.parts] == [part.sha256 for part in here.parts]
    assert result.counters["fanfold"]["input_records"] == here.counters["fanfold"]["input_records"]


def test_failures_and_bad_records_come_back(client: Client, typed: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("1\nx\n2\n")
    job = eval("Job('sums', map=numbers, reduce=Sum())", typed)
    with pytest.raises(JobFailed, match="invalid literal for int") as caught:
        client.submit(job, tmp_path / "in.txt", quiet=True).wait()
    assert "numbers" in caught.value.traceback
    job.on_error = Skip(at_most=1)
    result = client.submit(job, tmp_path / "in.txt", "files:sums/", quiet=True)
    assert (list(result.records()), [bad.record for bad in result.quarantine()]) == (["sum\t3"], ["x"])
