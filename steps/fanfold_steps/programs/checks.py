"""Checks of a job's programs before it runs, both for a `Job` and for a spec from outside."""

import re

from fanfold_steps.job.formats import Delimited, InputFormat, Text, Whole
from fanfold_steps.job.spec import Program
from fanfold_steps.programs.command import InvalidCommand, can_be_passed, words

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check(program: Program) -> None:
    """Raise InvalidCommand unless a program's declaration is valid."""
    if not isinstance(program.program, str):
        raise InvalidCommand(f"a program is a command line: program('./words.awk -x'), not {program.program!r:.80}")
    words(program.program)  # raises for an invalid command line
    if type(program.key_fields) is not int or program.key_fields < 1:
        raise InvalidCommand(f"a key has at least one field, not {program.key_fields!r:.80}")
    for what, text in (("a separator", program.separator), ("a joint", program.joint)):
        if not isinstance(text, str) or not text or "\n" in text:
            raise InvalidCommand(f"{what} is a string of at least one character without line breaks, not {text!r:.80}")
    if program.feed_lines is not None and (type(program.feed_lines) is not int or program.feed_lines < 1):
        raise InvalidCommand(f"a process reads at least one line, not {program.feed_lines!r:.80}")
    for name, value in program.environment.items():
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            what = "a variable's name consists of letters, digits and _, and doesn't begin with a digit"
            raise InvalidCommand(f"{what}: {name!r}")
        if not isinstance(value, str) or not can_be_passed(value):
            raise InvalidCommand(f"the variable {name} must be a string without zero bytes, not {value!r:.80}")


def check_input(format: InputFormat, feed: str = "lines") -> None:
    """Raise InvalidCommand unless a mapper program can read an input of that format, as lines or as whole files."""
    if feed == "path":
        if not isinstance(format, Whole):
            raise InvalidCommand(f"a program that takes a file's path needs the input Whole(), not {format.format}")
    elif not isinstance(format, Text if feed == "numbered lines" else Text | Delimited) or format.encoding:
        what = f"{format.format} in {format.encoding}" if isinstance(format, Text | Delimited) else format.format
        raise InvalidCommand(f"a program reads unchanged lines, so its input must be Text(), not {what}")
