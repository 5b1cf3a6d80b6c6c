"""Frames of JSON records: a file's columns and their types are those of its first records, so that no cut shows.

What comes later has to be of these types, through all that it holds: a frame gives the values that records give.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

from fanfold_steps.columnar.json_lines import frame_of_lines
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.failure.wording import shown
from fanfold_steps.formats import reader
from fanfold_steps.formats.jsonl import JSONLBlock
from fanfold_steps.formats.values.inference import kind_of
from fanfold_steps.formats.values.kinds import NULL, Clash, Fields, Items, Kind, Plain, Whole, joined
from fanfold_steps.inputs.batches import FileBatch
from fanfold_steps.job.formats import JSONL

HEAD_BYTES = 64 << 10  # from which the types are taken
_MEND = "take the lines (input=Text()) and decode them in the function, with types of your own"
_PLAIN = {"null": pl.Null, "bool": pl.Boolean, "float": pl.Float64, "text": pl.String}


class FileTypes:
    """The kinds of files' columns, found once for each."""

    def __init__(self) -> None:
        self._found: dict[str, Fields] = {}

    def framed(self, block: JSONLBlock, batch: FileBatch) -> pl.DataFrame | None:
        """The records of a batch as rows; what a record lacks is null. None if there are no records.

        Raises:
            PermanentFailure: one isn't valid JSON, isn't an object, or doesn't fit the types, with its position.
        """
        fields = self._of(batch).fields
        frame = frame_of_lines(block.data, {name: _dtype(kind) for name, kind in fields.items()})
        return self._one_by_one(batch, fields) if frame is None else frame

    def _one_by_one(self, batch: FileBatch, fields: dict[str, Kind]) -> pl.DataFrame | None:
        records = batch.records()
        if batch.bad:
            raise batch.failure(batch.bad[0])
        if not records:
            return None
        try:
            for name, kind in fields.items():
                _check(kind, kind_of([record.get(name) for record in records]))
            if any(not record.keys() <= fields.keys() for record in records):
                raise Clash("another field")
            columns = [_series(name, [one.get(name) for one in records], kind) for name, kind in fields.items()]
            return pl.DataFrame(columns)
        except (Clash, AttributeError, UnicodeEncodeError) as error:
            raise self._misfit(records, batch, fields) from error

    def _of(self, batch: FileBatch) -> Fields:
        if batch.url not in self._found:
            head = [block.records() for block in reader(JSONL()).blocks(batch.source, 0, HEAD_BYTES)]
            objects = [record for block in head for record in block if isinstance(record, dict)]
            names = dict.fromkeys(name for record in objects for name in record)
            self._found[batch.url] = Fields({name: _first(name, objects) for name in names})
        return self._found[batch.url]

    def _misfit(self, records: Sequence[Any], batch: FileBatch, fields: dict[str, Kind]) -> PermanentFailure:
        """The first record that doesn't fit, and why."""
        number, problem = next(
            (number, problem) for number, record in enumerate(records) if (problem := _problem(record, fields))
        )
        position = batch.position_of(number, records[number])
        return PermanentFailure("input", f"this record doesn't fit into a frame: {problem}; {_MEND}", position=position)


def frame_of_objects(records: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """All records of an output as rows, of the types that hold the values of all of them; what one lacks is null.

    Raises:
        Clash: no type holds the values of a field.
        UnicodeEncodeError: a text isn't Unicode.
    """
    columns = []
    for name in dict.fromkeys(name for record in records for name in record):
        values = [record.get(name) for record in records]
        try:
            columns.append(_series(name, values, kind_of(values)))
        except Clash as clash:
            raise Clash(f"the field {name!r} holds {clash}") from clash
    return pl.DataFrame(columns)


def _first(name: str, objects: list[dict[str, Any]]) -> Kind:
    """The kind of a field in a file's first records; if no type has them all, of those before the first misfit."""
    values = [record.get(name) for record in objects]
    try:
        return _with_type(kind_of(values))
    except Clash:
        kind: Kind = NULL
        for value in values:
            try:
                kind = _with_type(joined(kind, kind_of([value])))
            except Clash:
                break
        return kind


def _with_type(kind: Kind) -> Kind:
    """The kind itself. Raises Clash if frames have no type for it."""
    _dtype(kind)
    return kind


def _check(kind: Kind, later: Kind) -> None:
    """Raise Clash unless values of a kind are of the type that an earlier kind settled."""
    if _dtype(joined(kind, later)) != _dtype(kind):
        raise Clash(f"{later}, where others are {kind}")


def _series(name: str, values: list[Any], kind: Kind) -> pl.Series:
    """A column of values that fit its kind. Polars takes the type of a list in a struct from the list's first items."""
    is_nested = isinstance(kind, Fields) or (isinstance(kind, Items) and not isinstance(kind.item, Plain))
    if is_nested and _holds_floats(kind):
        values = [_with_floats(value, kind) for value in values]
    return pl.Series(name, values, _dtype(kind))


def _holds_floats(kind: Kind) -> bool:
    match kind:
        case Items(item):
            return _holds_floats(item)
        case Fields(fields):
            return any(map(_holds_floats, fields.values()))
    return kind == Plain("float")


def _with_floats(value: Any, kind: Kind) -> Any:
    """The value with floats, for whole numbers too, where its kind has them."""
    match kind:
        case Items(item) if value is not None:
            return [_with_floats(one, item) for one in value]
        case Fields(fields) if value is not None:
            return {name: _with_floats(one, fields[name]) for name, one in value.items()}
    return float(value) if kind == Plain("float") and value is not None else value


def _dtype(kind: Kind) -> Any:
    match kind:
        case Plain(name):
            return _PLAIN[name]()
        case Whole(low, high):
            return pl.Int64() if low >= -(1 << 63) and high < 1 << 63 else pl.Int128()
        case Items(item):
            return pl.List(_dtype(item))
        case Fields(fields):
            return pl.Struct({name: _dtype(one) for name, one in fields.items()})
    raise AssertionError(kind)  # nothing else comes out of JSON


def _problem(record: Any, fields: dict[str, Kind]) -> str | None:
    if not isinstance(record, dict):
        return f"it is {type(record).__name__}, and no object with fields"
    if unknown := next((name for name in record if name not in fields), None):
        return f"its field {unknown!r} is in none of the file's first records"
    for name, value in record.items():
        try:
            _check(fields[name], kind_of([value]))
            _series(name, [value], fields[name])
        except Clash:
            return f"its field {name!r} is {shown(value)}, where others are {_dtype(fields[name])}"
        except UnicodeEncodeError:
            return f"its field {name!r} is {shown(value)}, which isn't Unicode"
    return None
