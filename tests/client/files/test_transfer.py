"""A file that is fetched appears complete or not at all, and one failure ends a transfer of many."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fanfold.terminal.display import Display
from fanfold_client.api.problems import Away, Refused
from fanfold_client.files.transfer import Local, upload, write_atomically


def broken(*chunks: bytes, meanwhile: Callable[[], object] = lambda: None) -> Iterator[bytes]:
    """A download whose connection breaks."""
    yield from chunks
    meanwhile()
    raise Away("the connection broke")


def test_a_file_replaces_the_one_before(tmp_path: Path):
    place = tmp_path / "new" / "folder" / "a.txt"
    for content in (b"old", b"new"):
        write_atomically(place, [content[:1], content[1:]])
        assert place.read_bytes() == content
    assert list(place.parent.iterdir()) == [place]


def test_a_download_that_breaks_leaves_what_was_there(tmp_path: Path):
    (place := tmp_path / "a.txt").write_bytes(b"old")
    with pytest.raises(Away, match="broke"):
        write_atomically(place, broken(b"half"))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_the_reason_is_told_even_if_the_folder_has_gone_meanwhile(tmp_path: Path):
    folder = tmp_path / "folder"
    with pytest.raises(Away, match="broke"):
        write_atomically(folder / "a.txt", broken(b"half", meanwhile=lambda: shutil.rmtree(folder)))


class Files:
    """A service whose first file is refused while the others never end by themselves."""

    def __init__(self) -> None:
        self.files = self
        self.stopped: list[str] = []

    def put(self, path: str, source: Path, observe: Callable[[int], None]) -> dict[str, Any]:
        if path == "0":
            raise Refused("no room")
        try:
            while True:
                observe(1)
        except Exception:
            self.stopped.append(path)
            raise


def test_a_failure_stops_the_files_that_are_under_way(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"a")
    files = Files()
    with pytest.raises(Refused, match="no room"):
        upload(files, [Local(tmp_path / "a", str(number)) for number in range(8)], Display(quiet=True))  # type: ignore[arg-type]
    assert {"1", "2", "3"} <= set(files.stopped)
