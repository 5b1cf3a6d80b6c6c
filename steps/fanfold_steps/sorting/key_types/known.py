"""The types of keys that have occurred, except the plain ones; `standard.py` adds them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Exact = Callable[[Any], Any]
"""Converts an element of a key to the form in which it reaches the reducer. Raises UnsortableKey."""

NAN = "NaN can't be a key, because it is neither equal to nor less than anything: leave such pairs out"


class UnsortableKey(TypeError):
    """A key of a type that has no place in the order, or NaN."""


@dataclass(frozen=True, slots=True)
class KnownType:
    """How keys of a type, and elements of keys, are handled."""

    exact: Exact
    encode: Callable[[Any], bytes]
    """Encodes an exact element as self-delimiting bytes."""
    is_decoded: Callable[[Any], bool]
    """Whether the bytes alone are decoded to exactly this element."""
    is_hashed: Callable[[Any], bool]
    """Whether Python's `==` and hash agree with those of the bytes."""


KNOWN: dict[type, KnownType] = {}
"""By exact type."""


def is_hashed(key: Any) -> bool:
    """Whether Python's `==` and hash of an exact element agree with those of its bytes."""
    if type(key) is tuple:
        return all(map(is_hashed, key))
    known = KNOWN.get(type(key))
    return known is None or known.is_hashed(key)


def always(key: Any) -> bool:
    """True, for any key."""
    return True


def never(key: Any) -> bool:
    """False, for any key."""
    return False
