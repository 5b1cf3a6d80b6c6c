"""Sorting lines of text: no key is encoded, no Python code looks at a single line; blocks are split, sorted, joined.

A line is a Latin-1 `str` here, one character per byte, whatever its encoding. So the order of characters is the order
of bytes, as in `LC_ALL=C sort`, and Python compares such strings by memcmp.
"""

ENCODING = "latin-1"


def split(data: bytes) -> list[str]:
    r"""The lines of a text; the last one needn't end with a line break. A CR stays part of its line.

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
