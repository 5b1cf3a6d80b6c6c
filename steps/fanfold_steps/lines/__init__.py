"""Sorting lines of text: no key is encoded, no line looked at by Python code; blocks are split, sorted and joined.

A line is a `str` of Latin-1 here, one character for each byte, whatever it is encoded in: so the order of characters is
the order of bytes, which is that of `LC_ALL=C sort`, and Python compares such strings by memcmp.
"""

ENCODING = "latin-1"


def split(data: bytes) -> list[str]:
    r"""The lines of some text; the last one may lack its end. A CR stays part of its line.

    >>> split(b"b\r\n\na")
    ['b\r', '', 'a']
    """
    lines = data.decode(ENCODING).split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def join(lines: list[str]) -> bytes:
    r"""Lines as text.

    >>> join(["a", ""])
    b'a\n\n'
    """
    return ("\n".join(lines) + "\n").encode(ENCODING) if lines else b""
