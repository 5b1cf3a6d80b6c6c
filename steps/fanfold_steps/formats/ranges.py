"""Byte ranges whose records end with a delimiter, in blocks of whole records."""

import codecs
from collections.abc import Iterator

from fanfold_steps.failure.permanent import PermanentFailure, Position
from fanfold_steps.formats.sources import Source

UTF8_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def refuse_wide_text(source: Source, beginning: bytes) -> None:
    """Raise PermanentFailure if a file's first bytes tell of UTF-16 or UTF-32, where UTF-8 is expected."""
    if beginning.startswith(_WIDE_BOMS):
        what = f"{source.url} begins with the byte order mark of UTF-16 or UTF-32, in which lines can't be found"
        raise PermanentFailure("input", f"{what}: convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)")


def whole_records(source: Source, start: int, stop: int | None, end: bytes = b"\n") -> Iterator[tuple[int, bytes]]:
    """The records that begin in [start, stop), each with the delimiter `end` after it, in blocks of about a chunk.

    Gives each block's offset and bytes. Bytes before the first record's beginning belong to the range before; the last
    record is read to its end, past `stop`, and only at the end of the file may it lack the delimiter.

    Raises:
        PermanentFailure: a record is longer than the source's `longest`.
    """
    position = offset = max(start - len(end), 0)
    skipping = start > 0
    pending: list[bytes] = []
    length = 0  # of what is pending
    last_end = _last_end_from_left if overlaps(end) else _last_end
    carry = b""  # the chunk's last bytes, with which a longer delimiter may begin
    for chunk in source.read(position, stop):
        position += len(chunk)
        chunk = carry + chunk
        if skipping:
            found = chunk.find(end) + 1
            if not found:
                carry = _beginning(chunk, end)
                continue
            skipping = False
            chunk = chunk[found - 1 + len(end) :]
            offset = position - len(chunk)
        if cut := last_end(chunk, end):
            pending.append(chunk[:cut])
            yield offset, b"".join(pending)
            pending, length = [], 0
            chunk = chunk[cut:]
            offset = position - len(chunk)
        carry = _beginning(chunk, end)
        if len(chunk) > len(carry):
            pending.append(chunk[: len(chunk) - len(carry)])
            length += len(pending[-1])
            _demand_short(source, offset, length)
    if not skipping and (pending or carry):
        rest = b"" if stop is None else _rest_of_record(source, offset, stop, carry, end)
        yield offset, b"".join([*pending, carry, rest])


def _beginning(chunk: bytes, end: bytes) -> bytes:
    """The last bytes of a chunk that may belong to a delimiter that ends in the next one."""
    return chunk[max(len(chunk) - len(end) + 1, 0) :] if len(end) > 1 else b""


def overlaps(end: str | bytes) -> bool:
    r"""Whether a delimiter begins as it ends, so that where one is depends on where reading began.

    >>> overlaps("\n\n"), overlaps("abab"), overlaps("\r\n")
    (True, True, False)
    """
    return any(end[:length] == end[-length:] for length in range(1, len(end)))


def _last_end(chunk: bytes, end: bytes) -> int:
    """Where the last delimiter ends; 0 if there is none."""
    found = chunk.rfind(end) + 1
    return found - 1 + len(end) if found else 0


def _last_end_from_left(chunk: bytes, end: bytes) -> int:
    """The same where one delimiter may hide another: they are found from the left."""
    return len(chunk) - len(chunk.split(end)[-1]) if end in chunk else 0


def _demand_short(source: Source, offset: int, length: int) -> None:
    if source.longest is not None and length > source.longest:
        what = f"a record is longer than {source.longest:,} bytes, the most that a worker has memory for"
        mend = "give more --memory, or take fewer workers"
        raise PermanentFailure("input", f"{what}: {mend}", position=Position(source.url, offset, "…"))


def _rest_of_record(source: Source, offset: int, start: int, carry: bytes, end: bytes) -> bytes:
    """What follows on `carry`, up to and with the next delimiter."""
    rest = bytearray(carry)
    searched = 0
    for chunk in source.read(start):
        rest += chunk
        found = rest.find(end, searched) + 1
        if found:
            return bytes(rest[len(carry) : found - 1 + len(end)])
        searched = max(len(rest) - len(end) + 1, 0)
        _demand_short(source, offset, len(rest))
    return bytes(rest[len(carry) :])
