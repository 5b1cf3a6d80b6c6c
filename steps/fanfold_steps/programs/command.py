"""A program's command line: its words, and the file that it starts."""

import os
import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from fanfold_steps.failure.wording import shortened

LONGEST_SHOWN = 200  # characters
_QUOTED = re.compile(r"""\\.|'[^']*'|"(?:\\.|[^"\\])*\"""", re.DOTALL)
_SHELLS = re.compile(r"[|<>;&\n]")


class InvalidCommand(ValueError):
    """An invalid command line; the text says why, and how to fix it."""


class NoProgram(Exception):
    """The program of a command line doesn't exist, or can't be started; the text says why."""


def words(command: str) -> list[str]:
    r"""The words of a command line, quoted as in a shell. No shell runs it, so shell operators are refused.

    Raises:
        InvalidCommand: it is empty, a quote isn't closed, or it needs a shell.

    >>> words("awk -F'|' '{ print $1; }'")
    ['awk', '-F|', '{ print $1; }']
    """
    if sign := _SHELLS.search(_QUOTED.sub("", command.strip())):
        operator = "a line break" if sign[0] == "\n" else sign[0]
        mend = "quote it, or write sh -c '…'"
        raise InvalidCommand(f"{shown(command)} is run without a shell, so {operator} has no meaning: {mend}")
    try:
        split = shlex.split(command)
    except ValueError as error:
        raise InvalidCommand(f"{shown(command)} isn't a command line: {str(error).lower()}") from error
    if not split or not split[0]:
        raise InvalidCommand("the command line is empty: write a program's name, then its arguments")
    if not can_be_passed(command):
        what = "contains a zero byte or half a character, which can't be passed to a program"
        raise InvalidCommand(f"{shown(command)} {what}")
    return split


def can_be_passed(text: str) -> bool:
    """Whether a text can be an argument or an environment variable of a program."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def shown(command: str) -> str:
    """A command line as text for an error message."""
    return f"`{shortened(command.strip(), LONGEST_SHOWN)}`"


def find(name: str, folder: Path, path: str) -> str:
    """The file that a command's first word names: one of the job's own files in `folder`, or a program on `path`.

    As in Hadoop, a job's file takes precedence over a program of the same name, and is made executable.

    Raises:
        NoProgram: there is none.
    """
    own = folder / name
    if not name.startswith("/") and own.is_file():
        if not os.access(own, os.X_OK):
            own.chmod(own.stat().st_mode | 0o111)
        return str(own)
    file = name if name.startswith("/") and own.is_file() else None if "/" in name else shutil.which(name, path=path)
    if file is None:
        where = "" if "/" in name else f" among the job's files or on PATH ({path})"
        mend = "Ship it with the job, or install it where the workers run (for pods, in their image)"
        raise NoProgram(f"there is no program {name!r}{where}. {mend}")
    return file


def why_not(error: OSError, file: str, arguments: Sequence[str]) -> str:
    """Why a file that exists couldn't be started."""
    if isinstance(error, FileNotFoundError):
        with Path(file).open("rb") as script:
            first = script.readline(200)
        interpreter = first.decode("utf-8", "replace").removesuffix("\n")
        return f"{arguments[0]} begins with {interpreter!r}, and there is no such interpreter where the workers run"
    if isinstance(error, PermissionError):
        return f"{arguments[0]} isn't executable: chmod +x {arguments[0]}"
    if error.errno == 8:
        return f"{arguments[0]} isn't a program: begin a script with a line that names its interpreter, as #!/bin/sh"
    return f"{error.strerror or error}"
