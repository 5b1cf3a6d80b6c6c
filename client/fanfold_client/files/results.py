"""A job's results: one stream of bytes, divided into its parts, each verified by its checksum."""

import hashlib
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from fanfold.terminal.display import Display
from fanfold.terminal.progress import Rate, transfer_line
from fanfold_client.api.problems import Conflict, Corrupt
from fanfold_client.api.responses import Part
from fanfold_steps.failure.wording import quantity


def verified(parts: Sequence[Part], chunks: Iterable[bytes]) -> Iterator[tuple[Part, bytes]]:
    """Each chunk with the part to which it belongs; an empty part has one empty chunk.

    Raises:
        Corrupt: a part's checksum differs from the recorded one (after its last chunk), or the length does.
    """
    buffer = _Buffer(chunks)
    for part in parts:
        digest, left = hashlib.sha256(), part["bytes"]
        if not left:
            yield part, b""
        while left:
            chunk = buffer.take(left)
            if not chunk:
                raise Corrupt(f"{part['name']} is {quantity(left, 'byte')} too short: fetch the results again")
            digest.update(chunk)
            left -= len(chunk)
            yield part, chunk
        if digest.hexdigest() != part["sha256"]:
            raise Corrupt(f"{part['name']} differs from what the job wrote (wrong checksum): fetch the results again")
    if buffer.take(1):
        raise Corrupt("the results are longer than the job recorded: fetch them again")


class _Buffer:
    """A stream of chunks from which any number of bytes can be taken."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def take(self, most: int) -> bytes:
        """Up to `most` bytes; none at the end of the stream."""
        while not self._rest:
            try:
                self._rest = next(self._chunks)
            except StopIteration:
                return b""
        piece, self._rest = self._rest[:most], self._rest[most:]
        return piece


def fetch_results(parts: Sequence[Part], chunks: Iterable[bytes], target: Path, display: Display) -> None:
    """Write each part to a file in a new folder `target`, which appears complete or not at all.

    Raises:
        Conflict: `target` exists and isn't an empty folder.
        Corrupt: a part differs from what the job wrote.
    """
    with new_folder(target) as folder:
        _write(parts, chunks, folder, display)


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A hidden folder, which becomes `target` if the context ends well, and else leaves nothing behind.

    Raises:
        Conflict: `target` exists and isn't an empty folder.
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise _taken(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    hidden = target.with_name(f".{secrets.token_hex(8)}.part")
    hidden.mkdir()
    try:
        yield hidden
        try:
            hidden.replace(target)  # works if the target is an empty folder
        except OSError as error:
            raise _taken(target) from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _taken(target: Path) -> Conflict:
    return Conflict(f"{target} already exists and isn't an empty folder: remove it, or choose another")


def _write(parts: Sequence[Part], chunks: Iterable[bytes], folder: Path, display: Display) -> None:
    total, done, rate = sum(part["bytes"] for part in parts), 0, Rate()
    with ExitStack() as stack:
        files: dict[str, BinaryIO] = {}
        for part, chunk in verified(parts, chunks):
            if part["name"] not in files:
                files[part["name"]] = stack.enter_context((folder / safe_name(part["name"])).open("xb"))
            files[part["name"]].write(chunk)
            done += len(chunk)
            count, complete = f"{len(files)}/{len(parts)} parts", len(files) == len(parts)
            display.show([transfer_line("download", done, total, rate.update(done), count, complete=complete)])


def safe_name(name: str) -> str:
    """The part's name, if it is safe as a file name: it must not lead out of the folder. Raises Corrupt."""
    if "/" in name or "\\" in name or name in {"", ".", ".."}:
        raise Corrupt(f"the service sent a part named {name!r}, which isn't a valid file name")
    return name
