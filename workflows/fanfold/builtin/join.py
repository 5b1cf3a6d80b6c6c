"""Join tables by a column (--input left=… --input right=… --param on=…).

A table is CSV, TSV, JSON lines or Parquet, as its file's name says; the rows that come out are JSON lines.
`--param how=left`, `right` or `outer` also gives rows without a partner.
"""

import json
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, Field

from fanfold import JSONL, Context, Input, Job, Table

Row = dict[str, Any]
Sided = tuple[int, Row]
LEFT, RIGHT = 0, 1


class Params(BaseModel):
    """What is joined, and how."""

    on: str = Field(min_length=1, description="the column that both have; its values are compared as text")
    how: Literal["inner", "left", "right", "outer"] = Field(
        default="inner", description="inner: pairs alone; left, right, outer: rows without a partner of that side too"
    )


def left(row: Row, ctx: Context) -> Iterator[tuple[str, Sided]]:
    """A row of the left table by its key."""
    yield _key(row, ctx), (LEFT, row)


def right(row: Row, ctx: Context) -> Iterator[tuple[str, Sided]]:
    """A row of the right table by its key."""
    yield _key(row, ctx), (RIGHT, row)


def joined(key: str, rows: Iterator[Sided], ctx: Context) -> Iterator[Row]:
    """Each left row with each right row of the key; those of the left come first, and are kept."""
    on, how = ctx.params.on, ctx.params.how
    lefts: list[Row] = []
    alone = True
    for side, row in rows:
        if side == LEFT:
            lefts.append(row)
            continue
        alone = False
        for one in lefts:
            yield _together(one, row, on)
        if not lefts and how in ("right", "outer"):
            yield row
    if alone and how in ("left", "outer"):
        yield from lefts


def _key(row: Any, ctx: Context) -> str:
    if not isinstance(row, dict) or ctx.params.on not in row:
        has = f"it has {', '.join(map(str, row))}" if isinstance(row, dict) else "it is no row of named columns"
        raise LookupError(f"there is no column {ctx.params.on!r} to join on: {has}")
    value = row[ctx.params.on]
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _together(one: Row, other: Row, on: str) -> Row:
    """The left row with the right one's other columns, which are `right_NAME` where the left has one of the name."""
    found = dict(one)
    for name, value in other.items():
        if name == on:
            continue
        while name in found:
            name = f"right_{name}"
        found[name] = value
    return found


job = Job(
    "join",
    inputs={"left": Input(Table(), map=left), "right": Input(Table(), map=right)},
    reduce=joined,
    output=JSONL(),
    params=Params,
)
