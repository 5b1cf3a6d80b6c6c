"""In which type of Arrow a kind is kept, and whether a declared type takes it."""

from functools import partial, reduce
from typing import Any

from fanfold_steps.formats.parquet.pyarrow_import import load_pyarrow
from fanfold_steps.formats.values.kinds import (
    EXACT,
    MOST_DIGITS,
    NULL,
    TEXT,
    Clash,
    Entries,
    Exact,
    Fields,
    Items,
    Kind,
    Moments,
    Plain,
    Whole,
    joined,
    with_path,
)
from fanfold_steps.job.column_types import ColumnType, parsed

_MEND = "declare another type, or write another value"


def arrow_type(kind: Kind) -> Any:
    """The type that keeps all values of a kind. Raises Clash if there is none."""
    pa = load_pyarrow()
    match kind:
        case Plain(name):
            found = {"null": "null", "bool": "bool_", "float": "float64", "text": "string", "bytes": "binary"}
            return getattr(pa, found.get(name, "date32"))()
        case Whole(low, high):
            if low >= -(1 << 63) and high < 1 << 63:
                return pa.int64()
            return pa.uint64() if low >= 0 and high < 1 << 64 else pa.decimal128(MOST_DIGITS, 0)
        case Exact(whole, scale):
            if whole + scale > MOST_DIGITS:
                raise Clash(f"{kind}, of which there are {MOST_DIGITS} in all", "round them, or write them as text")
            return pa.decimal128(MOST_DIGITS, scale)
        case Moments(name, nanoseconds):
            unit = "ns" if nanoseconds else "us"
            if name == "instant":
                return pa.timestamp(unit, "UTC")
            return {"timestamp": pa.timestamp, "time": pa.time64, "duration": pa.duration}[name](unit)
        case Items(item):
            return pa.list_(with_path("[]", partial(arrow_type, item)))
        case Entries(key, value):
            return pa.map_(arrow_type(key), arrow_type(value))
    return pa.struct([(name, with_path(name, partial(arrow_type, one))) for name, one in kind.fields.items()])


def schema_of(rows: Fields) -> Any:
    """The columns of rows. Raises Clash if a column can't be written."""
    for name, kind in rows.fields.items():
        with_path(name, partial(_check_fields, kind))
    return load_pyarrow().schema(arrow_type(rows).fields)


def _check_fields(kind: Kind) -> None:
    """Parquet has no objects without fields."""
    match kind:
        case Fields(fields):
            if not fields:
                raise Clash("nothing but empty dicts, which have no columns", "write None in their place")
            for name, one in fields.items():
                with_path(name, partial(_check_fields, one))
        case Items(item):
            with_path("[]", partial(_check_fields, item))
        case Entries(_, value):
            with_path("values", partial(_check_fields, value))


def declared_type(name: str) -> Any:
    """The type of a name, as `Parquet(schema=…)` has it."""
    return _of(parsed(name))


def _of(column: ColumnType) -> Any:
    pa = load_pyarrow()
    name, arguments = column.name, column.arguments
    of = [(name, _of(one)) for name, one in column.of]
    if name == "struct":
        return pa.struct(of)
    if name in ("list", "map"):
        return (pa.list_ if name == "list" else pa.map_)(*(one for _, one in of))
    if name == "decimal":
        return pa.decimal128(*map(int, arguments))
    if name == "time":
        return pa.time32(arguments[0]) if arguments[0] in ("s", "ms") else pa.time64(arguments[0])
    if name in ("timestamp", "duration"):
        return getattr(pa, name)(*arguments)
    return getattr(pa, {"bool": "bool_", "date": "date32"}.get(name, name))()


def fitted(kind: Kind, type: Any) -> Kind:
    """The kind by which values are brought into a declared type; that each is in its range is seen when they are cast.

    Raises:
        Clash: the type isn't one for values of this kind.
    """
    types = load_pyarrow().types
    match kind:
        case Fields(fields) if types.is_struct(type):
            known = {field.name: field.type for field in type}
            return Fields(
                {name: with_path(name, partial(_field, one, known.get(name))) for name, one in fields.items()}
            )
        case Fields(fields) if types.is_map(type) and not fields:
            return Entries(TEXT, NULL)  # no key of a map may be null, so its keys have a type though there are none
        case Fields(fields) if types.is_map(type) and types.is_string(type.key_type):
            values: list[Kind] = [with_path(name, partial(fitted, one, type.item_type)) for name, one in fields.items()]
            return Entries(TEXT, reduce(joined, values) if values else NULL)
        case Items(item) if types.is_list(type):
            return Items(with_path("[]", partial(fitted, item, type.value_type)))
        case Entries(key, value) if types.is_map(type):
            keys = with_path("keys", partial(fitted, key, type.key_type))
            return Entries(keys, with_path("values", partial(fitted, value, type.item_type)))
        case Whole() if types.is_decimal(type):
            return Exact(kind.digits, 0)
    if not _is_scalar_of(kind, type):
        raise Clash(f"{kind}, and {type} is declared", _MEND)
    return kind


def _field(kind: Kind, type: Any) -> Kind:
    if type is None:
        raise Clash("a value, but isn't declared", "declare it, or leave it out")
    return fitted(kind, type)


def _is_scalar_of(kind: Kind, type: Any) -> bool:
    types = load_pyarrow().types
    match kind:
        case Plain("null"):
            return True
        case Plain("float"):
            return bool(types.is_float64(type) or types.is_float32(type))
        case Plain(name):
            checks = {"bool": "boolean", "text": "string", "bytes": "binary", "date": "date"}
            return bool(getattr(types, f"is_{checks[name]}")(type))
        case Whole():
            most = EXACT if types.is_float64(type) else 1 << 24 if types.is_float32(type) else -1
            return bool(types.is_integer(type)) or (-most <= kind.low and kind.high <= most)
        case Exact():
            return bool(types.is_decimal(type))
        case Moments("timestamp" | "instant" as name):
            return bool(types.is_timestamp(type)) and name == ("timestamp" if type.tz is None else "instant")
        case Moments(name):
            return bool(types.is_time(type) if name == "time" else types.is_duration(type))
    return False
