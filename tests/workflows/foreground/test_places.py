"""Places that people write and can't mean, and what they are told."""

import pytest

from fanfold.errors import Refused
from fanfold.foreground.places import folder_url, inputs_of
from fanfold_steps.job.spec import JobSpec


def test_standard_output_is_no_folder():
    with pytest.raises(Refused, match="it can't go to standard output: name a folder"):
        folder_url("-")
    assert folder_url("./-").endswith("/-/")


def test_a_name_given_to_the_only_input_is_told_from_a_file_with_an_equals_sign(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sales.csv").touch()
    with pytest.raises(Refused, match=r"write --input sales\.csv instead of --input s=sales\.csv"):
        inputs_of(JobSpec(), ["s=sales.csv"])
    (tmp_path / "s=sales.csv").touch()
    assert inputs_of(JobSpec(), ["s=sales.csv"]) == [(tmp_path / "s=sales.csv").as_uri()]
