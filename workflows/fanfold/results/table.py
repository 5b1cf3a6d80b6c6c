"""Records as a small table of HTML, for notebooks. Everything that comes from data is escaped and cut to a cell."""

from collections.abc import Sequence
from html import escape
from typing import Any

from fanfold_steps.failure.wording import shortened

LONGEST_CELL, LONGEST_LINE = 100, 1000  # characters
MOST_COLUMNS = 20


def html_table(records: Sequence[Any], more: int, about: Sequence[str]) -> str:
    """A table of records, below lines about them.

    Args:
        records: those to show.
        more: how many there are besides.
        about: lines for people.

    >>> print(html_table(["<b>"], 0, ["one"]))
    <p>one</p>
    <table><tr><th>line</th></tr>
    <tr><td>&lt;b&gt;</td></tr></table>
    """
    heads, rows = _cells(records)
    table = [_row("th", heads), *(_row("td", row) for row in rows)]
    lines = [f"<p>{'<br>'.join(_shown(line, LONGEST_LINE) for line in about)}</p>"]
    lines += ["<table>" + "\n".join(table) + "</table>"] if records else []
    return "\n".join([*lines, *([f"<p>and {more:,} more</p>"] if more > 0 else [])])


def _cells(records: Sequence[Any]) -> tuple[Sequence[Any], list[Sequence[Any]]]:
    """The heads of the columns, and the rows: fields of dicts, items of lists as long as each other, or one column."""
    if all(isinstance(record, dict) for record in records):
        heads = list(dict.fromkeys(name for record in records for name in record))[:MOST_COLUMNS]
        return heads, [[record.get(name) for name in heads] for record in records]
    if all(isinstance(record, list) for record in records) and len(set(map(len, records))) == 1:
        width = min(len(records[0]), MOST_COLUMNS)
        return ("key", "value") if len(records[0]) == 2 else range(width), [record[:width] for record in records]
    column = "line" if all(isinstance(record, str) for record in records) else "record"
    return (column,), [(record,) for record in records]


def _row(tag: str, cells: Sequence[Any]) -> str:
    return f"<tr>{''.join(f'<{tag}>{_shown(cell)}</{tag}>' for cell in cells)}</tr>"


def _shown(value: Any, most: int = LONGEST_CELL) -> str:
    return escape(shortened(value if isinstance(value, str) else str(value), most))
