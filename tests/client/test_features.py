"""Each group of features through `fanfold up`: many splits, several workers, the bytes of a run without services."""

from pathlib import Path

import pytest

from tests.client.services import People
from tests.features import FEATURES, answer, fetched, write_inputs

pytestmark = pytest.mark.thorough


@pytest.mark.parametrize("name", FEATURES)
def test_the_services_give_the_bytes_of_a_run(name: str, make_person: People, tmp_path: Path) -> None:
    write_inputs(tmp_path / "in")
    person = make_person()
    person("put", tmp_path / "in", "in/")
    command = FEATURES[name].command("files:in/")
    job = person("submit", *command, "--split-size", "2KiB", "--workers", "3", "--watch").text.split()[0]
    found = fetched(FEATURES[name], tmp_path / "out", lambda *words: person("results", job, *words))
    assert found == answer(FEATURES[name], tmp_path / "in", tmp_path / "here")
