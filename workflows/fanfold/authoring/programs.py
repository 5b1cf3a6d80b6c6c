"""`program(...)`: a command line in place of a mapper, combiner or reducer function."""

from collections.abc import Mapping
from dataclasses import dataclass

from fanfold_steps.job.spec import Program as ProgramSpec
from fanfold_steps.programs.checks import check


@dataclass(frozen=True, slots=True)
class Program:
    """A program in any language as a part of a job, made by `program(...)`."""

    spec: ProgramSpec


def program(command: str, *, environment: Mapping[str, str] | None = None, key_fields: int = 1) -> Program:
    r"""A program that reads lines and writes `key TAB value` lines, following Hadoop Streaming's contract.

    Args:
        command: the program and its arguments, quoted as in a shell, but run without one. Files next to the job's own
            file that the command names are shipped with the job, into the folder where the program starts.
        environment: environment variables, in addition to those of the worker and the task.
        key_fields: how many tab-separated fields form the key by which a mapper's or combiner's lines are sorted.

    Raises:
        InvalidCommand: the command is empty, a quote is left open, or it needs a shell.
    """
    spec = ProgramSpec(command, dict(environment or {}), key_fields)
    check(spec)
    return Program(spec)
