"""Options that verbs share: sizes, places, and what a job's pods are given."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fanfold.planner import Refused
from fanfold_steps.inputs import by_name
from fanfold_steps.spec import NAME, Inputs, JobSpec

if TYPE_CHECKING:
    from fanfold.pods import PodSettings

_UNITS = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "kb": 10**3, "mb": 10**6, "gb": 10**9}

_SCHEMES = {"abfs", "abfss", "file", "files", "ftp", "gs", "hdfs", "http", "https", "s3", "s3a", "s3n", "sftp", "wasb"}
"""Of what people have seen elsewhere: at the beginning of a place they aren't meant as a folder's name."""


class Size(click.ParamType[int]):
    """A number of bytes, written `64KiB`, `256MiB` or `1GB`."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        match = re.fullmatch(r"(\d+)\s*([A-Za-z]*)", str(value))
        if not match or match[2].lower() not in _UNITS:
            self.fail(
                f"{value!r} is no size: write it like 64KiB, 256MiB or 1GB (B, KiB, MiB, GiB; KB, MB, GB)", param, ctx
            )
        return int(match[1]) * _UNITS[match[2].lower()]


def place_url(place: str) -> str:
    """A place as a URL: `s3://…` and `file://…` as they are, anything else a path of this machine.

    Raises:
        Refused: it is a URL of another kind.
    """
    scheme, colon, rest = place.partition(":")
    if place.startswith(("file://", "s3://")):
        return place
    if colon and (rest.startswith("//") or scheme in _SCHEMES):
        mend = f"write a path (./{place} for one that is called so), file:///PATH or s3://BUCKET/PATH"
        service = "; files:… lies in the service, which `fanfold submit` hands a job to" if scheme == "files" else ""
        raise Refused(f"nothing can be read or written at {place} here: {mend}{service}")
    return Path(place).absolute().as_uri() + ("/" if place.endswith("/") else "")


def inputs_of(spec: JobSpec, places: Sequence[str], locate: Callable[[str], str] = place_url) -> Inputs:
    """What `--input` gives for a job: places; or `NAME=PLACE`, if the job names its inputs, under those names."""
    if not spec.inputs:
        return [locate(place) for place in places]
    named: dict[str, list[str]] = {}
    for given in places:
        name, equals, place = given.partition("=")
        known = bool(equals and re.fullmatch(NAME, name))
        named.setdefault(name if known else "", []).append(locate(place) if known else given)
    return by_name(spec, named)


def decorated(function: Any, options: Sequence[Any]) -> Any:
    """A command with options, in the order in which they are listed."""
    for option in reversed(options):
        function = option(function)
    return function


PLACE_OPTIONS = [
    click.option(
        "--input",
        "inputs",
        multiple=True,
        required=True,
        metavar="[NAME=]PLACE",
        help="File, folder or pattern, as 'logs/*.gz'; repeatable. NAME where a job has several inputs.",
    ),
    click.option("--output", required=True, metavar="PLACE", help="Folder for the parts; must not exist."),
]
SIZING_OPTIONS = [
    click.option("--partitions", type=click.IntRange(1, 10_000), help="Parts of the output (by the input's size)."),
    click.option("--split-size", type=Size(), help="Input per map task, as 64KiB or 16MiB (by the input's size)."),
    click.option("--memory", type=Size(), help="For all workers together, as 512MiB (half of what there is)."),
]
PARAM_OPTION = click.option(
    "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the job; repeatable."
)
POD_NAMES = ("namespace", "image", "claim", "s3_secret", "s3_endpoint", "s3_region")
POD_OPTIONS = [
    click.option("--namespace", help="Where the pods run.  [default: fanfold]"),
    click.option("--image", help="The steps image  [default: fanfold-steps of this version]"),
    click.option("--claim", metavar="NAME[:PATH]", help="The PersistentVolumeClaim that pods see at PATH (/data)."),
    click.option("--s3-secret", metavar="NAME", help="The Secret with the key to s3://… places."),
    click.option("--s3-endpoint", metavar="URL", help="The S3 server as pods reach it  [default: AWS_ENDPOINT_URL]"),
    click.option("--s3-region", metavar="NAME", help="Its region  [default: AWS_REGION]"),
]


def pod_settings(options: Mapping[str, Any]) -> "PodSettings":
    """What `POD_OPTIONS` ask for."""
    from fanfold.pods import PodSettings

    claim, _, mount = (options["claim"] or "").partition(":")
    return PodSettings(
        namespace=options["namespace"] or "fanfold",
        image=options["image"] or f"fanfold-steps:{version('fanfold')}",
        claim=claim or None,
        mount=mount.rstrip("/") or "/data",
        s3_secret=options["s3_secret"],
        s3_endpoint=options["s3_endpoint"] or (os.environ.get("AWS_ENDPOINT_URL") if options["s3_secret"] else None),
        s3_region=options["s3_region"] or (os.environ.get("AWS_REGION") if options["s3_secret"] else None),
    )
