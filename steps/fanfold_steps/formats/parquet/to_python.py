"""Arrow's values as Python's, each equal to what the file holds.

PyArrow converts most types quickly itself. But it is slow for times and decimals, and wrong for times of day that are
out of range, so those are cast to ISO 8601 text by Arrow and parsed by Python, the fastest way that was found.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice, pairwise
from typing import Any

from fanfold_steps.formats.parquet.pyarrow_import import load_compute, load_pyarrow
from fanfold_steps.formats.values.zones import zone

PER_SECOND = {"s": 1, "ms": 1000, "us": 1_000_000}
_FIRST_SECOND, _AFTER_LAST = -62_135_596_800, 253_402_300_800  # of the years 1 to 9999, since 1970
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
_MEND = "read it as frames (map=batch(f)), or cast it before"


class NoPythonValue(ValueError):
    """A value that Python's types don't hold; the text says which."""


def python_rows(names: Sequence[str], columns: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows as dicts, of columns that are arrays of the same length.

    Raises:
        NoPythonValue: as `python_list` does, with the column's name.
    """
    pa = load_pyarrow()
    ours: dict[str, list[Any]] = {}
    theirs = list(columns)
    for at, (name, column) in enumerate(zip(names, columns, strict=True)):
        if not _is_theirs(column.type):
            ours[name] = _named(name, column)
            theirs[at] = pa.nulls(len(column))  # a placeholder, so that the keys keep their order
    rows: list[dict[str, Any]] = pa.RecordBatch.from_arrays(theirs, names).to_pylist()
    for name, values in ours.items():
        for row, value in zip(rows, values, strict=True):
            row[name] = value
    return rows


def _named(name: str, column: Any) -> list[Any]:
    try:
        return python_list(column)
    except NoPythonValue as error:
        raise NoPythonValue(f"the column {name!r} holds {error}") from error


def _is_theirs(type: Any) -> bool:
    """Whether PyArrow's own conversion of a type is right and quick."""
    types = load_pyarrow().types
    if types.is_list(type) or types.is_large_list(type) or types.is_fixed_size_list(type):
        return _is_theirs(type.value_type)
    if types.is_struct(type):
        return type.num_fields > 0 and all(_is_theirs(field.type) for field in type)
    return not (types.is_dictionary(type) or types.is_map(type) or types.is_temporal(type) or types.is_decimal(type))


def python_list(array: Any) -> list[Any]:
    """The values of an array: times as `datetime` has them, maps as dicts.

    Raises:
        NoPythonValue: a time is out of Python's years, or counts nanoseconds.
    """
    types, kind = load_pyarrow().types, array.type
    if _is_theirs(kind):
        found: list[Any] = array.to_pylist()
        return found
    if types.is_dictionary(kind):
        return python_list(array.dictionary_decode())
    if types.is_struct(kind):
        return _dicts(array)
    if types.is_map(kind):
        return _maps(array)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        values = iter(python_list(array.flatten()))
        return [None if one is None else list(islice(values, one)) for one in _lengths(array)]
    if types.is_decimal(kind):
        return _from_text(array.cast("string"), Decimal)
    if types.is_date(kind):
        return _dates(array.cast("date32"))
    if types.is_timestamp(kind):
        return _timestamps(array)
    if types.is_time(kind):
        return _times(array)
    if types.is_duration(kind):
        return _durations(array)
    raise NoPythonValue(f"{kind}, for which Python has no type")


def _from_text(texts: Any, read: Callable[[str], Any]) -> list[Any]:
    if texts.null_count:
        return [None if text is None else read(text) for text in texts.to_pylist()]
    return list(map(read, texts.to_pylist()))


def _lengths(array: Any) -> Iterator[int | None]:
    lengths: list[int | None] = load_compute().list_value_length(array).to_pylist()
    return iter(lengths)


def _dicts(array: Any) -> list[Any]:
    names = [field.name for field in array.type]
    if not names:
        return [{} if is_valid else None for is_valid in array.is_valid().to_pylist()]
    rows: list[Any] = python_rows(names, array.flatten())  # `flatten` makes the fields of a null struct null
    if array.null_count:
        rows = [row if is_valid else None for row, is_valid in zip(rows, array.is_valid().to_pylist(), strict=True)]
    return rows


def _maps(array: Any) -> list[Any]:
    if array.null_count:  # what lies beneath a null may be anything
        found = iter(_maps(array.drop_null()))
        return [next(found) if is_valid else None for is_valid in array.is_valid().to_pylist()]
    ends: list[int] = array.offsets.to_pylist()
    first, count = ends[0], ends[-1] - ends[0]
    keys, items = (python_list(part.slice(first, count)) for part in (array.keys, array.items))
    pairs = list(zip(keys, items, strict=True))
    return [_dict(pairs[start - first : stop - first]) for start, stop in pairwise(ends)]


def _dict(pairs: list[tuple[Any, Any]]) -> Any:
    """A map's entries as a dict; as pairs where that can't be, as with the same key twice."""
    try:
        found = dict(pairs)
    except TypeError:
        return pairs
    return found if len(found) == len(pairs) else pairs


def _dates(array: Any) -> list[Any]:
    if not are_within(array.view("int32"), _FIRST_DAY, _LAST_DAY):
        raise NoPythonValue(f"a date outside the years 1 to 9999, which Python's dates hold: {_MEND}")
    return _from_text(array.cast("string"), date.fromisoformat)


def _timestamps(array: Any) -> list[Any]:
    pa, name = load_pyarrow(), array.type.tz
    array = _without_nanoseconds(array)
    counts, per_second = array.view("int64"), PER_SECOND[array.type.unit]
    if not are_within(counts, _FIRST_SECOND * per_second, _AFTER_LAST * per_second - 1):
        raise _out_of_years()
    texts, there = counts.view(pa.timestamp(array.type.unit)).cast("string"), None if name is None else zone(name)
    if there is None:
        return _from_text(texts, datetime.fromisoformat)
    times = _from_text(load_compute().binary_join_element_wise(texts, "Z", ""), datetime.fromisoformat)
    try:
        return times if there is UTC else [None if one is None else one.astimezone(there) for one in times]
    except OverflowError as error:
        raise _out_of_years() from error


def _out_of_years() -> NoPythonValue:
    return NoPythonValue(f"a time outside the years 1 to 9999, which Python's times hold: {_MEND}")


def _times(array: Any) -> list[Any]:
    try:
        return _from_text(_without_nanoseconds(array).cast("string"), time.fromisoformat)
    except NoPythonValue:
        raise
    except ValueError as error:
        raise NoPythonValue(f"a time of day outside 0 to 24 hours: {_MEND}") from error


def _durations(array: Any) -> list[Any]:
    array = _without_nanoseconds(array)
    unit = timedelta(seconds=1) / PER_SECOND[array.type.unit]
    try:
        return [None if count is None else count * unit for count in array.view("int64").to_pylist()]
    except OverflowError as error:
        raise NoPythonValue(f"a duration too long for Python's timedelta: {_MEND}") from error


def are_within(array: Any, low: int, high: int) -> bool:
    """Whether all integers of an array lie within bounds; nulls do."""
    found = load_compute().min_max(array)
    least, greatest = found["min"].as_py(), found["max"].as_py()
    return least is None or (low <= least and greatest <= high)


def _without_nanoseconds(array: Any) -> Any:
    """Times in nanoseconds as microseconds, others as they are."""
    if array.type.unit != "ns":
        return array
    pa, compute = load_pyarrow(), load_compute()
    counts = array.view("int64")
    whole = compute.divide(counts, 1000)
    rests = compute.subtract(counts, compute.multiply(whole, 1000))
    if not are_within(rests, 0, 0):
        rest = next(one for one in rests.to_pylist() if one)
        raise NoPythonValue(f"a time with nanoseconds ({rest % 1000}), which Python's times don't hold: {_MEND}")
    if pa.types.is_timestamp(array.type):
        return whole.view(pa.timestamp("us", array.type.tz))
    return whole.view(pa.time64("us") if pa.types.is_time(array.type) else pa.duration("us"))
