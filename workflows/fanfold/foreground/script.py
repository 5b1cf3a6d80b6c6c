"""The command that a job's own script is: `python wordcount.py --input texts/ --output counts/`."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from fanfold.dependencies.here import with_packages
from fanfold.dependencies.requirements import requirements_of
from fanfold.foreground.options import INCLUDE_OPTION, PACKAGE_OPTIONS, RUN_OPTIONS
from fanfold.foreground.request import target_of
from fanfold.foreground.run import run_with_options
from fanfold.planning.compiled import CompiledJob
from fanfold.terminal.console import open_standard_streams
from fanfold.terminal.errors import run_and_exit


def as_written(text: str) -> list[str]:
    """Paragraphs of a text, each marked so that click keeps its lines."""
    return [f"\b\n{paragraph}" for paragraph in re.split(r"\n\s*\n", text) if paragraph]


def run_script(name: str, compile_job: Callable[[Sequence[str]], CompiledJob], about: str) -> NoReturn:
    """Read the script's command line, run the job and end the process.

    Args:
        name: the job's name, for the help.
        compile_job: called with the values of `--include`, once the command line is known to be valid.
        about: what the job does and its parameters, for the help.
    """

    def callback(**options: Any) -> None:
        run_and_exit(lambda: _run(compile_job, options))

    about = "\n\n".join([f"Run the job {name}.", *as_written(about)])
    parameters = [*RUN_OPTIONS, INCLUDE_OPTION, *PACKAGE_OPTIONS]
    command = click.Command(name, params=parameters, callback=callback, help=about)
    open_standard_streams()
    command(prog_name=Path(sys.argv[0]).name)
    raise AssertionError("click ends the process")


def _run(compile_job: Callable[[Sequence[str]], CompiledJob], options: Mapping[str, Any]) -> int:
    asked = requirements_of(sys.argv[0], options["requirements"])  # the script's own imports found what they need
    compiled = with_packages(compile_job(options["include"]), asked, target_of(options))
    return run_with_options(compiled, options)
