"""The bytes of a key's parts: each ends by itself, so that they can follow one another in a tuple.

A number is the whole number at or below it (sign, the length of the length, the length, the magnitude), then, if there
is one, the fraction above it. Nothing else depends on this layout but `keys.py`.
"""

import math
import struct
from collections.abc import Callable, Iterator
from typing import Any

NONE, NEGATIVE, POSITIVE, TEXT, BYTES, TUPLE = b"\x01", b"\x02", b"\x03", b"\x05", b"\x06", b"\x07"

END, ZERO = b"\x00", b"\x00\xff"
_FRACTION = b"\x0f"  # above every type, so that 1.5 comes after 1 whatever follows in a tuple
_BELOW_ALL, _ABOVE_ALL = b"\x00", b"\xff"  # in the place of a number's length: the infinities
_DOUBLE = struct.Struct(">d")  # of positive numbers, big-endian IEEE 754 has the order of the numbers
_INVERTED = bytes(range(255, -1, -1))


def encode_int(number: int) -> bytes:
    """Type by sign, the length of the length, the length, the magnitude; all but the type inverted below zero."""
    size = (number.bit_length() + 7) >> 3
    if number >= 0:
        head = _POSITIVE[size] if size < len(_POSITIVE) else POSITIVE + _length(size)
        return head + number.to_bytes(size, "big")
    head = _NEGATIVE[size] if size < len(_NEGATIVE) else NEGATIVE + _length(size).translate(_INVERTED)
    return head + ((1 << 8 * size) - 1 + number).to_bytes(size, "big")


def _length(size: int) -> bytes:
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([len(length)]) + length


_POSITIVE = [POSITIVE + _length(size) for size in range(256)]
_NEGATIVE = [NEGATIVE + _length(size).translate(_INVERTED) for size in range(256)]


def encode_float(number: float) -> bytes:
    """An infinity, or the whole number and the fraction; below zero the fraction inverted, as it leads downwards."""
    if math.isinf(number):
        return POSITIVE + _ABOVE_ALL if number > 0 else NEGATIVE + _BELOW_ALL
    fraction, whole = math.modf(number)
    if not fraction:
        return encode_int(int(whole))
    if number > 0:
        return encode_int(int(whole)) + _FRACTION + _DOUBLE.pack(fraction)
    return encode_int(int(whole) - 1) + _FRACTION + _DOUBLE.pack(-fraction).translate(_INVERTED)


def encode_tuple(key: tuple[Any, ...]) -> bytes:
    """The elements one after the other. Raises RecursionError."""
    return TUPLE + b"".join([ENCODERS[type(element)](element) for element in key]) + END


def _encode_text(key: str) -> bytes:
    return TEXT + key.encode("utf-8", "surrogatepass").replace(END, ZERO) + END


def _encode_bytes(key: bytes) -> bytes:
    return BYTES + key.replace(END, ZERO) + END


ENCODERS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: NONE,
    bool: encode_int,
    int: encode_int,
    float: encode_float,
    str: _encode_text,
    bytes: _encode_bytes,
    tuple: encode_tuple,
}


def decode(data: bytes, at: int) -> tuple[Any, int]:
    """The part that begins at a place, and the place after it."""
    kind, at = data[at : at + 1], at + 1
    if kind in (TEXT, BYTES):
        stop = _end_of_text(data, at)
        body = data[at:stop].replace(ZERO, END)
        return (body.decode("utf-8", "surrogatepass") if kind == TEXT else body), stop + 1
    if kind == POSITIVE:
        return _decode_positive(data, at)
    if kind == NEGATIVE:
        return _decode_negative(data, at)
    if kind == NONE:
        return None, at
    elements = list(_decode_tuple(data, at))
    return tuple([key for key, _ in elements[:-1]]), elements[-1][1]


def _decode_tuple(data: bytes, at: int) -> Iterator[tuple[Any, int]]:
    """Each element with the place after it; the last pair is the end of the tuple itself."""
    while data[at : at + 1] != END:
        key, at = decode(data, at)
        yield key, at
    yield None, at + 1


def _decode_positive(data: bytes, at: int) -> tuple[int | float, int]:
    width = data[at]
    if width == 255:
        return math.inf, at + 1
    start = at + 1 + width
    stop = start + int.from_bytes(data[at + 1 : start], "big")
    number = int.from_bytes(data[start:stop], "big")
    if data[stop : stop + 1] != _FRACTION:
        return number, stop
    return number + _DOUBLE.unpack_from(data, stop + 1)[0], stop + 9


def _decode_negative(data: bytes, at: int) -> tuple[int | float, int]:
    width = 255 - data[at]
    if width == 255:
        return -math.inf, at + 1
    start = at + 1 + width
    stop = start + int.from_bytes(data[at + 1 : start].translate(_INVERTED), "big")
    number = -int.from_bytes(data[start:stop].translate(_INVERTED), "big")
    if data[stop : stop + 1] != _FRACTION:
        return number, stop
    (fraction,) = _DOUBLE.unpack(data[stop + 1 : stop + 9].translate(_INVERTED))
    return number + 1 - fraction, stop + 9


def _end_of_text(data: bytes, at: int) -> int:
    stop = data.index(END, at)
    while data[stop + 1 : stop + 2] == b"\xff":
        stop = data.index(END, stop + 2)
    return stop
