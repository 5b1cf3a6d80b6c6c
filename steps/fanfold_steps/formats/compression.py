"""Compressed files: which there are, how they are known, packing and unpacking as streams.

Each is unpacked by a decoder of one shape, that of Python's own `bz2` and `lzma`: bounded output for bounded input,
and several members in one file, as `cat a.gz b.gz` makes them. What is packed depends on the bytes alone: no times.
"""

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from fanfold_steps.failure.permanent import PermanentFailure

PIECE = 1 << 20  # bytes packed or unpacked at once, so that a small file can't fill the memory
MAGIC_BYTES = 262
"""Of a file, by which its compression, or the kind of archive that it is, is known."""


@dataclass(frozen=True, slots=True)
class Codec:
    """A compression: its name, what files' names end with, what they begin with; decoder and encoder."""

    name: str
    suffix: str
    magic: bytes
    decoder: Callable[[], Any]
    encoder: Callable[[], Any]


class _GzipDecoder:
    """zlib's decoder in the shape of the others."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    def decompress(self, data: bytes, most: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, most)


class _Lz4Encoder:
    """lz4's encoder with the interface of the others: `begin` is called when it is first used."""

    def __init__(self) -> None:
        import lz4.frame

        self._frame = lz4.frame.LZ4FrameCompressor(content_checksum=True)
        self._begun = False

    def compress(self, data: bytes) -> bytes:
        begin = b"" if self._begun else self._frame.begin()
        self._begun = True
        packed: bytes = begin + self._frame.compress(data)
        return packed

    def flush(self) -> bytes:
        begin = b"" if self._begun else self._frame.begin()
        packed: bytes = begin + self._frame.flush()
        return packed


def _lz4_decoder() -> Any:
    import lz4.frame

    return lz4.frame.LZ4FrameDecompressor()


def _zstd() -> Any:
    """Python's own module, which before 3.14 comes as a backport."""
    return import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


def _no_encoder() -> Any:
    raise AssertionError("the older form of xz is only read")


_LZMA = b"\x5d\x00\x00"
_CODECS = {
    codec.name: codec
    for codec in (
        Codec("gzip", ".gz", b"\x1f\x8b\x08", _GzipDecoder, lambda: zlib.compressobj(wbits=31)),
        Codec("bz2", ".bz2", b"BZh", bz2.BZ2Decompressor, bz2.BZ2Compressor),
        Codec(
            "zstd", ".zst", b"\x28\xb5\x2f\xfd", lambda: _zstd().ZstdDecompressor(), lambda: _zstd().ZstdCompressor()
        ),
        Codec("xz", ".xz", b"\xfd7zXZ\0", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ), lzma.LZMACompressor),
        Codec("lzma", ".lzma", _LZMA, lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE), _no_encoder),
        Codec("lz4", ".lz4", b"\x04\x22\x4d\x18", _lz4_decoder, _Lz4Encoder),
    )
}
_BZ2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")  # what follows BZh1 to BZh9, which alone may be text


_REST = "Other bytes may follow what was compressed: decompress the file (gunzip < FILE > COPY) and read the copy"
_MENDS = {"requires too much memory": "Decompress it first (zstd -d --long=31), or compress it without --long"}


def codec_by_name(name: str | None) -> Codec | None:
    """The compression of that name; None for `none` and for no name."""
    return None if name in (None, "none") else _CODECS[str(name)]


def codec_by_suffix(key: str) -> Codec | None:
    """The compression that a file's name tells."""
    return next((codec for codec in _CODECS.values() if key.lower().endswith(codec.suffix)), None)


def codec_by_magic(beginning: bytes) -> Codec | None:
    """The compression that a file's first bytes tell."""
    codec = next((codec for codec in _CODECS.values() if beginning.startswith(codec.magic)), None)
    if codec and codec.name == "bz2" and beginning[4:10] not in _BZ2_BLOCKS:
        return None
    return None if codec and codec.name == "lzma" and not _is_lzma(beginning) else codec


def _is_lzma(beginning: bytes) -> bool:
    """Whether the dictionary is 2**n bytes, and the size is unknown or less than 2**40: text never looks so."""
    dictionary, size = int.from_bytes(beginning[1:5], "little"), int.from_bytes(beginning[5:13], "little")
    is_power = dictionary & (dictionary - 1) == 0
    return len(beginning) >= 13 and is_power and (size == (1 << 64) - 1 or size < 1 << 40)


def unpack(codec: Codec, chunks: Iterator[bytes], url: str) -> Iterator[bytes]:
    """The bytes that were packed, in bounded pieces.

    Raises:
        PermanentFailure: this isn't such a file, or it is damaged or cut short.
    """
    decoder: Any = codec.decoder()
    untouched, begun_again = True, False
    for chunk in chunks:
        data = chunk
        while True:
            if decoder.eof:
                data = data.lstrip(b"\0")  # padding, which tapes and xz allow between members
                if not data:
                    break
                decoder = codec.decoder()
                begun_again = True
            untouched = False
            try:
                piece = decoder.decompress(data, PIECE)
            except Exception as error:  # each library has errors of its own
                mend = next((told for words, told in _MENDS.items() if words in str(error)), "Fetch it again")
                if codec.name == "gzip" and begun_again:
                    mend = _REST
                raise PermanentFailure("input", f"{url} is not a valid {codec.name} file: {error}. {mend}") from error
            if piece:
                yield piece
            if decoder.eof:
                data = decoder.unused_data or b""
            elif decoder.needs_input and len(piece) < PIECE:  # zlib may hold more when the piece is full
                break
            else:
                data = b""
    if not decoder.eof and not untouched:
        raise PermanentFailure("input", f"{url} is cut short: its {codec.name} data doesn't end. Fetch it again")


class Packer:
    """Packs a part's bytes; the same ones for the same bytes, however they come."""

    def __init__(self, codec: Codec) -> None:
        self._encoder: Any = codec.encoder()
        self._waiting = bytearray()

    def pack(self, data: bytes) -> bytes:
        """Take bytes in; what is ready comes out."""
        self._waiting += data
        packed = []
        while len(self._waiting) >= PIECE:
            packed.append(self._encoder.compress(bytes(self._waiting[:PIECE])))
            del self._waiting[:PIECE]
        return b"".join(packed)

    def end(self) -> bytes:
        """The bytes that remain."""
        packed: bytes = self._encoder.compress(bytes(self._waiting)) + self._encoder.flush()
        return packed
