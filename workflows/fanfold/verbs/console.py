"""What people see: results on stdout, everything else on stderr, colour only on a terminal and never with NO_COLOR."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click


def say(text: str = "", **style: Any) -> None:
    """A line for people, on stderr."""
    click.echo(click.style(text, **style) if style and coloured() else text, err=True)


def result(text: str) -> None:
    """A line of the result, on stdout."""
    click.echo(text)


def result_json(value: Any) -> None:
    """The result as one JSON object (or array) on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns on stdout. The heads are left out where a program reads, and cells never wrap."""
    columns([heads, *rows] if sys.stdout.isatty() else list(rows))


def columns(rows: Sequence[Sequence[str]]) -> None:
    """Rows on stdout whose cells say themselves what they are."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        result("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def coloured() -> bool:
    """Whether stderr may have colours."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def size(count: float) -> str:
    """Bytes for people.

    >>> size(512), size(1536), size(5 << 30)
    ('512 B', '1.5 KiB', '5.0 GiB')
    """
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while count >= 1024 and len(units) > 1:
        count /= 1024
        units.pop(0)
    return f"{count:.0f} B" if units[0] == "B" else f"{count:.1f} {units[0]}"


def number(count: float) -> str:
    """A count for people.

    >>> number(950), number(12_345), number(2_500_000)
    ('950', '12.3k', '2.5M')
    """
    for limit, divisor, unit in ((10_000, 1, ""), (1_000_000, 1e3, "k"), (1_000_000_000, 1e6, "M")):
        if count < limit:
            return f"{count / divisor:.1f}{unit}" if unit else f"{count:.0f}"
    return f"{count / 1e9:.1f}G"


def counted(count: int, noun: str, shown: str = "") -> str:
    """How many of what, `shown` otherwise than in full.

    >>> counted(1, "record"), counted(12_345, "record"), counted(12_345, "record", "12.3k")
    ('1 record', '12,345 records', '12.3k records')
    """
    return f"{shown or f'{count:,}'} {noun}{'s' * (count != 1)}"


def clock(seconds: float) -> str:
    """A time span for people.

    >>> clock(7), clock(75), clock(3725)
    ('0:07', '1:15', '1:02:05')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
