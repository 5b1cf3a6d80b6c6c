"""Asks an mrjob script what its job is. It runs under the script's own interpreter, which need not have Fanfold.

    python probe.py ANSWER SCRIPT [OPTION…]

The script is run as `python SCRIPT OPTION…` would be, but where it would start its job, the job is described instead,
as JSON in the file ANSWER. mrjob up to 0.6 prints its steps for `--steps`, but later versions don't, and neither tells
about files and formats. All versions have in common that a job run from the command line calls its method `run_job`.
"""

import json
import os
import runpy
import sys
from typing import Any, NoReturn

NO_MRJOB = 65
"""The exit status if mrjob can't be imported."""


def describe(job: Any) -> dict[str, Any]:
    """The job as plain data."""
    return {
        "name": type(job).__name__,
        "steps": [step.description(number) for number, step in enumerate(job.steps())],
        "arguments": job._non_option_kwargs()["extra_args"],
        "places": job.options.args,
        "options": _own_options(job),
        "jobconf": job.jobconf(),
        "sort_values": bool(job.sort_values()),
        "partitioner": job.partitioner(),
        "input_format": job.hadoop_input_format(),
        "output_format": job.hadoop_output_format(),
        "libjars": list(job.libjars()),
        "files": list(job.files()),
        "dirs": list(job.dirs()),
        "archives": list(job.archives()),
    }


def _own_options(job: Any) -> dict[str, Any]:
    """mrjob's own options that aren't at their defaults, by attribute: how the option is written, and its value."""
    flags = {action.dest: (action.option_strings or [action.dest])[-1] for action in job.arg_parser._actions}
    of_script = job._passthru_arg_dests | job._file_arg_dests | {"args"}
    return {
        dest: [flags[dest], value]
        for dest, value in vars(job.options).items()
        if dest in flags and dest not in of_script and value != job.arg_parser.get_default(dest)
    }


def main() -> None:
    """Run the script up to where its job would start."""
    answer, script = sys.argv[1:3]
    sys.argv[:] = sys.argv[2:]
    sys.path[0] = os.path.dirname(os.path.realpath(script))  # noqa: PTH120
    try:
        from mrjob.job import MRJob
    except ImportError as error:
        print(error, file=sys.stderr)
        sys.exit(NO_MRJOB)

    def answer_instead(job: Any) -> None:
        with open(answer, "w") as file:  # noqa: PTH123
            json.dump(describe(job), file, default=str)

    def refuse(job: Any) -> NoReturn:
        sys.exit(f"the script starts its job by itself, with make_runner(): let it call {type(job).__name__}.run()")

    MRJob.run_job = answer_instead
    MRJob.make_runner = refuse
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
