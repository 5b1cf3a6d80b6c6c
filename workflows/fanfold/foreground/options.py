"""The options of commands that run or render a job, in the order in which their help lists them."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypedDict

import click

from fanfold.errors import Refused

_UNITS = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "kb": 10**3, "mb": 10**6, "gb": 10**9}


class Size(click.ParamType[int]):
    """A number of bytes, written `64KiB`, `256MiB` or `1GB`."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes. Raises click.BadParameter."""
        match = re.fullmatch(r"(\d+)\s*([A-Za-z]*)", str(value))
        if not match or match[2].lower() not in _UNITS:
            units = "B, KiB, MiB, GiB, KB, MB, GB"
            self.fail(f"{value!r} is not a size; write 64KiB, 256MiB or 1GB (units: {units})", param, ctx)
        return int(match[1]) * _UNITS[match[2].lower()]


JOB = click.Argument(["job"])


def place_options(*, required: bool) -> list[click.Option]:
    """The options for the job's places."""
    about = "File, folder or pattern ('logs/*.gz'). Repeatable. Add NAME= if the job has several inputs."
    inputs = click.Option(["--input", "inputs"], multiple=True, required=required, metavar="[NAME=]PLACE", help=about)
    about = "Folder for the parts; must not exist."
    return [inputs, click.Option(["--output"], required=required, metavar="PLACE", help=about)]


PLACE_OPTIONS = place_options(required=True)

ENGINE_OPTION = click.Option(
    ["--on"], type=click.Choice(["local", "argo"]), default="local", show_default=True, help="Where the job runs."
)

WORKERS_OPTION = click.Option(
    ["--workers"], type=click.IntRange(min=1), help="Worker processes (default: one per core), or map pods on Argo."
)

SIZING_OPTIONS = [
    click.Option(
        ["--partitions"], type=click.IntRange(1, 10_000), help="Parts of the output (default: by input size)."
    ),
    click.Option(["--split-size"], type=Size(), help="Input per map task, such as 16MiB (default: by input size)."),
    click.Option(["--memory"], type=Size(), help="Memory for all workers together (default: half of the machine's)."),
]

PARAM_OPTION = click.Option(
    ["--param", "params"], multiple=True, metavar="NAME=VALUE", help="A parameter of the job. Repeatable."
)

INCLUDE_OPTION = click.Option(
    ["--include"],
    multiple=True,
    metavar="PATH",
    help="File or folder beside the job's file that travels with its code. Repeatable.",
)

REQUIREMENTS_OPTION = click.Option(
    ["--requirements"],
    metavar="FILE",
    help="Packages that the job imports, or a lock file of them, instead of those in its file's # /// script.",
)

PACKAGE_OPTIONS = [
    REQUIREMENTS_OPTION,
    click.Option(["--image-python"], metavar="VERSION", help="The Python of the pods' image.  [default: 3.13]"),
    click.Option(
        ["--image-platform"], metavar="NAME", help="Their platform, for uv.  [default: x86_64-manylinux_2_36]"
    ),
]
"""For jobs in Python files only."""

OVERWRITE_OPTION = click.Option(
    ["--overwrite"], is_flag=True, help="Replace an earlier job's output once the new one is complete."
)

QUIET_OPTION = click.Option(["--quiet"], is_flag=True, help="Show no progress.")

RESULT_OPTIONS = [
    OVERWRITE_OPTION,
    click.Option(["--keep"], is_flag=True, help="Keep the job's tree in OUTPUT/_job."),
    click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object on stdout."),
    QUIET_OPTION,
]

POD_OPTIONS = [
    click.Option(["--namespace"], help="The pods' namespace.  [default: fanfold]"),
    click.Option(["--image"], help="The pods' image.  [default: fanfold-steps of this version]"),
    click.Option(["--claim"], metavar="NAME[:PATH]", help="A PersistentVolumeClaim, mounted at PATH (default: /data)."),
    click.Option(["--s3-secret"], metavar="NAME", help="The Secret with the credentials for s3://… places."),
    click.Option(["--s3-endpoint"], metavar="URL", help="S3 server, as pods see it.  [default: AWS_ENDPOINT_URL]"),
    click.Option(["--s3-region"], metavar="NAME", help="The S3 server's region.  [default: AWS_REGION]"),
]

RUN_OPTIONS: list[click.Parameter] = [
    *PLACE_OPTIONS,
    ENGINE_OPTION,
    WORKERS_OPTION,
    *SIZING_OPTIONS,
    PARAM_OPTION,
    *RESULT_OPTIONS,
    *POD_OPTIONS,
]
"""The options of `fanfold run`, of a job's own script and, beside Hadoop's, of `fanfold streaming`."""


class JobOptions(TypedDict, total=False):
    """What a job may be given wherever it runs, as keyword arguments. Sizes are bytes or `"64MiB"`."""

    workers: int
    partitions: int
    split_size: int | str
    memory: int | str
    params: Mapping[str, Any] | Any
    include: Sequence[str]
    requirements: str | os.PathLike[str]
    overwrite: bool
    image: str


class RunOptions(JobOptions, total=False):
    """The options of `fanfold run` as keyword arguments of `Job.run`. A test compares the names."""

    on: Literal["local", "argo"]
    keep: bool
    quiet: bool
    namespace: str
    claim: str
    s3_secret: str
    s3_endpoint: str
    s3_region: str
    image_python: str
    image_platform: str


def option_values(options: Sequence[click.Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that a command line would give these options, from keyword arguments; defaults for those left out.

    Raises:
        Refused: a value isn't of the option's type; the text is the command's.

    >>> option_values([WORKERS_OPTION, ENGINE_OPTION], {"workers": 4})
    {'workers': 4, 'on': 'local'}
    """
    command = click.Command("run", params=list(options), add_help_option=False)
    values = command.make_context("run", [], resilient_parsing=True).params
    for option in options:
        if (value := given.get(str(option.name))) is not None:
            values[str(option.name)] = _value(option, value)
    return values


def _value(option: click.Parameter, given: Any) -> Any:
    if option.multiple:
        if isinstance(given, str | os.PathLike) or not isinstance(given, Iterable):
            raise Refused(f"{option.name} is a list, such as [{str(given)!r:.80}], not {given!r:.80}")
        return tuple(given)
    if isinstance(option.type, click.types.StringParamType) and not isinstance(given, str | os.PathLike):
        raise Refused(f"{option.name} is a string, not {given!r:.80}")
    if isinstance(option.type, click.types.BoolParamType):
        if not isinstance(given, bool):
            raise Refused(f"{option.name} is True or False, not {given!r:.80}")
        return given
    try:
        return option.type.convert(str(given), option, None)  # of its text, as a number's type would cut off 2.5
    except click.BadParameter as error:
        raise Refused(f"{option.name}: {error.message}") from error
