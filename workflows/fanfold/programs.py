"""`program(...)`: a command line in the place of a mapper, combiner or reducer."""

from collections.abc import Mapping
from dataclasses import dataclass

from fanfold_steps.programs.checks import check
from fanfold_steps.spec import Program as ProgramSpec


@dataclass(frozen=True, slots=True)
class Program:
    """A program of any language as a part of a job: what `program(...)` gives."""

    spec: ProgramSpec


def program(command: str, *, environment: Mapping[str, str] | None = None, key_fields: int = 1) -> Program:
    r"""A program that reads lines and writes `key TAB value` lines, by the contract of Hadoop Streaming.

    Args:
        command: its name and its arguments, quoted as in a shell, but run without one. Files beside the job's own that
            it names are shipped with the job, and lie in the folder that the program starts in.
        environment: variables it finds beside those of the worker and of the task.
        key_fields: how many fields, each before a tab, are the key by which a mapper's or combiner's lines are sorted.

    Raises:
        InvalidCommand: it is empty, a quote is left open, or it wants a shell.
    """
    spec = ProgramSpec(command, dict(environment or {}), key_fields)
    check(spec)
    return Program(spec)
