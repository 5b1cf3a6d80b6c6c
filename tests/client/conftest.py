"""One `fanfold up` for a session (and an xdist worker); every test has people of its own in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.services import People, Person, Up, people


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    services = Up(tmp_path_factory.mktemp("up"))
    yield services
    services.kill()


@pytest.fixture(scope="session")
def make_person(up: Up, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    yield from people(up, tmp_path_factory.mktemp("people"))


@pytest.fixture
def fanfold(make_person: People) -> Person:
    """The command, used by a new submitter who has logged in."""
    return make_person()


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A folder of text, with names that need care."""
    folder = tmp_path / "texts"
    (folder / "deep er").mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"to be or not to be\n" * 50)
    (folder / "deep er" / "b #1 100%?.txt").write_bytes("naïve être\u2028one\n".encode() * 20)
    (folder / "é.txt").write_bytes(b"no newline at the end")
    (folder / "empty.txt").write_bytes(b"")
    return folder
