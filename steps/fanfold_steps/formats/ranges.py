"""Byte ranges whose records end with a delimiter, in blocks of whole records."""

from collections.abc import Iterator

from fanfold_steps.formats.sources import Source

UTF8_BOM = b"\xef\xbb\xbf"


def whole_records(source: Source, start: int, stop: int | None, end: bytes = b"\n") -> Iterator[tuple[int, bytes]]:
    """The records that begin in [start, stop), each with the delimiter `end` after it, in blocks of about a chunk.

    Gives each block's offset and bytes. Bytes before the first record's beginning belong to the range before; the last
    record is read to its end, past `stop`, and only at the end of the file may it lack the delimiter.
    """
    position = offset = max(start - len(end), 0)
    skipping = start > 0
    pending: list[bytes] = []
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
        found = chunk.rfind(end) + 1
        if found:
            cut = found - 1 + len(end)
            pending.append(chunk[:cut])
            yield offset, b"".join(pending)
            pending = []
            chunk = chunk[cut:]
            offset = position - len(chunk)
        carry = _beginning(chunk, end)
        if len(chunk) > len(carry):
            pending.append(chunk[: len(chunk) - len(carry)])
    if not skipping and (pending or carry):
        rest = b"" if stop is None else _rest_of_record(source, stop, carry, end)
        yield offset, b"".join([*pending, carry, rest])


def _beginning(chunk: bytes, end: bytes) -> bytes:
    """The last bytes of a chunk that may belong to a delimiter that ends in the next one."""
    return chunk[max(len(chunk) - len(end) + 1, 0) :] if len(end) > 1 else b""


def _rest_of_record(source: Source, start: int, carry: bytes, end: bytes) -> bytes:
    """What follows on `carry`, up to and with the next delimiter."""
    rest = bytearray(carry)
    searched = 0
    for chunk in source.read(start):
        rest += chunk
        found = rest.find(end, searched) + 1
        if found:
            return bytes(rest[len(carry) : found - 1 + len(end)])
        searched = max(len(rest) - len(end) + 1, 0)
    return bytes(rest[len(carry) :])
