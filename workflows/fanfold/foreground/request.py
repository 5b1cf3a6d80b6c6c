"""What a command asks for: its options as places, sizes and pod settings."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from fanfold.foreground.options import POD_OPTIONS
from fanfold.foreground.places import folder_url, inputs_of
from fanfold.planning.sizing import Sizing
from fanfold_steps.job.spec import Inputs, JobSpec

if TYPE_CHECKING:
    from fanfold.dependencies.targets import Target
    from fanfold.engines.argo.pods import PodSettings


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run of a job, as its options ask for it. `pods` is set for a run on Argo only."""

    inputs: Inputs
    output: str
    sizing: Sizing
    pods: "PodSettings | None" = None
    keep: bool = False
    overwrite: bool = False
    json: bool = False
    quiet: bool = False
    in_python: bool = False
    """Whether `Job.run` asks, and not a command: then advice is given in Python's terms."""
    is_temporary: bool = False
    """Whether the output is removed if the job is interrupted, so that nothing can be resumed."""

    @classmethod
    def from_options(cls, spec: JobSpec, options: Mapping[str, Any]) -> "RunRequest":
        """The request that the values of `RUN_OPTIONS` make for a job.

        Raises:
            Refused, InvalidInputs: a place or an input's name is wrong.
            click.UsageError: options contradict each other.
        """
        given = [option for option in POD_OPTIONS if options[str(option.name)] is not None]
        if options["on"] == "local" and given:
            raise click.UsageError(f"{given[0].opts[0]} only applies to pods: add --on argo")
        return cls(
            inputs=inputs_of(spec, options["inputs"]),
            output=folder_url(options["output"]),
            sizing=sizing_of(options),
            pods=pod_settings(options) if options["on"] == "argo" else None,
            keep=options["keep"],
            overwrite=options["overwrite"],
            json=options["as_json"],
            quiet=options["quiet"],
        )


def sizing_of(options: Mapping[str, Any]) -> Sizing:
    """The sizes that `SIZING_OPTIONS` and `--workers` fix."""
    return Sizing(options["partitions"], options["split_size"], options["workers"], options["memory"])


def target_of(options: Mapping[str, Any]) -> "Target":
    """The Python and the platform of the workers: those of this machine, or of the pods' image.

    Raises:
        Refused: there is no such platform, or Python.
        click.UsageError: the options contradict each other.
    """
    from fanfold.dependencies.targets import STEPS_IMAGE, target, this_machine

    if options.get("on") == "local":
        for name in ("image_python", "image_platform"):
            if options[name] is not None:
                raise click.UsageError(f"--{name.replace('_', '-')} only applies to pods: add --on argo")
        return this_machine()
    return target(options["image_python"] or STEPS_IMAGE.python, options["image_platform"] or STEPS_IMAGE.platform)


def pod_settings(options: Mapping[str, Any]) -> "PodSettings":
    """What `POD_OPTIONS` ask for, with their defaults."""
    from importlib.metadata import version

    from fanfold.engines.argo.pods import PodSettings

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
