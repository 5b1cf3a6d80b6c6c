"""Joined rows as lines of JSON, put together from the columns of both tables."""

import io
import json

import polars as pl

from fanfold_steps.formats.jsonl import JSONLEncoder
from fanfold_steps.formats.separated.frames import Texts
from fanfold_steps.formats.stand_ins import STAND_IN, unescaped
from fanfold_steps.tables.planned import PlannedJoin

LEFT, RIGHT = "left ", "right "
"""What the names of columns begin with in a frame of joined rows."""
_ESCAPES = {chr(code): json.dumps(chr(code))[1:-1] for code in [*range(32), ord('"'), ord("\\")]}


class JSONRows:
    """How joined rows are written.

    In their frame, the columns of both tables are called by their table and number; all of a table's are null in a row
    that has no row of it.
    """

    def __init__(self, planned: PlannedJoin) -> None:
        join = planned.join
        left = {name: f"{LEFT}{at}" for at, name in enumerate(planned.tables[0])}
        right = {name: f"{RIGHT}{at}" for at, name in enumerate(planned.tables[1])}
        own = {name: right[other] for name, other in zip(*join.columns, strict=True)}
        self._forms = [join.merged(left, right)]
        self._forms += [left] if join.keeps[0] else []
        self._forms += [join.merged(own, right)] if join.keeps[1] else []
        self._line = pl.coalesce(map(_line, self._forms))

    def written(self, rows: pl.DataFrame, texts: Texts) -> bytes:
        """The rows as lines; `texts` says what they hold. Raises Unwritable: a row holds bytes that aren't UTF-8."""
        if texts is Texts.STAND_INS and any(column.str.contains(STAND_IN).any() for column in rows):
            return JSONLEncoder().encode(list(map(self._record, rows.iter_rows(named=True))))
        if texts is not Texts.SIMPLE:
            rows = rows.with_columns(pl.all().str.replace_many(_ESCAPES))
        written = io.BytesIO()
        rows.select(line=self._line).write_csv(written, include_header=False, separator="\x01", quote_style="never")
        return written.getvalue()

    def _record(self, row: dict[str, str | None]) -> dict[str, str]:
        form = next(form for form in self._forms if all(row[column] is not None for column in form.values()))
        return {name: unescaped(str(row[column])) for name, column in form.items()}


def _line(columns: dict[str, str]) -> pl.Expr:
    """A row with these names and columns; null if one of them is."""
    parts: list[pl.Expr] = []
    before = "{"
    for name, column in columns.items():
        parts += [pl.lit(f'{before}{json.dumps(name, ensure_ascii=False)}:"'), pl.col(column)]
        before = '",'
    return pl.concat_str([*parts, pl.lit('"}')])
