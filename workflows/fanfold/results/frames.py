"""An output as one Polars frame, whose values are those of the records, or a refusal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from fanfold.errors import Refused
from fanfold.results.reading import StoredPart, batches, readable, records_of
from fanfold_steps.formats.polars_import import load_polars
from fanfold_steps.job.formats import CSV, JSONL, TSV, OutputFormat, Parquet, Text

if TYPE_CHECKING:
    import polars as pl

PAIR = ("key", "value")
"""The columns of pairs, as Parquet writes them."""
_MEND = "read them with records()"


def frame_of(parts: Sequence[StoredPart], format: OutputFormat) -> "pl.DataFrame":
    """The records of parts as rows, in order.

    Lines of text are the column `line`, fields of separated values are texts, objects of JSON and rows of Parquet have
    the types of their values. Pairs in JSON are rows of the columns `key` and `value`, as they are in Parquet.

    Raises:
        Refused: the records have no columns, or a frame can't hold a value as it is.
    """
    with readable():
        polars = load_polars("frames")
    if isinstance(format, JSONL):
        return _of_json(list(records_of(parts, format)))
    from fanfold_steps.columnar.reading import frames  # needs Polars

    found = []
    with readable():
        for frame in frames(batches(parts, format)):
            if frame.escaped:
                raise Refused(f"a frame can't hold these records, as they have bytes that aren't UTF-8: {_MEND}")
            found.append(frame.frame)
    return cast("pl.DataFrame", polars.concat(found)) if found else _empty(parts, format)


def _of_json(records: list[Any]) -> "pl.DataFrame":
    from fanfold_steps.columnar.json_types import frame_of_objects
    from fanfold_steps.formats.values.kinds import Clash

    if records and all(isinstance(record, list) and len(record) == 2 for record in records):
        records = [dict(zip(PAIR, record, strict=True)) for record in records]
    odd = next((record for record in records if not isinstance(record, dict)), None)
    if odd is not None or None in records:
        raise Refused(f"a frame needs records with fields, or pairs, and one is {odd!r:.80}: {_MEND}")
    try:
        return frame_of_objects(records)
    except (Clash, UnicodeEncodeError) as error:
        raise Refused(f"a frame can't hold these records: {error}: {_MEND}") from error


def _empty(parts: Sequence[StoredPart], format: OutputFormat) -> "pl.DataFrame":
    """A frame without rows, with the columns that are known."""
    import polars

    if isinstance(format, Parquet) and parts:
        from fanfold_steps.formats.parquet.reader import empty_frame
        from fanfold_steps.formats.sources import Source

        with readable():
            return empty_frame(Source(parts[0].store, parts[0].key, None))
    names = format.columns or () if isinstance(format, CSV | TSV) else ("line",) if isinstance(format, Text) else ()
    return polars.DataFrame(schema=dict.fromkeys(names, polars.String))
