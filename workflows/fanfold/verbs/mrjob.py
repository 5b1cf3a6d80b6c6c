"""`fanfold mrjob`: run a script that was written for mrjob."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from fanfold.authoring.mrjob.script import ask
from fanfold.authoring.mrjob.steps import compile_script
from fanfold.dependencies.here import with_packages
from fanfold.dependencies.requirements import requirements_of
from fanfold.errors import InvalidJob
from fanfold.foreground.options import PACKAGE_OPTIONS, PARAM_OPTION, RUN_OPTIONS
from fanfold.planning.compiled import CompiledJob
from fanfold.terminal.errors import run_and_exit

_OPTIONS: list[click.Parameter] = [
    click.Argument(["script"], metavar="JOB.py"),
    click.Argument(["own"], nargs=-1, metavar="[-- OPTION…]"),
    click.Option(["--python"], metavar="PATH", help="The Python that has mrjob.  [default: Fanfold's own]"),
    *(option for option in RUN_OPTIONS if option is not PARAM_OPTION),
    *PACKAGE_OPTIONS,
]


@click.command(params=_OPTIONS, short_help="Run a script written for mrjob.")
def mrjob(script: str, own: tuple[str, ...], python: str | None, **options: Any) -> None:
    """Run JOB.py, a script written for mrjob, unchanged: all its steps as one job.

    \b
    fanfold mrjob word_count.py --input texts/ --output counts/
    fanfold mrjob --python ~/mrjob/bin/python top.py --input logs/ --output top/ -- --limit 10 --stop-words-file s.txt

    The job's own options follow after `--`. The parts have the lines that the job's output protocol writes. Combiners,
    commands, filters, protocols, files, counters and sorted values work as in mrjob; steps that need Java or Spark are
    refused. With --on argo, mrjob must be in the pods' image, or come along: --requirements FILE names it.
    """
    run_and_exit(lambda: _run(script, own, python, options))


def compile_mrjob(script: str, own: Sequence[str], python: str | None, *, local: bool) -> CompiledJob:
    """The job that a script describes when it is given its own options.

    Args:
        script: its path.
        own: its options.
        python: the Python that has mrjob; None for the one that runs Fanfold.
        local: whether that Python runs the job's tasks, too; otherwise the workers' own does.

    Raises:
        InvalidJob: the script doesn't describe a job, or one that can't be run.
        InvalidCommand: one of its commands can't be run without a shell.
    """
    interpreter = _interpreter(python)
    return compile_script(ask(Path(script), own, interpreter), interpreter if local else None)


def _interpreter(python: str | None) -> str:
    """The absolute path of a Python. Raises InvalidJob."""
    if python is None:
        return sys.executable
    found = shutil.which(Path(python).expanduser())
    if found is None:
        raise InvalidJob(f"there is no Python {python}: check --python")
    return str(Path(found).absolute())


def _run(script: str, own: Sequence[str], python: str | None, options: dict[str, Any]) -> int:
    from fanfold.foreground.request import target_of
    from fanfold.foreground.run import run_with_options  # not for `fanfold submit --mrjob`, which runs nothing here

    job = compile_mrjob(script, own, python, local=options["on"] == "local")
    job = with_packages(job, requirements_of(script, options["requirements"]), target_of(options))
    return run_with_options(job, {**options, "params": ()})
