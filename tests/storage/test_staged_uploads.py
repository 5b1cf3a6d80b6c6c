"""A part is uploaded while the next one is written; whether it could be, the next call says."""

import json
import threading

import pytest

from fanfold_storage.errors import Unavailable
from fanfold_storage.objects import staged_uploads
from fanfold_storage.objects.staged_uploads import StagedUpload, Upload

WAIT = 20  # seconds, for what happens at once


class Server:
    """Takes parts, each once `open` is set."""

    def __init__(self) -> None:
        self.open, self.asked = threading.Event(), threading.Event()
        self.parts: dict[int, bytes] = {}
        self.fails_at = 0
        self.aborted_with: list[int] = []

    def begin(self, key: str) -> Upload:
        return Upload(key, "upload", marked=False)

    def send(self, upload: Upload, number: int, part: bytes) -> str:
        self.asked.set()
        assert self.open.wait(WAIT)
        if number == self.fails_at:
            raise Unavailable("away")
        self.parts[number] = part
        return f"etag-{number}"

    def abort(self, upload: Upload) -> None:
        self.aborted_with = list(self.parts)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(staged_uploads, "PART", 4)
    return Server()


@pytest.fixture
def staged(server: Server) -> StagedUpload:
    return StagedUpload(server, "k")  # type: ignore[arg-type]


def test_whoever_writes_goes_on_while_a_part_is_uploaded(server: Server, staged: StagedUpload) -> None:
    staged.write(b"abcdef")
    assert server.asked.wait(WAIT) and not server.parts
    assert (staged.size, staged.buffered, staged.begun) == (6, b"ef", True)
    server.open.set()
    staged.write(b"ghijklmno")
    assert json.loads(staged.seal())["etags"] == [f"etag-{number}" for number in (1, 2, 3, 4)]
    assert server.parts == {1: b"abcd", 2: b"efgh", 3: b"ijkl", 4: b"mno"}


def test_one_part_is_under_way_at_most(server: Server, staged: StagedUpload) -> None:
    staged.write(b"abcd")
    writer = threading.Thread(target=staged.write, args=(b"efgh",))
    writer.start()
    assert server.asked.wait(WAIT) and writer.is_alive()
    server.open.set()
    writer.join(WAIT)
    assert server.parts[1] == b"abcd"


@pytest.mark.parametrize("ends", ["write", "seal"])
def test_a_part_that_was_not_taken_is_told_by_the_next_call(server: Server, staged: StagedUpload, ends: str) -> None:
    server.fails_at = 1
    server.open.set()
    staged.write(b"abcd")
    with pytest.raises(Unavailable, match="away"):
        staged.write(b"efgh") if ends == "write" else staged.seal()


def test_an_upload_is_discarded_once_its_last_part_has_arrived(server: Server, staged: StagedUpload) -> None:
    staged.write(b"abcd")
    assert server.asked.wait(WAIT)
    threading.Timer(0.05, server.open.set).start()
    staged.abort()
    assert server.aborted_with == [1]


def test_what_fits_into_a_part_is_sent_by_whoever_writes(server: Server, staged: StagedUpload) -> None:
    server.open.set()
    staged.write(b"ab")
    before = threading.active_count()
    assert json.loads(staged.seal())["etags"] == ["etag-1"]
    assert threading.active_count() == before
