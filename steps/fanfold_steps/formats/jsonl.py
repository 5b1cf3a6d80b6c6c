"""JSON Lines: a record is a line that is one JSON value; empty lines, and those of blanks alone, are none."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from fanfold_steps.formats.protocol import BadRecord, Unwritable, not_unicode
from fanfold_steps.formats.ranges import UTF8_BOM, refuse_wide_text, whole_records
from fanfold_steps.formats.sources import Source
from fanfold_steps.formats.values.plain import plain, textual
from fanfold_steps.job.formats import JSONL

_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
_SCALARS, _CONTAINERS = {str, int, float, bool, type(None)}, {dict, list, tuple}
_NO_NUMBER = "it holds NaN or an infinity, which JSON has no numbers for: write None, or text, in their place"
_BLANKS = b" \t\r"  # the white space of RFC 8259 but for the line's end
_TOO_DEEP = "it holds itself, or is nested too deeply"


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

    def alone(self, number: int) -> bytes:
        """The line."""
        start = self.offsets()[number] - self.offset
        stop = self.data.find(b"\n", start)
        return (self.data[start:] if stop < 0 else self.data[start:stop]) + b"\n"

    def _one_by_one(self) -> list[Any]:
        records: list[Any] = []
        for offset, line, problem in self._lines():
            if problem is None:
                records.append(_load(line.decode()))
            else:
                shown = line.decode("utf-8", "backslashreplace")
                self.bad.append(BadRecord(len(records), offset, shown, problem, line + b"\n"))
        return records

    def _lines(self) -> Iterator[tuple[int, bytes, str | None]]:
        """Each line that isn't blank: its offset, its bytes, and what is wrong with it."""
        offset = self.offset
        for line in self.data.split(b"\n"):
            if line.strip(_BLANKS):
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
            yield JSONLBlock(offset, data) if offset else _first_block(source, data)


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

    columns = None

    def encode(self, records: Sequence[Any]) -> bytes:
        """The records' lines. Raises Unwritable, TypeError."""
        try:
            return _lines(records)
        except (ValueError, RecursionError):
            for record in records:
                if problem := _no_line(record):
                    raise Unwritable(problem, record) from None
            raise

    def end(self) -> tuple[()]:
        """Nothing remains."""
        return ()


def _are_as_json_has_them(values: Sequence[Any]) -> bool:
    """Whether these values, through all that they hold, are of types that JSON has, and all keys are text.

    All that lies at one depth is looked at at once, which is by far the quickest way. What holds itself never ends, so
    no container that was seen is looked into again at another depth.
    """
    seen: set[int] = set()
    above: Sequence[Any] = ()
    while not (types := set(map(type, values))) <= _SCALARS:
        if not types <= _SCALARS | _CONTAINERS:
            return False
        containers = values if types <= _CONTAINERS else [value for value in values if type(value) in _CONTAINERS]
        seen.update(map(id, above))
        if not seen.isdisjoint(map(id, containers)):
            return False
        above = containers
        inner: list[Any] = []
        for kind in types & _CONTAINERS:
            held: Sequence[Any] = values if len(types) == 1 else [one for one in containers if type(one) is kind]
            if kind is not dict:
                inner += held
            elif set(map(type, chain.from_iterable(held))) <= {str}:
                inner += map(dict.values, held)
            else:
                return False
        values = list(chain.from_iterable(inner))
    return True


# What `json.dumps` makes anew at each call, which takes longer than a small record.
_encoded: Callable[[Any, int], tuple[str, ...]] = json.encoder.c_make_encoder(  # type: ignore[attr-defined]
    *(None, None, json.encoder.encode_basestring, None),  # no circles, defaults, or indentation; letters as they are
    *(":", ",", False, False, False),  # keys unsorted and none left out; no NaN
)


def _lines(records: Sequence[Any]) -> bytes:
    if not _are_as_json_has_them(records):
        records = [textual(plain(record)) for record in records]
    join = "".join
    return join([f"{join(_encoded(record, 0))}\n" for record in records]).encode()


def _no_line(record: Any) -> str | None:
    """Why a record can't be written; None if it can."""
    try:
        _lines([record])
    except UnicodeEncodeError as error:
        return not_unicode(error)
    except RecursionError:
        return _TOO_DEEP
    except ValueError:
        return _NO_NUMBER
    return None


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


def _first_block(source: Source, data: bytes) -> JSONLBlock:
    """The beginning of a file, without its byte order mark."""
    refuse_wide_text(source, data)
    return JSONLBlock(len(UTF8_BOM), data.removeprefix(UTF8_BOM)) if data.startswith(UTF8_BOM) else JSONLBlock(0, data)
