"""A job's results: one stream of bytes, cut into the parts it is made of, each checked."""

import hashlib
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from fanfold.verbs.progress import Display, Rate, moved
from fanfold_client.answers import Part
from fanfold_client.problems import Conflict, Corrupt


def verified(parts: Sequence[Part], chunks: Iterable[bytes]) -> Iterator[tuple[Part, bytes]]:
    """Each chunk with the part that it belongs to; an empty part comes with an empty chunk.

    Raises:
        Corrupt: a part's checksum is not the recorded one (after its last chunk), or there are too few bytes or more.
    """
    rest = _Buffer(chunks)
    for part in parts:
        digest, left = hashlib.sha256(), part["bytes"]
        if not left:
            yield part, b""
        while left:
            chunk = rest.take(left)
            if not chunk:
                raise Corrupt(f"{part['name']} ends {left} bytes early: fetch the results again")
            digest.update(chunk)
            left -= len(chunk)
            yield part, chunk
        if digest.hexdigest() != part["sha256"]:
            raise Corrupt(f"{part['name']} is not as the job wrote it (its checksum differs): fetch the results again")
    if rest.take(1):
        raise Corrupt("the results are longer than the job recorded: fetch them again")


class _Buffer:
    """A stream of chunks from which any number of bytes can be taken."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def take(self, most: int) -> bytes:
        """Some bytes, at most so many; none at the end."""
        while not self._rest:
            try:
                self._rest = next(self._chunks)
            except StopIteration:
                return b""
        taken, self._rest = self._rest[:most], self._rest[most:]
        return taken


def fetch_results(parts: Sequence[Part], chunks: Iterable[bytes], target: Path, display: Display) -> None:
    """Write each part as a file of a new folder `target`, which appears whole or not at all.

    Raises:
        Conflict: there is something at `target`.
        Corrupt: a part isn't what the job wrote.
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise _taken(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    hidden = target.with_name(f".{secrets.token_hex(8)}.part")
    hidden.mkdir()
    try:
        _write(parts, chunks, hidden, display)
        try:
            hidden.replace(target)  # which an empty folder lets happen
        except OSError as error:
            raise _taken(target) from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _taken(target: Path) -> Conflict:
    return Conflict(f"{target} exists already and isn't an empty folder: remove it, or choose another")


def _write(parts: Sequence[Part], chunks: Iterable[bytes], folder: Path, display: Display) -> None:
    total, done, rate = sum(part["bytes"] for part in parts), 0, Rate()
    with ExitStack() as stack:
        files: dict[str, BinaryIO] = {}
        for part, chunk in verified(parts, chunks):
            if part["name"] not in files:
                files[part["name"]] = stack.enter_context((folder / _plain(part["name"])).open("xb"))
            files[part["name"]].write(chunk)
            done += len(chunk)
            what, whole = f"{len(files)}/{len(parts)} parts", len(files) == len(parts)
            display.show([moved("download", done, total, rate.update(done), what, whole=whole)])


def _plain(name: str) -> str:
    """The name of a part as a file's name: it must not lead out of the folder."""
    if "/" in name or "\\" in name or name in {"", ".", ".."}:
        raise Corrupt(f"the service names a part {name!r}, which can't be a file's name")
    return name
