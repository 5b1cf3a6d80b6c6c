"""The objects protocol: a small set of verbs that a folder and an S3 bucket both keep.

A key is a relative path of `/`-separated segments (`jobs/7f/plan.json`). Nothing is ever seen half-written.
Every method raises only `fanfold_storage.errors`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from fanfold_storage.errors import InvalidKey

_NO_PATH = frozenset({"", ".", ".."})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Stat:
    """What `list` and `stat` tell of an object: its key, its size in bytes, when it was last written (Unix seconds)."""

    key: str
    size: int
    modified: float


class Staged(Protocol):
    """A write under way that nobody sees. Close it by `seal` (then commit by handle) or by `abort`."""

    def write(self, data: bytes) -> None:
        """Append bytes; memory stays bounded whatever the total."""

    def seal(self) -> str:
        """End the writing, make it durable, and return the handle by which any process may commit or abort it."""

    def abort(self) -> None:
        """Drop what was written; leaves nothing behind. After `seal` use `Objects.abort(handle)`."""


class Objects(Protocol):
    """A store of objects under one root (a folder, or a bucket and prefix)."""

    @property
    def url(self) -> str:
        """The root as a URL that ends with a slash: `file:///data/`, `s3://bucket/prefix/`."""

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to `stop` (or the end) in chunks. A range past the end is cut short.

        Raises NotFound at the call or at the first chunk.
        """

    def put(self, key: str, chunks: Iterable[bytes], *, hint: bool = False) -> int:
        """Write an object whole, replacing what was there; durable on return. Returns its size in bytes.

        If `chunks` raises, nothing is written and the exception goes on. A `hint` need not be durable: where that is
        cheaper, a machine that crashes may forget it, or leave it empty.
        """

    def put_if_absent(self, key: str, data: bytes, *, hint: bool = False) -> bool:
        """Create a small object unless the key is taken; durable on return. Exactly one of many callers gets True.

        A `hint` need not be durable, as with `put`.
        """

    def stage(self, key: str) -> Staged:
        """Begin a write that becomes visible only when its handle is committed, by this process or another."""

    def commit(self, handle: str) -> None:
        """Make a sealed write visible under its key, durably. Committing the same handle twice does no harm.

        Raises NotFound when the staged write is gone and its key holds nothing.
        """

    def abort(self, handle: str) -> None:
        """Drop a sealed write; leaves nothing behind. Does nothing if it was committed or dropped before."""

    def list(self, prefix: str = "", *, deepest: int | None = None) -> Iterator[Stat]:
        """Every object whose key begins with `prefix`, ordered by the key's UTF-8 bytes. Staged writes do not show.

        With `deepest` only those whose key has at most so many segments: a folder isn't searched further down.
        """

    def stat(self, key: str) -> Stat:
        """Size and time of one object. Raises NotFound."""

    def delete(self, key: str) -> None:
        """Remove an object; removing what isn't there is no error."""

    def sweep(self, prefix: str = "") -> None:
        """Drop every staged write under `prefix` that nobody committed. Only safe when its writers are gone."""


def read_all(objects: Objects, key: str) -> bytes:
    """A whole (small) object in memory. Raises NotFound."""
    return b"".join(objects.read(key))


def validate_key(key: str) -> str:
    """The key unchanged if any store may hold it.

    Raises:
        InvalidKey: empty, absolute, longer than 1,024 bytes (S3's limit), a segment that is empty, `.`, `..` or
            longer than 255 bytes (file systems' limit), or a control character.

    >>> validate_key("texts/a.txt")
    'texts/a.txt'
    """
    encoded = key.encode("utf-8", "surrogatepass")
    segments = key.split("/")
    if not key or len(encoded) > 1024:
        raise InvalidKey(f"a key needs 1 to 1,024 bytes, this one has {len(encoded)}: {key[:80]!r}")
    if not _NO_PATH.isdisjoint(segments):
        raise InvalidKey(f"a key is a relative path without empty, '.' or '..' segments, not {key!r}")
    if len(encoded) > 255 and any(len(segment.encode("utf-8", "surrogatepass")) > 255 for segment in segments):
        raise InvalidKey(f"a segment of a key has at most 255 bytes: {key[:80]!r}…")
    if _CONTROL.search(key):
        raise InvalidKey(f"a key holds no control characters: {key!r}")
    return key
