"""Where a reader's bytes come from: a file of a store, unpacked if it is compressed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.formats.archives import refuse_archive
from fanfold_steps.formats.compression import MAGIC_BYTES, Codec, codec_by_magic, codec_by_name, codec_by_suffix, unpack
from fanfold_storage.objects import Objects
from fanfold_storage.urls import join_url

KEPT_RECORDS = b'{"fanfold": "records that were put aside"}\n'
"""The first line of a file of records that a job put aside, as `formats.kept` has it."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file's bytes, after unpacking."""

    objects: Objects
    key: str
    codec: Codec | None
    piece: int | None = None
    """The most bytes that `read` gives at once; None leaves it to the store."""
    longest: int | None = None
    """The most bytes that one record may have; None leaves it open."""
    size: int | None = None
    """Bytes that the file had when the job was planned, before decompression; None if that doesn't matter."""
    is_kept: bool = False
    """Whether it is a file of records that a job put aside, whatever its format."""
    looks_inside: bool = False
    """Whether what is in a compressed file may be no archive."""

    @property
    def url(self) -> str:
        """The file's URL."""
        return join_url(self.objects.url, self.key)

    @property
    def splittable(self) -> bool:
        """Whether reading may begin anywhere."""
        return self.codec is None and not self.is_kept

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes of a range, in chunks. Raises PermanentFailure if they can't be unpacked."""
        chunks = self._chunks(start, stop)
        return _cut(chunks, self.piece) if self.piece else chunks

    def _chunks(self, start: int, stop: int | None) -> Iterator[bytes]:
        if self.codec is None:
            return self._stored(start, stop)
        unpacked = unpack(self.codec, self._stored(0, None), self.url)
        return _range(self._looked_at(unpacked) if self.looks_inside else unpacked, start, stop)

    def _stored(self, start: int, stop: int | None) -> Iterator[bytes]:
        """The bytes of a range as they are stored. Raises PermanentFailure if there are fewer than there were."""
        if self.size is None:
            yield from self.objects.read(self.key, start, stop)
            return
        stop = self.size if stop is None else min(stop, self.size)
        position = start
        for chunk in self.objects.read(self.key, start, stop) if start < stop else ():
            position += len(chunk)
            yield chunk
        if position < stop:
            what = f"{self.url} ended at byte {position:,}, but had {self.size:,} when the job began"
            mend = "it was changed while it was being read: submit the job again when the file is complete"
            raise PermanentFailure("input", f"{what}: {mend}")

    def _looked_at(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The same bytes, if they are no archive's."""
        held = b""
        for chunk in chunks:
            held += chunk
            if len(held) >= MAGIC_BYTES:
                break
        refuse_archive(self.url, "", held)
        yield held
        yield from chunks


def open_source(
    objects: Objects,
    key: str,
    compress: str | None,
    piece: int | None = None,
    longest: int | None = None,
    *,
    archives: bool = False,
) -> Source:
    """A file as it is to be read: compressed as named, or else as its name or its first bytes say.

    With `archives` it may be one.

    Raises:
        NotFound: it isn't there.
        PermanentFailure: it is an archive, and neither `archives` nor `compress` say that it is to be read.
    """
    by_name = codec_by_suffix(key)
    beginning = b"" if by_name else b"".join(objects.read(key, 0, MAGIC_BYTES))
    if beginning.startswith(KEPT_RECORDS):
        return Source(objects, key, None, piece, is_kept=True)
    if compress:
        return Source(objects, key, codec_by_name(compress), piece, longest)
    source = Source(objects, key, by_name or codec_by_magic(beginning), piece, longest)
    if archives:
        return source
    refuse_archive(source.url, key, b"" if source.codec else beginning)
    return replace(source, looks_inside=source.codec is not None)


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
