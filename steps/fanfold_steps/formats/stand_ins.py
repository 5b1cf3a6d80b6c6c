"""Text that isn't UTF-8, for columns of Polars, which hold nothing else: code points stand for its bytes.

The code points U+10FF80 to U+10FFFF stand for bytes that are no UTF-8; where the text holds one of those itself, they
stand for each of its four bytes. So no two texts become the same, and those that are UTF-8 stay in their order.
"""

STAND_INS = (b"\xf4\x8f\xbe", b"\xf4\x8f\xbf")
"""How U+10FF80 to U+10FFFF begin in UTF-8."""
STAND_IN = "[\U0010ff80-\U0010ffff]"
"""A regular expression for them."""
_PLANE_16 = b"\xf4"  # how all of its code points begin: a search for one byte costs next to nothing
_BYTES = {0xDC80 + at: chr(0x10FF80 + at) for at in range(128)}
_THEMSELVES = {
    0x10FF80 + at: "".join(chr(0x10FF00 + byte) for byte in chr(0x10FF80 + at).encode()) for at in range(128)
}
_AWAY = _BYTES | _THEMSELVES
_BACK = {ord(there): chr(here) for here, there in _BYTES.items()}


def holds_stand_ins(data: bytes) -> bool:
    """Whether text holds code points that stand for others, so that it has to be escaped."""
    return _PLANE_16 in data and any(part in data for part in STAND_INS)


def escaped(text: str) -> str:
    """Text with stand-ins for Python's surrogates, each of which is a byte, and for themselves.

    >>> unescaped(escaped("a\\udcff\\U0010ff80")) == "a\\udcff\\U0010ff80"
    True
    """
    return text.translate(_AWAY)


def unescaped(text: str) -> str:
    """The text that was escaped."""
    return text.translate(_BACK).encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
