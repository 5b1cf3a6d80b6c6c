r"""Text: a record is a line, ended by LF or CRLF and by nothing else; bytes that aren't UTF-8 come through unharmed."""

from collections.abc import Iterator
from dataclasses import dataclass

from fanfold_storage.objects import Objects

SUFFIX = ".txt"


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a file: the offset of the first byte, and the bytes."""

    offset: int
    data: bytes

    def lines(self) -> list[str]:
        r"""The records.

        >>> Block(0, b"a\r\nb\rc\n\nlast").lines()
        ['a', 'b\rc', '', 'last']
        """
        text = self.data.decode("utf-8", "surrogateescape")
        if "\r\n" in text:
            text = text.replace("\r\n", "\n")
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        return lines

    def offset_of(self, number: int) -> int:
        """Where in the file a line of this block begins."""
        return self.offset + sum(len(line) + 1 for line in self.data.split(b"\n")[:number])


def read_blocks(objects: Objects, key: str, start: int, stop: int) -> Iterator[Block]:
    """The lines that begin in [start, stop), in blocks of about the store's chunk size.

    Bytes before the first line's beginning belong to the range before; the last line is read to its end, past `stop`.
    """
    position = max(start - 1, 0)
    skipping = start > 0
    pending: list[bytes] = []
    offset = position
    for chunk in objects.read(key, position, stop):
        position += len(chunk)
        if skipping:
            _, newline, chunk = chunk.partition(b"\n")
            if not newline:
                continue
            skipping = False
            offset = position - len(chunk)
        cut = chunk.rfind(b"\n") + 1
        if cut:
            pending.append(chunk[:cut])
            yield Block(offset, b"".join(pending))
            pending = []
            offset = position - len(chunk) + cut
        if cut < len(chunk):
            pending.append(chunk[cut:])
    if pending:
        yield Block(offset, b"".join(pending) + _rest_of_line(objects, key, stop))


def _rest_of_line(objects: Objects, key: str, start: int) -> bytes:
    rest = bytearray()
    for chunk in objects.read(key, start):
        line, newline, _ = chunk.partition(b"\n")
        rest += line + newline
        if newline:
            break
    return bytes(rest)


def encode_record(record: object) -> bytes:
    r"""A record as a line: a pair as `key TAB value`, anything else as text.

    >>> encode_record(("a", 3))
    b'a\t3\n'
    """
    if type(record) is tuple and len(record) == 2:
        return f"{_text(record[0])}\t{_text(record[1])}\n".encode("utf-8", "surrogateescape")
    return f"{_text(record)}\n".encode("utf-8", "surrogateescape")


def _text(value: object) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
