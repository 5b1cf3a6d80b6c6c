"""Inputs that can be read only once: standard input (`-`), named pipes, `<(command)`."""

import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from fanfold.errors import Refused
from fanfold_steps.job.spec import NAME

STDIN = "-"


@contextmanager
def spooled(places: Sequence[str], *, local: bool) -> Iterator[list[str]]:
    """The values of `--input`, with files of what pipes among them hold; the files are removed at the end.

    Workers read an input in pieces, and again after a failure, which no pipe allows.

    Raises:
        Refused: pods can't read a pipe on this machine; or standard input is a terminal, or is named twice.
    """
    with ExitStack() as stack:
        files = []
        for given in places:
            name, place = _split(given)
            if not _is_pipe(place):
                files.append(given)
                continue
            if not local:
                raise Refused(f"pods can't read {place}, a pipe on this machine: write it to a file that they can read")
            if any(_split(other)[1] == place for other in places[: len(files)]):
                raise Refused(f"{place} can be read only once: name it once")
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fanfold-input-")))
            files.append(name + str(_copy(place, folder)))
        yield files


def _split(given: str) -> tuple[str, str]:
    """`NAME=` and the place; a place alone that holds `=` stays whole unless a pipe follows."""
    name, equals, place = given.partition("=")
    return (f"{name}=", place) if equals and re.fullmatch(NAME, name) and _is_pipe(place) else ("", given)


def _is_pipe(place: str) -> bool:
    if place == STDIN:
        return True
    try:
        mode = Path(place).stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or (stat.S_ISCHR(mode) and place != os.devnull)


def _copy(place: str, folder: Path) -> Path:
    if place == STDIN and sys.stdin is not None and sys.stdin.isatty():
        raise Refused("the input is this terminal: send a file or a command's output into it, or name a file")
    copy = folder / ("stdin" if place == STDIN else Path(place).name)
    with open(0 if place == STDIN else place, "rb", closefd=place != STDIN) as pipe, copy.open("wb") as file:
        shutil.copyfileobj(pipe, file, 1 << 20)
    return copy
