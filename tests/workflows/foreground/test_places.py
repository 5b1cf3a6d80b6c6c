"""What a place on the command line names: a path on this machine, or a URL that this command can read."""

import pytest

from fanfold.errors import Refused
from fanfold.foreground.places import folder_url, inputs_of, place_url
from fanfold_steps.job.spec import JobSpec


@pytest.mark.parametrize(
    "place", ["hdfs://host/a", "hdfs:a", "files:a", "http://host/a", "gopher://host/a", "s3a://b/c"]
)
def test_urls_of_other_kinds_are_refused(place):
    with pytest.raises(Refused, match=rf"this command can't read or write {place}: write a path \(./{place} if"):
        place_url(place)


def test_a_place_in_the_service_is_told_with_the_command_that_reads_it():
    with pytest.raises(Refused, match="files:… is a place in the service, for `fanfold submit`"):
        place_url("files:a")


@pytest.mark.parametrize("name", ["s3", "http", "file", "a:b", "12:30.txt", "a b%20.txt"])
def test_whatever_else_is_a_path(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert place_url(name) == (tmp_path / name).as_uri()
    assert folder_url(name) == folder_url(f"{name}/") == f"{(tmp_path / name).as_uri()}/"


def test_urls_that_can_be_read_stay_as_they_are():
    assert place_url("s3://bucket/a b") == "s3://bucket/a b"
    assert folder_url("file:///data/out") == "file:///data/out/"


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
