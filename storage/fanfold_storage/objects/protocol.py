"""The objects protocol: a small set of operations that a folder and an S3 bucket both implement.

A key is a relative path of `/`-separated segments (`jobs/7f/plan.json`). No object is ever visible half-written.
Methods raise only `fanfold_storage.errors`.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from fanfold_storage.errors import InvalidKey, NotFound, StorageError, TooLarge

_NO_PATH = frozenset({"", ".", ".."})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Stat:
    """What `list` and `stat` return: an object's key, its size in bytes, when it was last written (Unix seconds)."""

    key: str
    size: int
    modified: float


class Staged(Protocol):
    """A write in progress, which isn't visible. End it with `seal`, then commit its handle, or with `abort`."""

    def write(self, data: bytes) -> None:
        """Append bytes. Memory use is bounded, whatever the total."""

    def seal(self) -> str:
        """End the write, make it durable, and return a handle with which any process may commit or abort it."""

    def abort(self) -> None:
        """Discard what was written, leaving nothing behind. After `seal`, use `Objects.abort(handle)`."""


class Opened(Protocol):
    """One version of an object: size and bytes belong together, even if the key is overwritten meanwhile."""

    @property
    def stat(self) -> Stat:
        """Its key, size and time."""

    @property
    def version(self) -> str:
        """Distinguishes it from other versions under the same key; printable ASCII without quotes."""

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Exactly the bytes from `start` to `stop`, at most the size, in chunks.

        Raises Unavailable if this version can't be read to the end any more.
        """

    def close(self) -> None:
        """Let it go. Reading it afterwards fails."""


class Objects(Protocol):
    """A store of objects under one root (a folder, or a bucket and prefix)."""

    @property
    def url(self) -> str:
        """The root as a URL that ends with a slash: `file:///data/`, `s3://bucket/prefix/`."""

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` to before `stop` (or to the end) in chunks. A range past the end is truncated.

        Raises NotFound at the call or at the first chunk.
        """

    def open(self, key: str) -> Opened:
        """The object as it is now. Close it when done. Raises NotFound."""

    def put(self, key: str, chunks: Iterable[bytes], *, hint: bool = False) -> int:
        """Write an object, replacing an existing one; durable on return. Returns its size in bytes.

        If `chunks` raises, nothing is written and the exception passes through. A `hint` need not be durable: if that
        is cheaper, it may be lost, or be left empty, when the machine crashes.
        """

    def put_if_absent(self, key: str, data: bytes, *, hint: bool = False) -> bool:
        """Create a small object unless the key exists; durable on return. Exactly one of many callers gets True.

        A `hint` need not be durable, as in `put`.
        """

    def stage(self, key: str) -> Staged:
        """Begin a write that becomes visible only when its handle is committed, by this or another process."""

    def commit(self, handle: str) -> None:
        """Make a sealed write visible under its key, durably. Committing the same handle twice does no harm.

        Raises NotFound if the staged write is gone and its key doesn't exist.
        """

    def abort(self, handle: str) -> None:
        """Discard a sealed write, leaving nothing behind. No effect if it was committed or discarded before."""

    def is_staged(self, handle: str) -> bool:
        """Whether a sealed write can still be committed, or was. Raises InvalidKey: it is no handle of this store."""

    def list(self, prefix: str = "", *, deepest: int | None = None) -> Iterator[Stat]:
        """Every object whose key begins with `prefix`, in the order of the keys' UTF-8 bytes, without staged writes.

        With `deepest`, only objects whose keys have at most that many segments; deeper folders aren't searched.
        """

    def stat(self, key: str) -> Stat:
        """Size and time of an object. Raises NotFound."""

    def delete(self, key: str) -> None:
        """Remove an object, if it exists."""

    def sweep(self, prefix: str = "", *, keep: Collection[str] = ()) -> None:
        """Discard every uncommitted staged write under `prefix`, except sealed ones whose handles are in `keep`.

        Only safe when no writer is left. What is no handle of this store keeps nothing.
        """


def read_all(objects: Objects, key: str, most: int | None = None) -> bytes:
    """A whole (small) object in memory. Raises NotFound; TooLarge if it has more than `most` bytes."""
    if most is None:
        return b"".join(objects.read(key))
    data = b"".join(objects.read(key, 0, most + 1))
    if len(data) > most:
        raise TooLarge(f"{objects.url}{key} has more than {most:,} bytes, the most that belongs there")
    return data


def readable_key(key: str) -> str:
    r"""The key unchanged if an object may lie there that another program wrote: its name may have any characters.

    Raises:
        InvalidKey: absolute, or a segment that is empty, `.` or `..`, or the character NUL.

    >>> readable_key("texts/new\nline.txt")
    'texts/new\nline.txt'
    """
    if not _NO_PATH.isdisjoint(key.split("/")):
        raise InvalidKey(f"a key is a relative path without empty, '.' or '..' segments, not {key!r}")
    if "\0" in key:
        raise InvalidKey(f"a key holds no NUL: {key!r}")
    return key


@contextmanager
def holdable(key: str) -> Iterator[None]:
    """A context that looks for an object: what no store of ours could hold, and isn't there, is an InvalidKey.

    Servers say in different words that a key is none.
    """
    try:
        yield
    except StorageError as error:
        if type(error) in (NotFound, StorageError):  # the latter is what a server says that knows no better
            validate_key(key)
        raise


def validate_key(key: str) -> str:
    """The key unchanged, if every kind of store can hold it.

    Raises:
        InvalidKey: it is empty, absolute, or longer than 1,024 bytes (S3's limit); a segment is empty, `.`, `..`, or
            longer than 255 bytes (the limit of file systems); or it contains a control character.

    >>> validate_key("texts/a.txt")
    'texts/a.txt'
    """
    encoded = key.encode("utf-8", "surrogatepass")
    segments = key.split("/")
    if not key or len(encoded) > 1024:
        raise InvalidKey(f"a key has 1 to 1,024 bytes, but this one has {len(encoded)}: {key[:80]!r}")
    if not _NO_PATH.isdisjoint(segments):
        raise InvalidKey(f"a key is a relative path without empty, '.' or '..' segments, not {key!r}")
    if len(encoded) > 255 and any(len(segment.encode("utf-8", "surrogatepass")) > 255 for segment in segments):
        raise InvalidKey(f"a segment of a key has at most 255 bytes: {key[:80]!r}…")
    if _CONTROL.search(key):
        raise InvalidKey(f"a key must not contain control characters: {key!r}")
    return key
