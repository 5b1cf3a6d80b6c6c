"""The options of `fanfold submit`: those of `fanfold run`, each as it is or refused with the reason."""

import os
from collections.abc import Mapping
from typing import Any

import click

from fanfold.foreground.options import (
    INCLUDE_OPTION,
    OVERWRITE_OPTION,
    PARAM_OPTION,
    QUIET_OPTION,
    REQUIREMENTS_OPTION,
    SIZING_OPTIONS,
    WORKERS_OPTION,
    JobOptions,
    place_options,
)


class SubmitOptions(JobOptions, total=False):
    """Options of `fanfold submit`, as keyword arguments of `Client.submit`. A test compares the names."""

    name: str
    notify: str
    priority: int
    team: str
    key: str


_OPERATOR = "the service's operator sets that for all jobs"
_REFUSED = {
    "--on": "the service decides where its jobs run",
    "--keep": "the service keeps the tree of every job, until the job is deleted",
    "--namespace": _OPERATOR,
    "--claim": _OPERATOR,
    "--s3-secret": _OPERATOR,
    "--s3-endpoint": _OPERATOR,
    "--s3-region": _OPERATOR,
    "--image-python": "the service says which Python its workers have",
    "--image-platform": "the service says which platform its workers have",
}


def _refuse(ctx: click.Context, option: click.Parameter, given: Any) -> None:
    if given is not None:
        raise click.UsageError(f"{option.opts[0]} is for `fanfold run`: {_REFUSED[option.opts[0]]}; leave it out", ctx)


JOB_OPTIONS: list[click.Parameter] = [
    WORKERS_OPTION,
    *SIZING_OPTIONS,
    PARAM_OPTION,
    INCLUDE_OPTION,
    REQUIREMENTS_OPTION,
    OVERWRITE_OPTION,
    click.Option(["--image"], help="The pods' image, if the service allows it.  [default: the service's own]"),
]
"""What shapes the job itself."""

SUBMIT_OPTIONS: list[click.Parameter] = [
    place_options(required=True)[0],
    click.Option(["--output"], metavar="PLACE", help="Folder for the parts: files:counts/ (default: with the job)."),
    click.Option(["--name"], help="The job's name in lists."),
    *JOB_OPTIONS,
    click.Option(["--notify"], metavar="URL", help="Told when the job has ended, if the operator allows the URL."),
    click.Option(
        ["--priority"],
        type=click.IntRange(-100, 100),
        metavar="N",
        help="Among your own jobs that wait, the highest starts first (for administrators).  [default: 0]",
    ),
    click.Option(["--team"], metavar="GROUP", help="A group of yours, whose members also see the job."),
    QUIET_OPTION,
    *(
        click.Option(
            [name], is_flag=name == "--keep", default=None, expose_value=False, hidden=True, callback=_refuse, help=why
        )
        for name, why in _REFUSED.items()
    ),
]
"""All that `fanfold run` has, too, and the job's name."""

_IN_REQUEST = ("name", "partitions", "workers", "split_size", "memory", "image", "notify", "priority", "team")


def request_fields(values: Mapping[str, Any], output: str | os.PathLike[str] | None) -> dict[str, Any]:
    """The fields of the request's body that follow from options. Raises Refused: the output isn't a place there."""
    fields = {name: values[name] for name in _IN_REQUEST if values.get(name) is not None}
    if output is not None:
        from fanfold_client.files.places import output_place  # loads the HTTP client

        fields["output"] = output_place(os.fspath(output))
    return fields | ({"overwrite": True} if values.get("overwrite") else {})
