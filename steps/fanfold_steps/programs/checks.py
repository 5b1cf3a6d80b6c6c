"""What is looked at before a job with programs is run: in a `Job`, and in a spec that came from outside."""

import re

from fanfold_steps.formats.declared import InputFormat, Text
from fanfold_steps.programs.command import InvalidCommand, can_be_given, words
from fanfold_steps.spec import Program

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check(program: Program) -> None:
    """Raise InvalidCommand unless a program can be started as it is declared."""
    if not isinstance(program.program, str):
        raise InvalidCommand(f"a program is a command line, as program('./words.awk -x'), not {program.program!r:.80}")
    words(program.program)
    if type(program.key_fields) is not int or program.key_fields < 1:
        raise InvalidCommand(f"a key has at least one field, not {program.key_fields!r:.80}")
    for name, value in program.environment.items():
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            raise InvalidCommand(f"a variable's name is letters, digits and _, and begins with no digit; not {name!r}")
        if not isinstance(value, str) or not can_be_given(value):
            raise InvalidCommand(f"the variable {name} must be a text without zero bytes, not {value!r:.80}")


def check_input(format: InputFormat) -> None:
    """Raise InvalidCommand unless a mapper program can read an input of that format: it is given the bytes of lines."""
    if not isinstance(format, Text) or format.encoding:
        what = f"{format.format} in {format.encoding}" if isinstance(format, Text) else format.format
        raise InvalidCommand(f"a program reads lines as they are, so its input is Text(), not {what}")
