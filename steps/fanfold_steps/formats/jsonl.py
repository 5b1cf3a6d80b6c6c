"""JSON Lines: a record is a line that is one JSON value; empty lines are none."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fanfold_steps.formats.declared import JSONL
from fanfold_steps.formats.protocol import BadRecord
from fanfold_steps.formats.ranges import UTF8_BOM, whole_records
from fanfold_steps.formats.sources import Source

_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_dump_ascii = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


@dataclass(slots=True)
class JSONLBlock:
    """Whole lines of a file: the offset of the first byte, and the bytes."""

    offset: int
    data: bytes
    bad: list[BadRecord] = field(default_factory=list)
    starts: list[int] | None = None

    def records(self) -> list[Any]:
        """The values."""
        try:
            lines = self.data.decode().split("\n")
            return [_load(line) for line in lines if line and line != "\r"]
        except (ValueError, RecursionError):
            return self._one_by_one()

    def offsets(self) -> list[int]:
        """Where in the file each good line of this block begins."""
        if self.starts is None:  # found once: a mapper may ask at each record
            self.starts = [offset for offset, _, problem in self._lines() if problem is None]
        return self.starts

    def _one_by_one(self) -> list[Any]:
        records: list[Any] = []
        for offset, line, problem in self._lines():
            if problem is None:
                records.append(_load(line.decode()))
            else:
                shown = line.decode("utf-8", "backslashreplace")
                self.bad.append(BadRecord(len(records), offset, shown, problem))
        return records

    def _lines(self) -> Iterator[tuple[int, bytes, str | None]]:
        """Each line that isn't empty: its offset, its bytes, and what is wrong with it."""
        offset = self.offset
        for line in self.data.split(b"\n"):
            if line not in (b"", b"\r"):
                yield offset, line, _problem(line)
            offset += len(line) + 1


class JSONLReader:
    """Reads JSON lines."""

    splittable = True
    reads_empty = False

    def __init__(self, format: JSONL) -> None:
        pass

    def blocks(self, source: Source, start: int, stop: int | None) -> Iterator[JSONLBlock]:
        """The lines that begin in [start, stop)."""
        for offset, data in whole_records(source, start, stop):
            yield JSONLBlock(offset, data) if offset else _without_mark(data)


class JSONLWriter:
    """Writes each record as a line of JSON: UTF-8, no spaces, dicts in the order of their keys' coming."""

    suffix = ".jsonl"

    def __init__(self, format: JSONL) -> None:
        pass

    def begin(self) -> "JSONLEncoder":
        """Begin a part."""
        return JSONLEncoder()


class JSONLEncoder:
    """Writes one part."""

    def encode(self, records: Sequence[Any]) -> bytes:
        """The records' lines."""
        try:
            return "".join([f"{_dump(record)}\n" for record in records]).encode()
        except UnicodeEncodeError:  # text that came from bytes which weren't UTF-8: JSON has a way to write it
            return b"".join([_line(record) for record in records])

    def end(self) -> bytes:
        """Nothing remains."""
        return b""


def _line(record: Any) -> bytes:
    try:
        return f"{_dump(record)}\n".encode()
    except UnicodeEncodeError:
        return f"{_dump_ascii(record)}\n".encode()


def _load(line: str) -> Any:
    try:
        value, end = _scan(line, 0)
    except StopIteration:
        return json.loads(line)
    return value if end == len(line) else json.loads(line)  # which takes the white space around, and nothing else


def _problem(line: bytes) -> str | None:
    try:
        _load(line.decode())
    except UnicodeDecodeError as error:
        return f"it isn't UTF-8 ({error.reason})"
    except json.JSONDecodeError as error:
        return f"{error.msg} (character {error.pos + 1})"
    except ValueError as error:
        return str(error)
    except RecursionError:
        return "it is nested too deeply"
    return None


def _without_mark(data: bytes) -> JSONLBlock:
    return JSONLBlock(len(UTF8_BOM), data.removeprefix(UTF8_BOM)) if data.startswith(UTF8_BOM) else JSONLBlock(0, data)
