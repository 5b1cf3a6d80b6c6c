"""Where a reader's bytes come from: a file of a store, unpacked if it is compressed."""

from collections.abc import Iterator
from dataclasses import dataclass

from fanfold_steps.formats.compression import MAGIC_BYTES, Codec, by_magic, by_name, named, unpack
from fanfold_storage.objects import Objects
from fanfold_storage.urls import join_url


@dataclass(frozen=True, slots=True)
class Source:
    """A file's bytes, after unpacking."""

    objects: Objects
    key: str
    codec: Codec | None
    piece: int | None = None
    """The most bytes that `read` gives at once; None leaves it to the store."""

    @property
    def url(self) -> str:
        """The file's URL."""
        return join_url(self.objects.url, self.key)

    @property
    def splittable(self) -> bool:
        """Whether reading may begin anywhere."""
        return self.codec is None

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes of a range, in chunks. Raises PermanentFailure if they can't be unpacked."""
        chunks = self._chunks(start, stop)
        return _cut(chunks, self.piece) if self.piece else chunks

    def _chunks(self, start: int, stop: int | None) -> Iterator[bytes]:
        if self.codec is None:
            return self.objects.read(self.key, start, stop)
        return _range(unpack(self.codec, self.objects.read(self.key), self.url), start, stop)


def open_source(objects: Objects, key: str, compress: str | None, piece: int | None = None) -> Source:
    """A file as it is to be read: packed as named, or else as its name or its first bytes say. Raises NotFound."""
    if compress:
        return Source(objects, key, named(compress), piece)
    codec = by_name(key) or by_magic(b"".join(objects.read(key, 0, MAGIC_BYTES)))
    return Source(objects, key, codec, piece)


def _cut(chunks: Iterator[bytes], most: int) -> Iterator[bytes]:
    for chunk in chunks:
        if len(chunk) <= most:
            yield chunk
        else:
            yield from (chunk[at : at + most] for at in range(0, len(chunk), most))


def _range(chunks: Iterator[bytes], start: int, stop: int | None) -> Iterator[bytes]:
    position = 0
    for chunk in chunks:
        begin, position = position, position + len(chunk)
        if position > start:
            yield chunk[max(start - begin, 0) : None if stop is None else max(stop - begin, 0)]
        if stop is not None and position >= stop:
            return
