"""`fanfold run JOB`: run a job in the foreground, without services: on this machine, or as pods."""

from pathlib import Path
from typing import Any

import click

from fanfold import builtin
from fanfold.foreground.options import INCLUDE_OPTION, JOB, RUN_OPTIONS
from fanfold.foreground.run import run_with_options
from fanfold.resolve import explained, resolve
from fanfold.terminal.errors import run_and_exit


def _builtin_jobs() -> str:
    """The built-in jobs with a line each, for the end of the help."""
    lines = [f"  {name:<10} {builtin.summary(name)}" for name in builtin.names()]
    return "\b\n" + "\n".join(["Built-in jobs:", *lines])


class _Run(click.Command):
    """`run NAME --help` explains the built-in job, `run FILE.py --help` its job, `run --help` the command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Look for a built-in job's name before click prints the command's help."""
        if {"-h", "--help"}.intersection(args) and (named := set(args).intersection(builtin.names())):
            click.echo(builtin.explained(named.pop()))
            ctx.exit()
        files = [word for word in args if word.endswith(".py") and Path(word).is_file()]
        if {"-h", "--help"}.intersection(args) and files:
            click.echo(explained(files[0]) or f"{files[0]} has no docstring and no parameters.")
            click.echo("\n`fanfold run --help` lists the options.")
            ctx.exit()
        return super().parse_args(ctx, args)


@click.command(
    cls=_Run,
    params=[JOB, *RUN_OPTIONS, INCLUDE_OPTION],
    short_help="Run a job on this machine.",
    epilog=_builtin_jobs(),
)
def run(job: str, **options: Any) -> None:
    """Run JOB, a built-in job or a Python file, on this machine or, without the services, on a cluster.

    \b
    fanfold run wordcount --input texts/ --output counts/
    fanfold run wordcount.py --input a.txt --input b.txt --output counts/ --workers 4
    fanfold run wordcount --on argo --s3-secret fanfold-s3 --input s3://texts/ --output s3://counts/

    If interrupted, run the same command again to resume. With --on argo, both the pods and this machine must be able
    to reach every PLACE; KUBECONFIG selects the cluster.
    """
    run_and_exit(lambda: run_with_options(resolve(job, options["include"]), options))
