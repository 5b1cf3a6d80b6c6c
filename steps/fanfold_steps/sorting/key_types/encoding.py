"""The bytes of a key's elements: each is self-delimiting, so that they can follow one another in a tuple.

A number is encoded as the integer at or below it (sign, length of the length, length, magnitude), followed by the
fraction above it, if there is one (`rationals.py` encodes fractions that no float equals). `standard.py` adds the
types of the standard library. Only `keys.py` depends on this layout.
"""

import math
import struct
from collections.abc import Callable, Iterator
from typing import Any

NONE, NEGATIVE, POSITIVE, TEXT, BYTES, TUPLE = b"\x01", b"\x02", b"\x03", b"\x05", b"\x06", b"\x07"
TIMEDELTA, DATE, DATETIME, INSTANT, TIME, UUID, OBJECT = b"\x08", b"\x09", b"\x0a", b"\x0b", b"\x0c", b"\x0d", b"\x0e"

END, ZERO = b"\x00", b"\x00\xff"
FRACTION = b"\x0f"  # above every type, so that 1.5 comes after 1 whatever follows in a tuple
_BELOW_ALL, _ABOVE_ALL = b"\x00", b"\xff"  # instead of a number's length: the infinities
DOUBLE = struct.Struct(">d")  # positive numbers in big-endian IEEE 754 sort like the numbers
INVERTED = bytes(range(255, -1, -1))


def encode_int(number: int) -> bytes:
    """The type, which tells the sign, then the length of the length, the length, and the magnitude.

    For negative numbers, everything but the type is inverted.
    """
    size = (number.bit_length() + 7) >> 3
    if number >= 0:
        head = _POSITIVE[size] if size < len(_POSITIVE) else POSITIVE + _length(size)
        return head + number.to_bytes(size, "big")
    head = _NEGATIVE[size] if size < len(_NEGATIVE) else NEGATIVE + _length(size).translate(INVERTED)
    return head + ((1 << 8 * size) - 1 + number).to_bytes(size, "big")


def _length(size: int) -> bytes:
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([len(length)]) + length


_POSITIVE = [POSITIVE + _length(size) for size in range(256)]
_NEGATIVE = [NEGATIVE + _length(size).translate(INVERTED) for size in range(256)]


def encode_float(number: float) -> bytes:
    """An infinity; or the integer and the fraction, which is inverted for negative numbers."""
    if math.isinf(number):
        return POSITIVE + _ABOVE_ALL if number > 0 else NEGATIVE + _BELOW_ALL
    fraction, whole = math.modf(number)
    if not fraction:
        return encode_int(int(whole))
    if number > 0:
        return encode_int(int(whole)) + FRACTION + DOUBLE.pack(fraction)
    return encode_int(int(whole) - 1) + FRACTION + DOUBLE.pack(-fraction).translate(INVERTED)


def encode_tuple(key: tuple[Any, ...]) -> bytes:
    """The elements, one after the other. Raises RecursionError."""
    return TUPLE + b"".join([ENCODERS[type(element)](element) for element in key]) + END


def encode_text(key: str) -> bytes:
    """A string, self-delimiting."""
    return TEXT + key.encode("utf-8", "surrogatepass").replace(END, ZERO) + END


def _encode_bytes(key: bytes) -> bytes:
    return BYTES + key.replace(END, ZERO) + END


ENCODERS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: NONE,
    bool: encode_int,
    int: encode_int,
    float: encode_float,
    str: encode_text,
    bytes: _encode_bytes,
    tuple: encode_tuple,
}
"""The function that encodes an element, by its exact type; types of the standard library are added as they occur."""


DECODERS: dict[bytes, Callable[[bytes, int], tuple[Any, int]]] = {}
"""By the byte for the type: the functions that decode the bodies of elements of the standard library's types.

`standard.add_decoders` adds them when the first such key is decoded.
"""


class UnknownType(LookupError):
    """An element is of a type for which there is no decoder yet."""


def decode(data: bytes, at: int) -> tuple[Any, int]:
    """The element that begins at a position, and the position after it. Raises UnknownType."""
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
    if kind != TUPLE:
        if kind not in DECODERS:
            raise UnknownType(kind)
        return DECODERS[kind](data, at)
    elements = list(_decode_tuple(data, at))
    return tuple([key for key, _ in elements[:-1]]), elements[-1][1]


def _decode_tuple(data: bytes, at: int) -> Iterator[tuple[Any, int]]:
    """Each element with the position after it; the last pair is the end of the tuple itself."""
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
    if data[stop : stop + 1] != FRACTION:
        return number, stop
    return number + DOUBLE.unpack_from(data, stop + 1)[0], stop + 9


def _decode_negative(data: bytes, at: int) -> tuple[int | float, int]:
    width = 255 - data[at]
    if width == 255:
        return -math.inf, at + 1
    start = at + 1 + width
    stop = start + int.from_bytes(data[at + 1 : start].translate(INVERTED), "big")
    number = -int.from_bytes(data[start:stop].translate(INVERTED), "big")
    if data[stop : stop + 1] != FRACTION:
        return number, stop
    (fraction,) = DOUBLE.unpack(data[stop + 1 : stop + 9].translate(INVERTED))
    return number + 1 - fraction, stop + 9


def _end_of_text(data: bytes, at: int) -> int:
    stop = data.index(END, at)
    while data[stop + 1 : stop + 2] == b"\xff":
        stop = data.index(END, stop + 2)
    return stop
