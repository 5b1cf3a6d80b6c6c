"""Cutting one stream of bytes into checked parts."""

import hashlib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold.terminal.display import Display
from fanfold_client.api.problems import Conflict, Corrupt
from fanfold_client.api.responses import Part
from fanfold_client.files.results import fetch_results, verified


def part(number: int, data: bytes, **fields: object) -> Part:
    made = {
        "name": f"part-{number:05}.txt",
        "records": 0,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    return made | fields  # type: ignore[return-value]


@given(st.lists(st.binary(max_size=30), max_size=6), st.lists(st.integers(0, 100), max_size=8))
def test_whatever_the_chunks_each_part_gets_its_bytes(datas: list[bytes], cuts: list[int]):
    whole = b"".join(datas)
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    chunks = [whole[start:stop] for start, stop in pairwise(places)]
    parts = [part(number, data) for number, data in enumerate(datas)]
    got = {item["name"]: b"" for item in parts}
    for item, chunk in verified(parts, chunks):
        got[item["name"]] += chunk
    assert list(got.values()) == datas


@pytest.mark.parametrize("stream", [b"abcd", b"abcdefg", b"abcdeX", b""])
def test_any_other_bytes_are_noticed(stream: bytes):
    with pytest.raises(Corrupt):
        list(verified([part(0, b"abc"), part(1, b"def")], [stream]))


def test_nothing_is_left_of_results_that_are_corrupt(tmp_path: Path):
    with pytest.raises(Corrupt, match="part-00001"), Display(quiet=True) as display:
        fetch_results([part(0, b"abc"), part(1, b"def")], [b"abcdeX"], tmp_path / "out", display)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_filled_meanwhile_stays(tmp_path: Path):
    target = tmp_path / "out"

    def chunks():
        target.mkdir()
        (target / "mine").write_bytes(b"mine")
        yield b"abc"

    with pytest.raises(Conflict, match="already exists"), Display(quiet=True) as display:
        fetch_results([part(0, b"abc")], chunks(), target, display)
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "mine"]


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/b", "..", ""])
def test_a_part_stays_in_its_folder(tmp_path: Path, name: str):
    with pytest.raises(Corrupt, match="isn't a valid file name"), Display(quiet=True) as display:
        fetch_results([part(0, b"abc", name=name)], [b"abc"], tmp_path / "out", display)
    assert list(tmp_path.iterdir()) == []
