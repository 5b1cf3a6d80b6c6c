"""Join tables by columns (--input left=… --input right=… --param on=day).

A table is CSV, TSV, JSON lines or Parquet, depending on its file's name; the joined rows are written as JSON lines.
Values are compared by value, whatever the format (`fanfold.builtin.join.values`). `--param how=left`, `right` or
`outer` keeps rows without a match as well. `on=host:server` joins columns of different names, `on=day,host:server`
by two. How many rows of each side had no match is counted.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator

from fanfold import JSONL, Context, Input, Job, Table
from fanfold.builtin.join.values import IS_NORMAL, Spelling, by_value, fits, normal
from fanfold_steps.user_code.twins import TableJoin

Row = dict[str, Any]
Key = str | tuple[str, ...] | None
Sided = tuple[int, Spelling, Row]
LEFT, RIGHT = 0, 1
SIDES = ("left", "right")
UNMATCHED = ("left rows without a match", "right rows without a match")


class Params(BaseModel):
    """What to join, and how."""

    on: str = Field(
        min_length=1,
        description="a column of both tables, or several as day,host; left:right where the names differ",
    )
    how: Literal["inner", "left", "right", "outer"] = Field(
        default="inner",
        description="inner: only rows that match; left, right, outer: also rows of that side without a match",
    )

    @field_validator("on")
    @classmethod
    def _names_columns(cls, on: str) -> str:
        pairs = [part.split(":") for part in on.split(",")]
        if any(len(names) > 2 or not all(names) for names in pairs):
            raise ValueError("write day, or several as day,host, or left:right where the names differ")
        for side in (LEFT, -RIGHT):
            if len({names[side] for names in pairs}) < len(pairs):
                raise ValueError("name each column only once")
        return on

    @property
    def columns(self) -> tuple[list[str], list[str]]:
        """The columns' names, of the left table and of the right."""
        pairs = [part.split(":") for part in self.on.split(",")]
        return [names[0] for names in pairs], [names[-1] for names in pairs]


class Keyed:
    """The mapper of one table: its rows, keyed by the columns."""

    def __init__(self, side: int) -> None:
        self._side = side

    def start(self, ctx: Context) -> None:
        """Look up the names of the columns once."""
        self._columns = ctx.params.columns[self._side]
        self._column = self._columns[0] if len(self._columns) == 1 else None  # by far the most common

    def __call__(self, row: Row) -> Iterator[tuple[Key, Sided]]:
        """A row under the key of all values that may equal its own, together with how it is written here."""
        try:
            value = row[self._column] if self._column is not None else [row[name] for name in self._columns]
        except (KeyError, TypeError) as error:
            raise LookupError(self._missing(row)) from error
        if self._column is not None:
            key, spelling = by_value(value)
            yield key, (self._side, spelling, row)
        else:
            keys, spellings = zip(*map(by_value, value), strict=True)
            yield None if None in keys else keys, (self._side, spellings, row)

    def _missing(self, row: object) -> str:
        table = f"the {SIDES[self._side]} table"
        if not isinstance(row, dict):
            return f"{table} has no named columns to join on"
        name = next(name for name in self._columns if name not in row)
        return f"{table} has no column {name!r} to join on: it has {', '.join(map(str, row))}"


class Joined:
    """Each left row with each right row that matches. The left ones arrive first, and are held in memory."""

    def start(self, ctx: Context) -> None:
        """Look up the names of the columns once."""
        self._lefts, self._rights = ctx.params.columns
        self._keeps_left = ctx.params.how in ("left", "outer")
        self._keeps_right = ctx.params.how in ("right", "outer")
        self._count = ctx.count

    def __call__(self, key: Key, rows: Iterator[Sided]) -> Iterator[Row]:
        """The joined rows of a key; a null matches nothing.

        Rows without a match are counted, so that a join of columns that never match doesn't go by unnoticed.
        """
        lefts: list[tuple[Spelling, Row]] = []
        rights: list[Spelling] = []
        unmatched = 0
        for side, spelling, row in rows:
            if side == LEFT:
                lefts.append((spelling, row))
                continue
            matched = False
            for written, one in lefts if key is not None else ():
                if written == spelling or fits(written, spelling):
                    matched = True
                    yield _merged(one, row, self._rights)
            if not matched:
                unmatched += 1
                if self._keeps_right:
                    own = {name: row[other] for name, other in zip(self._lefts, self._rights, strict=True)}
                    yield _merged(own, row, self._rights)
            if spelling not in rights:
                rights.append(spelling)
        if unmatched:
            self._count("join", UNMATCHED[RIGHT], unmatched)
        alone = [row for written, row in lefts if key is None or not any(fits(written, one) for one in rights)]
        if alone:
            self._count("join", UNMATCHED[LEFT], len(alone))
        if self._keeps_left:
            yield from alone

    def table_join(self, params: Params) -> TableJoin:
        """What the job does with tables of text alone. Two texts of a key are equal if they are the same text."""
        keeps = params.how in ("left", "outer"), params.how in ("right", "outer")
        merged = partial(_merged, joined=params.columns[RIGHT])
        return TableJoin(SIDES, params.columns, keeps, UNMATCHED, normal, IS_NORMAL, merged)


def _merged(left: Row, right: Row, joined: list[str]) -> Row:
    """The left row with the right one's other columns, renamed to `right_NAME` if the left has one of that name."""
    row = dict(left)
    for name, value in right.items():
        if name in joined:
            continue
        while name in row:
            name = f"right_{name}"
        row[name] = value
    return row


left, right, joined = Keyed(LEFT), Keyed(RIGHT), Joined()
job = Job(
    "join",
    inputs={"left": Input(Table(), map=left), "right": Input(Table(), map=right)},
    reduce=joined,
    output=JSONL(),
    params=Params,
)
