"""A Parquet file as it is written: row groups go in as tables, bytes come out.

Whole numbers and times are kept as differences, which takes half of the time and of the bytes that dictionaries do;
other columns have a dictionary as long as it is small.
"""

import io
from typing import Any

from fanfold_steps.formats.parquet.pyarrow_import import load_compute, load_pyarrow
from fanfold_steps.formats.values.kinds import MOST_DIGITS, Clash

DICTIONARY_BYTES = 128 << 10  # of a column's different values; with more of them its values are written as they are


class ParquetBytes:
    """Makes the bytes of one file. They follow from its schema and its groups alone."""

    def __init__(self, schema: Any, compress: str) -> None:
        self._schema = schema
        self._sink = _Drain()
        whole, others = _leaves(schema)
        self._writer = load_pyarrow().parquet.ParquetWriter(
            self._sink,
            schema,
            compression=compress,
            use_dictionary=others,
            dictionary_pagesize_limit=DICTIONARY_BYTES,
            column_encoding=dict.fromkeys(whole, "DELTA_BINARY_PACKED"),
        )

    def group(self, table: Any) -> bytes:
        """The bytes of a table with rows, as one row group in the types of the file."""
        whole = conformed(table, self._schema).combine_chunks()  # pages end where chunks do
        self._writer.write_table(whole, row_group_size=whole.num_rows)
        return self._sink.drained()

    def end(self) -> bytes:
        """The bytes of the footer."""
        self._writer.close()
        return self._sink.drained()


def _leaves(schema: Any) -> tuple[list[str], list[str]]:
    """The paths of the columns that a file has, which are the leaves of its schema: those of whole numbers, others."""
    parquet, file = load_pyarrow().parquet, io.BytesIO()
    parquet.write_table(schema.empty_table(), file)
    leaves = parquet.ParquetFile(file).schema
    columns = [leaves.column(at) for at in range(len(leaves))]
    others = {column.path for column in columns if column.physical_type not in ("INT32", "INT64")}
    return [column.path for column in columns if column.path not in others], sorted(others)


class _Drain:
    """A file that holds what was written until it is taken."""

    closed = False

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: Any) -> int:
        self._held += memoryview(data)
        return len(data)

    def drained(self) -> bytes:
        held, self._held = bytes(self._held), bytearray()
        return held

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def conformed(table: Any, schema: Any) -> Any:
    """A table, or a batch, with the columns and types of a schema; one that it lacks is null.

    Raises:
        Clash: a value isn't one of its type.
    """
    if table.schema.equals(schema):
        return table
    pa, held = load_pyarrow(), set(table.schema.names)
    columns = [
        _column(table.column(field.name), field) if field.name in held else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return type(table).from_arrays(columns, schema=schema)


def _column(column: Any, field: Any) -> Any:
    pa = load_pyarrow()
    try:
        if isinstance(column, pa.ChunkedArray):
            return pa.chunked_array([_converted(chunk, field.type) for chunk in column.chunks], field.type)
        return _converted(column, field.type)
    except pa.ArrowInvalid as error:
        clash = Clash(f"what {field.type} doesn't: {error}", "declare another type, or write another value")
        clash.path = [field.name]
        raise clash from error


def _converted(array: Any, wanted: Any) -> Any:
    """An array in another type. PyArrow's own cast loses count of nulls in lists, and knows integers of any size
    as decimals only by their type. Raises ArrowInvalid."""
    pa, types, own = load_pyarrow(), load_pyarrow().types, array.type
    if own.equals(wanted):
        return array
    if types.is_null(own):
        return pa.nulls(len(array), wanted)
    if types.is_struct(own):
        held = {field.name: array.field(field.name) for field in own}
        parts = [
            _converted(held[field.name], field.type) if field.name in held else pa.nulls(len(array), field.type)
            for field in wanted
        ]
        return pa.StructArray.from_arrays(parts, fields=list(wanted), mask=array.is_null())
    if types.is_map(own):
        keys, items = _converted(array.keys, wanted.key_type), _converted(array.items, wanted.item_type)
        return pa.MapArray.from_arrays(array.offsets, keys, items, type=wanted, mask=array.is_null())
    if types.is_list(own):
        values = _converted(array.values, wanted.value_type)
        return pa.ListArray.from_arrays(array.offsets, values, type=wanted, mask=array.is_null())
    if types.is_integer(own) and types.is_decimal(wanted):
        array = array.cast(pa.decimal128(MOST_DIGITS, 0))
    found = array.cast(wanted)
    if types.is_float64(own) and types.is_float32(wanted):
        _check_finite(array, found)
    return found


def _check_finite(before: Any, after: Any) -> None:
    """Raise ArrowInvalid if a float of 64 bits became infinite in 32."""
    pa = load_pyarrow()
    is_inf = load_compute().is_inf
    if not is_inf(before).equals(is_inf(after)):
        raise pa.ArrowInvalid("a number is too large")
