"""Keys as bytes whose order is the keys' order: sorting, merging and partitioning work on bytes alone.

The order: None, then numbers by value, text by code point, bytes, tuples element by element (a shorter one first).
Encoded: one byte for the type, then a body. Inside a tuple, text and bytes end at a zero byte (their own zeros are
written `00 FF`), as in FoundationDB's tuple layer.

Equal numbers are one key, as in Python's dict: `1`, `1.0` and `True` have the same bytes. Which of them is shown must
not depend on where the input was cut, so a key that `decode` wouldn't give back as it was written travels as
`Spelled`: the same bytes to whoever compares, hashes or sorts them, with the key beside. Dicts and stable merges keep
the first of equal bytes they meet, which is the first in input order.
"""

from collections.abc import Iterable
from typing import cast

from fanfold_steps import key_bytes
from fanfold_steps.failure import shown
from fanfold_steps.key_bytes import BYTES, TEXT

Key = None | bool | int | float | str | bytes | tuple["Key", ...]

ATOMS = frozenset({type(None), bool, int, str, bytes})
"""Types whose values are keys as they are; a float may be NaN, and a tuple may hold anything."""

_UNSPELLED = frozenset({type(None), int, str, bytes})


class UnsortableKey(TypeError):
    """A key of a type that has no place in the order, or NaN."""


class Spelled(bytes):
    """A key's bytes with the key as it was written, where they alone would be decoded to another spelling."""

    key: Key

    def __new__(cls, encoded: bytes, key: Key) -> "Spelled":
        """Bytes that `encode` made of `key`."""
        self = super().__new__(cls, encoded)
        self.key = key
        return self

    def __reduce__(self) -> tuple[type["Spelled"], tuple[bytes, Key]]:
        return Spelled, (bytes(self), self.key)


def encode(key: Key) -> bytes:
    r"""The key's bytes; `encode(a) < encode(b)` exactly when a comes before b, and they are equal when the keys are.

    Raises:
        UnsortableKey: not None, bool, int, float, str, bytes or a tuple of them; NaN.

    >>> encode("b") > encode("a") > encode(7.5) > encode(7) > encode(-7) > encode(None)
    True
    >>> encode(1) == encode(1.0), decode(encode(1.0))
    (True, 1.0)
    """
    if type(key) is str:
        return TEXT + key.encode("utf-8", "surrogatepass")
    if type(key) is int:
        return key_bytes.encode_int(key)
    if type(key) is bytes:
        return BYTES + key
    if type(key) is tuple and _UNSPELLED.issuperset(map(type, key)):
        return key_bytes.encode_tuple(key)
    return _encode_any(exact(key))


def encode_texts(texts: Iterable[str]) -> list[bytes]:
    """The bytes of keys that are all exactly `str`."""
    try:
        return [TEXT + text.encode() for text in texts]
    except UnicodeEncodeError:  # bytes that aren't UTF-8, carried along
        return [TEXT + text.encode("utf-8", "surrogatepass") for text in texts]


def decode(data: bytes) -> Key:
    """The key that `encode` was given, as it was written."""
    if type(data) is Spelled:
        return data.key
    kind = data[:1]
    if kind == TEXT:
        return data[1:].decode("utf-8", "surrogatepass")
    if kind == BYTES:
        return data[1:]
    key, _ = key_bytes.decode(data, 0)
    return cast(Key, key)


def delimited(encoded: bytes) -> bytes:
    """A key's bytes so that other bytes may follow without touching the order; its spelling is left behind."""
    if encoded[:1] in (TEXT, BYTES):
        return encoded.replace(key_bytes.END, key_bytes.ZERO) + key_bytes.END
    return bytes(encoded)


def undelimited(data: bytes) -> Key:
    """The key that `delimited` was given."""
    key, _ = key_bytes.decode(data, 0)
    return cast(Key, key)


def exact(key: object) -> Key:
    """The key in the exact types of the order: a named tuple as a tuple, an IntEnum as its number.

    Among exact keys Python's own equality and hash are those of their bytes, so a dict may hold them as they are.

    Raises:
        UnsortableKey: it has no place in the order.
    """
    if type(key) in ATOMS or (type(key) is tuple and ATOMS.issuperset(map(type, key))):
        return cast(Key, key)
    try:
        return _exact(key)
    except RecursionError as error:
        raise UnsortableKey("a key is a tuple of tuples nested too deeply to be sorted") from error


def _exact(key: object) -> Key:
    if type(key) in ATOMS:
        return cast(Key, key)
    if isinstance(key, tuple):
        return tuple([_exact(element) for element in tuple.__iter__(key)])
    if isinstance(key, float):
        if key != key:
            raise UnsortableKey("NaN can't be a key, as it is neither below nor above any number: leave such pairs out")
        return float.__float__(key)
    if isinstance(key, int):
        return int.__int__(key)
    if isinstance(key, str):
        return str.__str__(key)
    if isinstance(key, bytes):
        return bytes.__bytes__(key)
    raise UnsortableKey(
        f"a key is None, bool, int, float, str, bytes or a tuple of them, not {type(key).__name__} ({shown(key)}): "
        "turn it into one of those, for example with str()"
    )


def _encode_any(key: Key) -> bytes:
    """An exact key's bytes, with its spelling where that is needed."""
    if isinstance(key, str | bytes):
        return encode(key)
    try:
        encoded = key_bytes.ENCODERS[type(key)](key)
        return encoded if _is_unspelled(key) else Spelled(encoded, key)
    except RecursionError as error:
        raise UnsortableKey("a key is a tuple of tuples nested too deeply to be sorted") from error


def _is_unspelled(key: Key) -> bool:
    """Whether `decode` gives back this spelling: an int for a whole number, a float for any other."""
    if type(key) is tuple:
        return _UNSPELLED.issuperset(map(type, key)) or all(map(_is_unspelled, key))
    return type(key) in _UNSPELLED or (type(key) is float and not key.is_integer())
