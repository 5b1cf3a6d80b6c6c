"""`fanfold run JOB`: run a job in the foreground, without services: on this machine, or as pods."""

from typing import Any

import click

from fanfold import builtin
from fanfold.dependencies.here import use_here, with_packages
from fanfold.dependencies.requirements import requirements_of
from fanfold.foreground.options import INCLUDE_OPTION, JOB, PACKAGE_OPTIONS, RUN_OPTIONS
from fanfold.foreground.request import target_of
from fanfold.foreground.run import run_with_options
from fanfold.resolve import resolve
from fanfold.terminal.errors import run_and_exit
from fanfold.verbs.job_help import JobHelp


def _builtin_jobs() -> str:
    """The built-in jobs with a line each, for the end of the help."""
    lines = [f"  {name:<10} {builtin.summary(name)}" for name in builtin.names()]
    return "\b\n" + "\n".join(["Built-in jobs:", *lines])


@click.command(
    cls=JobHelp,
    params=[JOB, *RUN_OPTIONS, INCLUDE_OPTION, *PACKAGE_OPTIONS],
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

    def run_job() -> int:
        asked = requirements_of(job, options["requirements"])
        use_here(asked)
        compiled = resolve(job, options["include"])
        return run_with_options(with_packages(compiled, asked, target_of(options)), options)

    run_and_exit(run_job)
