"""Keys as bytes that sort like the keys, so that sorting, merging and partitioning work on bytes alone.

The order: None, then numbers by value, strings by code point, bytes, tuples element by element (a shorter one first),
timedeltas, dates, datetimes without and with an offset, times likewise, UUIDs, and instances of the user's own classes
by the class's name. A key is encoded as one byte for the type, then a body. Inside a tuple, strings and bytes end with
a zero byte (their own zeros become `00 FF`), as in FoundationDB's tuple layer.

Equal keys are one key, as in a Python dict: `1`, `1.0`, `True` and `Decimal(1)` have the same bytes, and so do a named
tuple and the tuple. Which of them reaches the reducer must not depend on how the input was split. So a key that
`decode` wouldn't return in the type in which it was emitted becomes a `Spelled`, which compares, hashes and sorts like
its bytes, and holds the key as well. Dicts and stable merges keep the first of equal bytes, which is the first in input
order.
"""

from collections.abc import Collection
from typing import Any

from fanfold_steps.failure.wording import shown
from fanfold_steps.sorting.key_types import encoding
from fanfold_steps.sorting.key_types.encoding import BYTES, ENCODERS, TEXT
from fanfold_steps.sorting.key_types.known import KNOWN, NAN, KnownType, UnsortableKey, always, is_hashed

__all__ = ["ATOMS", "Key", "Spelled", "UnsortableKey", "decode", "encode", "encode_texts", "exact", "original"]

Key = Any
"""Any key. No type can express what may be one, because the user's classes may be, too."""

ATOMS = frozenset({type(None), bool, int, str, bytes})
"""Types whose values are valid keys without a check; a float may be NaN, and a tuple may hold anything."""

_UNSPELLED = {type(None), int, str, bytes}
"""Types whose keys are decoded exactly from the bytes alone; types of the standard library are added as they occur."""
_MANY_SPELLINGS = (encoding.NEGATIVE, encoding.POSITIVE, TEXT, BYTES)


class Spelled(bytes):
    """A key's bytes, with the key itself because the bytes alone would be decoded to an equal key of another type."""

    key: Key

    def __new__(cls, encoded: bytes, key: Key) -> "Spelled":
        """The bytes of `key`, which `encode` returned."""
        self = super().__new__(cls, encoded)
        self.key = key
        return self

    def __reduce__(self) -> tuple[type["Spelled"], tuple[bytes, Key]]:
        return Spelled, (bytes(self), self.key)


class HashedByBytes:
    """A key of a dict, for a key whose own `==` and hash don't agree with those of its bytes."""

    __slots__ = ("encoded", "key")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.encoded = _encode_exact(key)

    def __eq__(self, other: object) -> bool:
        return type(other) is HashedByBytes and self.encoded == other.encoded

    def __hash__(self) -> int:
        return hash(self.encoded)

    def __reduce__(self) -> tuple[type["HashedByBytes"], tuple[Key]]:
        return HashedByBytes, (self.key,)


def encode(key: Key) -> bytes:
    r"""The key's bytes: `encode(a) < encode(b)` exactly if a comes before b, and equal keys have equal bytes.

    Raises:
        UnsortableKey: the key's type has no place in the order, or it is NaN.

    >>> encode("b") > encode("a") > encode(7.5) > encode(7) > encode(-7) > encode(None)
    True
    >>> encode(1) == encode(1.0), decode(encode(1.0))
    (True, 1.0)
    """
    if type(key) is str:
        return TEXT + key.encode("utf-8", "surrogatepass")
    if type(key) is int:
        return encoding.encode_int(key)
    if type(key) is bytes:
        return BYTES + key
    if type(key) is tuple and _UNSPELLED.issuperset(map(type, key)):
        return encoding.encode_tuple(key)
    if type(key) is HashedByBytes:
        return key.encoded
    try:
        return _encode_exact(_exact(key))
    except RecursionError as error:
        raise UnsortableKey(_TOO_DEEP) from error


def encode_texts(texts: Collection[str]) -> list[bytes]:
    """The bytes of keys that are all strings; members of an Enum may be among them."""
    if not set(map(type, texts)) <= {str}:
        return [encode(text) for text in texts]
    try:
        return [TEXT + text.encode() for text in texts]
    except UnicodeEncodeError:  # bytes that aren't UTF-8, as surrogates
        return [TEXT + text.encode("utf-8", "surrogatepass") for text in texts]


def decode(data: bytes) -> Key:
    """The key whose bytes these are, in the type in which it was emitted."""
    if type(data) is Spelled:
        return data.key
    kind = data[:1]
    if kind == TEXT:
        return data[1:].decode("utf-8", "surrogatepass")
    if kind == BYTES:
        return data[1:]
    try:
        return encoding.decode(data, 0)[0]
    except encoding.UnknownType:
        from fanfold_steps.sorting.key_types import standard  # few jobs need it, and it takes a while to import

        standard.add_decoders()
        return encoding.decode(data, 0)[0]


def delimited(encoded: bytes) -> bytes:
    """A key's bytes in a self-delimiting form, so that other bytes may follow without affecting the order."""
    if encoded[:1] in (TEXT, BYTES):
        return encoded.replace(encoding.END, encoding.ZERO) + encoding.END
    return bytes(encoded)


def in_one_spelling(key: Key) -> Key:
    """A key in the one spelling for all keys that are equal to it, if there is one: integers as int, a named tuple as
    a tuple.

    >>> in_one_spelling((True, 2.0, "a"))
    (1, 2, 'a')
    """
    if isinstance(key, tuple):
        return tuple([in_one_spelling(part) for part in tuple.__iter__(key)])
    encoded = encode(key)
    if type(encoded) is not Spelled or encoded[:1] not in _MANY_SPELLINGS:
        return key
    plain = decode(bytes(encoded))
    return plain if plain == key else key  # a Decimal that no float equals has no other spelling


def is_plain(key: Key) -> bool:
    """Whether a key consists of plain types only: None, bool, int, float, str, bytes, and tuples of them."""
    return all(map(is_plain, key)) if type(key) is tuple else type(key) in ATOMS or type(key) is float


def exact(key: object) -> Key:
    """The key in a form for dicts, whose `==` and hash agree with those of its bytes; `original` returns the key.

    Members of an Enum, named tuples and dataclasses keep their type. Other derived types, such as numpy's `float64`,
    are converted to the plain type.

    Raises:
        UnsortableKey: the key has no place in the order.
    """
    if type(key) in ATOMS or (type(key) is tuple and ATOMS.issuperset(map(type, key))):
        return key
    if type(key) is HashedByBytes:
        return key
    try:
        converted = _exact(key)
        return converted if not KNOWN or is_hashed(converted) else HashedByBytes(converted)
    except RecursionError as error:
        raise UnsortableKey(_TOO_DEEP) from error


def original(exact_key: Key) -> Key:
    """The key in the form in which it reaches the reducer, from what `exact` returned."""
    return exact_key.key if type(exact_key) is HashedByBytes else exact_key


_TOO_DEEP = "a key is a tuple of tuples nested too deeply to be sorted"


def _exact(key: Any) -> Key:
    kind = type(key)
    if kind in ATOMS:
        return key
    if kind is tuple:
        return tuple([_exact(element) for element in key])
    if kind is float:
        if key != key:
            raise UnsortableKey(NAN)
        return key
    return (KNOWN.get(kind) or _learn(key)).exact(key)


def _learn(key: Any) -> KnownType:
    """How keys of this key's type are handled; called for the first key of each type."""
    from fanfold_steps.sorting.key_types.standard import known_type  # few jobs need it, and it takes a while to import

    kind = type(key)
    known = known_type(kind, _exact)
    if known is None:
        raise UnsortableKey(
            "a key is None, a number, a string, bytes, a date, a time, a UUID, a member of an Enum, a frozen dataclass "
            f"or a tuple of these, not {kind.__name__} ({shown(key)}): convert it to one of these, for example by str()"
        )
    KNOWN[kind] = known
    ENCODERS[kind] = known.encode
    if known.is_decoded is always:
        _UNSPELLED.add(kind)
    return known


def _encode_exact(key: Key) -> bytes:
    """An exact key's bytes, with the key itself if they alone would be decoded to another type."""
    if isinstance(key, str | bytes):  # which are self-delimiting only in a tuple
        plain = str.__str__(key) if isinstance(key, str) else bytes.__bytes__(key)
        return encode(plain) if type(key) is type(plain) else Spelled(encode(plain), key)
    encoded = ENCODERS[type(key)](key)
    return encoded if _is_unspelled(key) else Spelled(encoded, key)


def _is_unspelled(key: Key) -> bool:
    """Whether the bytes alone are decoded to this spelling: an int for an integral number, a float for any other."""
    kind = type(key)
    if kind is tuple:
        return _UNSPELLED.issuperset(map(type, key)) or all(map(_is_unspelled, key))
    if kind is float:
        return not key.is_integer()
    return kind in _UNSPELLED or (kind in KNOWN and KNOWN[kind].is_decoded(key))
