"""Each group of features on a cluster, in several pods: the bytes of a run on one machine."""

from pathlib import Path

import pytest

from tests.argo.installation import Installation
from tests.features import FEATURES, answer, fetched, write_inputs


@pytest.mark.parametrize("name", FEATURES)
def test_pods_give_the_bytes_of_a_run(name: str, installation: Installation, tmp_path: Path) -> None:
    write_inputs(tmp_path / "in")
    installation.fanfold("put", tmp_path / "in", "in/")
    command = FEATURES[name].command("files:in/")
    job = installation.fanfold("submit", *command, "--split-size", "2KiB", "--watch").split()[0]
    found = fetched(FEATURES[name], tmp_path / "out", lambda *words: installation.fanfold("results", job, *words))
    assert found == answer(FEATURES[name], tmp_path / "in", tmp_path / "here")
