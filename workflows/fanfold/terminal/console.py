"""Print results on stdout and everything else on stderr; colour only on a terminal, and never with NO_COLOR."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from fanfold_steps.failure.wording import quantity as quantity

# Control characters, and marks that turn round what follows them (UAX 9: embeddings, overrides, isolates).
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def open_standard_streams() -> None:
    """Open what the process was started without (`>&-`) on the null device, before another file takes its number."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def say(text: str = "", **style: Any) -> None:
    """Print a line or more for people, on stderr. What a terminal would obey, and names may hold, is escaped."""
    text = escaped(text)
    click.echo(click.style(text, **style) if style and has_colour() else text, err=True)


def escaped(text: str) -> str:
    r"""A text whose control characters, and marks that change the direction of text, can be seen.

    Line breaks and tabs stay.

    >>> escaped("a\x1b[2J\tb\u202ecod.exe")
    'a\\x1b[2J\tb\\u202ecod.exe'
    """
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def result(text: str) -> None:
    """Print a line of the result, on stdout: as it is for programs, escaped on a terminal."""
    click.echo(escaped(text) if sys.stdout.isatty() else text, color=True)  # click would drop some of it


def result_json(value: Any) -> None:
    """Print the result as one JSON object (or array), on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False))


def say_done(sentence: str, value: Any, *, as_json: bool) -> None:
    """Say what was done; with `as_json`, also print it as JSON."""
    if as_json:
        result_json(value)
    say(sentence)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], flexible: str | None = None) -> None:
    """Print a table on stdout, with its heads wherever it goes.

    Args:
        heads: a name for each column.
        rows: the cells, which never wrap.
        flexible: the column that is cut on a terminal, so that rows fit.
    """
    cells = [_in_a_line(row) for row in (heads, *rows)]
    if flexible is not None and sys.stdout.isatty():
        at = heads.index(flexible)
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        room = shutil.get_terminal_size().columns - sum(widths) - 2 * (len(widths) - 1) + widths[at]
        cells = [[_cut(cell, room) if place == at else cell for place, cell in enumerate(row)] for row in cells]
    _print_aligned(cells)


def columns(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in aligned columns, on stdout."""
    _print_aligned([_in_a_line(row) for row in rows])


def _in_a_line(row: Sequence[str]) -> Sequence[str]:
    """The cells of a row as they will be printed, so that their widths are known."""
    if not sys.stdout.isatty():
        return row
    return [escaped(cell).replace("\n", "\\n").replace("\t", "\\t") for cell in row]


def _cut(text: str, width: int) -> str:
    """A text of at most this width, or of eight characters.

    >>> _cut("nightly counts", 10), _cut("counts", 2)
    ('nightly c…', 'counts')
    """
    width = max(width, 8)
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _print_aligned(rows: Sequence[Sequence[str]]) -> None:
    """Print rows whose cells are as they will be printed."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        click.echo(line, color=True)  # as in `result`


def has_colour() -> bool:
    """Whether stderr may be coloured."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def size(count: float) -> str:
    """A number of bytes, for people.

    >>> size(512), size(1536), size(5 << 30)
    ('512 B', '1.5 KiB', '5.0 GiB')
    """
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while count >= 1024 and len(units) > 1:
        count /= 1024
        units.pop(0)
    return f"{count:.0f} B" if units[0] == "B" else f"{count:.1f} {units[0]}"


def number(count: float) -> str:
    """A count, for people.

    >>> number(950), number(12_345), number(2_500_000)
    ('950', '12.3k', '2.5M')
    """
    for limit, divisor, unit in ((10_000, 1, ""), (1_000_000, 1e3, "k"), (1_000_000_000, 1e6, "M")):
        if count < limit:
            return f"{count / divisor:.1f}{unit}" if unit else f"{count:.0f}"
    return f"{count / 1e9:.1f}G"


def duration(seconds: float) -> str:
    """A time span, for people.

    >>> duration(7), duration(75), duration(3725)
    ('0:07', '1:15', '1:02:05')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
