"""Keys as bytes whose order is the keys' order: sorting, merging and partitioning work on bytes alone.

The order: None, then whole numbers by value, text by code point, bytes, tuples element by element (a shorter one
first). Encoded: one byte for the type, then a body. Inside a tuple, text and bytes end at a zero byte (their own zeros
are written `00 FF`), as in FoundationDB's tuple layer.
"""

import zlib
from collections.abc import Iterator

from fanfold_steps.failure import shown

Key = None | int | str | bytes | tuple["Key", ...]

NONE, NEGATIVE, POSITIVE, TEXT, BYTES, TUPLE = b"\x01", b"\x02", b"\x03", b"\x05", b"\x06", b"\x07"
_END, _ZERO = b"\x00", b"\x00\xff"


class UnsortableKey(TypeError):
    """A key of a type that has no place in the order."""


def encode(key: Key) -> bytes:
    r"""The key's bytes; `encode(a) < encode(b)` exactly when a comes before b.

    Raises:
        UnsortableKey: not None, int, str, bytes or a tuple of them (bool and float have no place yet).

    >>> encode("b") > encode("a") > encode(7) > encode(-7) > encode(None)
    True
    """
    if type(key) is str:
        return TEXT + key.encode("utf-8", "surrogatepass")
    if type(key) is bytes:
        return BYTES + key
    try:
        return _encode_element(key)
    except RecursionError as error:
        raise UnsortableKey("a key is a tuple of tuples nested too deeply to be sorted") from error


def decode(data: bytes) -> Key:
    """The key that `encode` was given."""
    kind = data[:1]
    if kind == TEXT:
        return data[1:].decode("utf-8", "surrogatepass")
    if kind == BYTES:
        return data[1:]
    key, _ = _decode_element(data, 0)
    return key


def partition(encoded: bytes, partitions: int) -> int:
    """The partition that a key belongs to: CRC-32 of its bytes, the same on every machine and Python."""
    return zlib.crc32(encoded) % partitions


def _encode_element(key: Key) -> bytes:
    if key is None:
        return NONE
    if type(key) is int:
        return _encode_int(key)
    if type(key) is str:
        return TEXT + key.encode("utf-8", "surrogatepass").replace(_END, _ZERO) + _END
    if type(key) is bytes:
        return BYTES + key.replace(_END, _ZERO) + _END
    if type(key) is tuple:
        return TUPLE + b"".join(map(_encode_element, key)) + _END
    raise UnsortableKey(
        f"a key is None, int, str, bytes or a tuple of them, not {type(key).__name__} ({shown(key)}): "
        "turn it into one of those, for example with str()"
    )


def _encode_int(number: int) -> bytes:
    """Type by sign, the length of the length, the length, the magnitude; all but the type inverted below zero."""
    magnitude = abs(number).to_bytes((number.bit_length() + 7) // 8, "big")
    length = len(magnitude).to_bytes((len(magnitude).bit_length() + 7) // 8, "big")
    body = bytes([len(length)]) + length + magnitude
    return POSITIVE + body if number >= 0 else NEGATIVE + bytes(255 - byte for byte in body)


def _decode_element(data: bytes, at: int) -> tuple[Key, int]:
    kind, at = data[at : at + 1], at + 1
    if kind == NONE:
        return None, at
    if kind in (NEGATIVE, POSITIVE):
        return _decode_int(data, at, negative=kind == NEGATIVE)
    if kind == TUPLE:
        elements = list(_decode_tuple(data, at))
        return tuple(key for key, _ in elements[:-1]), elements[-1][1]
    stop = _end_of_text(data, at)
    body = data[at:stop].replace(_ZERO, _END)
    return (body.decode("utf-8", "surrogatepass") if kind == TEXT else body), stop + 1


def _decode_tuple(data: bytes, at: int) -> Iterator[tuple[Key, int]]:
    """Each element with the place after it; the last pair is the end of the tuple itself."""
    while data[at : at + 1] != _END:
        key, at = _decode_element(data, at)
        yield key, at
    yield None, at + 1


def _decode_int(data: bytes, at: int, *, negative: bool) -> tuple[int, int]:
    flip = 255 if negative else 0
    width = data[at] ^ flip
    length = int.from_bytes(bytes(byte ^ flip for byte in data[at + 1 : at + 1 + width]), "big")
    start = at + 1 + width
    magnitude = int.from_bytes(bytes(byte ^ flip for byte in data[start : start + length]), "big")
    return (-magnitude if negative else magnitude), start + length


def _end_of_text(data: bytes, at: int) -> int:
    stop = data.index(_END, at)
    while data[stop + 1 : stop + 2] == b"\xff":
        stop = data.index(_END, stop + 2)
    return stop
