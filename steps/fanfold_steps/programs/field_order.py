r"""Ordering lines by fields, with options of sort(1): the fields are encoded as bytes that sort as the options ask.

Each field that is compared becomes bytes that are self-delimiting, so that what follows doesn't affect the order: for
text, zero bytes become `00 01`, and `00 00` ends it; a number is its sign, the number of digits before the point, and
its digits; for a reverse order all bits are inverted.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

_OPTION = re.compile(r"-(?:([nr]+)|k\s*(\d+)(?:\.(\d+))?([nr]*)(?:,(\d+)(?:\.(\d+))?([nr]*))?)")
_NUMBER = re.compile(rb"[ \t]*(-?)0*(\d*)(?:\.(\d*))?")
_TURNED = bytes(range(255, -1, -1))
_NEGATIVE, _ZERO, _POSITIVE = b"\x00", b"\x01", b"\x02"
_LENGTH = struct.Struct(">I")

Extract = Callable[[bytes], bytes]
"""Turns a key into the bytes that are compared."""


class InvalidOptions(ValueError):
    """Options that aren't among the supported ones of sort(1); the text says why."""


@dataclass(frozen=True, slots=True)
class SortKey:
    """One `-k`: from a character of a field (both counted from 1) through a character of another; 0 means the last."""

    start: int = 1
    start_character: int = 1
    stop: int = 0
    stop_character: int = 0
    numeric: bool = False
    reverse: bool = False


def parse(options: str) -> list[SortKey]:
    """The keys that options define, the most significant first; a bare `-n` or `-r` applies to keys that have neither.

    Raises:
        InvalidOptions: an option isn't supported, or a field or character is 0, though counting begins with 1.

    >>> parse("-k2,2nr")
    [SortKey(start=2, start_character=1, stop=2, stop_character=0, numeric=True, reverse=True)]
    """
    keys: list[SortKey] = []
    general, position = "", 0
    text = options.strip()
    while position < len(text):
        match = _OPTION.match(text, position)
        ends = match and (match.end() == len(text) or text[match.end()].isspace())
        if not match or not ends:
            known = "supported are -k FIELD[.CHARACTER][nr][,FIELD[.CHARACTER][nr]], -n and -r"
            raise InvalidOptions(f"{options!r:.80} isn't supported from {text[position:]!r:.40} on: {known}")
        position = match.end() + len(text[match.end() :]) - len(text[match.end() :].lstrip())
        if match[1]:
            general += match[1]
        else:
            keys.append(_key(match, options))
    if not keys:
        return [SortKey(numeric="n" in general, reverse="r" in general)] if general else []
    return [
        key if key.numeric or key.reverse else SortKey(
            key.start, key.start_character, key.stop, key.stop_character, "n" in general, "r" in general
        )
        for key in keys
    ]  # fmt: skip


def comparison(keys: list[SortKey], separator: bytes) -> Extract:
    r"""What turns a line's key into bytes that sort by `keys`; without any, by all of the key's bytes.

    >>> by_number = comparison(parse("-k2,2nr -k1,1"), b"\t")
    >>> sorted([b"a\t9", b"b\t10", b"c\t10"], key=by_number)
    [b'b\t10', b'c\t10', b'a\t9']
    """
    parts = [(part(key, separator), _comparable(key)) for key in keys]
    if not parts:
        return _text
    if len(parts) == 1:
        ((cut, encode),) = parts
        return lambda line: encode(cut(line))
    return lambda line: b"".join([encode(cut(line)) for cut, encode in parts])


def part(key: SortKey, separator: bytes) -> Extract:
    r"""What extracts the part of a line that one `-k` names; it is empty if the line has no such field.

    >>> part(SortKey(2, 1, 3), b".")(b"11.12.1.2")
    b'12.1'
    """

    def cut(line: bytes) -> bytes:
        begin = min(_field_start(line, key.start, separator) + key.start_character - 1, len(line))
        if key.stop_character:
            return line[begin : _field_start(line, key.stop, separator) + key.stop_character]
        end = find_separator(line, separator, key.stop) if key.stop else -1
        return line[begin:] if end < 0 else line[begin:end]

    return cut


def find_separator(line: bytes, separator: bytes, number: int) -> int:
    """The position at which a line's separator number `number` (from 1) begins; -1 if it has fewer."""
    position = -len(separator)
    for _ in range(number):
        position = line.find(separator, position + len(separator))
        if position < 0:
            return -1
    return position


def _field_start(line: bytes, number: int, separator: bytes) -> int:
    """The position at which a field (from 1) begins; the line's length if it has fewer fields."""
    if number == 1:
        return 0
    before = find_separator(line, separator, number - 1)
    return len(line) if before < 0 else before + len(separator)


def _key(match: "re.Match[str]", options: str) -> SortKey:
    start, character, stop, stop_character = (int(match[group] or 0) for group in (2, 3, 5, 6))
    if not start or (match[3] and not character) or (match[5] and not stop):
        raise InvalidOptions(f"{options!r:.80}: fields and characters are counted from 1")
    flags = match[4] + (match[7] or "")
    return SortKey(start, character or 1, stop, stop_character, "n" in flags, "r" in flags)


def _comparable(key: SortKey) -> Extract:
    plain = _number if key.numeric else _text
    return (lambda data: plain(data).translate(_TURNED)) if key.reverse else plain


def _text(data: bytes) -> bytes:
    return data.replace(b"\0", b"\0\1") + b"\0\0"


def _number(data: bytes) -> bytes:
    r"""The number at the beginning, 0 if there is none.

    >>> sorted([b"10", b"9.5", b"-1", b" 9.25x", b"", b"-0.5"], key=_number)
    [b'-1', b'-0.5', b'', b' 9.25x', b'9.5', b'10']
    """
    match = _NUMBER.match(data)
    assert match
    sign, whole, fraction = match[1], match[2], (match[3] or b"").rstrip(b"0")
    if not whole and not fraction:
        return _ZERO
    digits = _LENGTH.pack(len(whole)) + whole + fraction + b"\0"
    return _NEGATIVE + digits.translate(_TURNED) if sign else _POSITIVE + digits
