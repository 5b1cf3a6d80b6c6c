"""What a command asks for, as the options of a Workflow that plans itself."""

from collections.abc import Mapping
from typing import Any

from fanfold.errors import Refused
from fanfold.foreground.places import folder_url, inputs_of, place_url
from fanfold.foreground.request import pod_settings
from fanfold.planning.compiled import CompiledJob
from fanfold.planning.params import unchecked
from fanfold_steps.job.spec import Inputs, JobSpec

_AS_THEY_ARE = ("workers", "partitions", "split_size", "memory", "in_order", "bundles", "store", "owner")


def places_of(spec: JobSpec, options: Mapping[str, Any]) -> tuple[Inputs | None, str | None]:
    """The URLs of the inputs and the output; None if they aren't given. Raises Refused, InvalidInputs."""
    inputs = inputs_of(spec, options["inputs"], _place_url) if options["inputs"] else None
    output = options["output"]
    return inputs, output and (output if output.startswith("{{") else folder_url(_checked(output)))


def job_options(compiled: CompiledJob, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of `fanfold.definitions.options.WorkflowOptions` that are given on the command line."""
    pods = pod_settings(options)
    given = {name: options[name] for name in _AS_THEY_ARE if options[name]}
    given |= {name: options[name] for name in ("image", "claim", "s3_secret") if options[name]}
    given |= {"namespace": pods.namespace, "s3_endpoint": pods.s3_endpoint, "s3_region": pods.s3_region}
    return {**given, "params": unchecked(compiled.model, options["params"])}


def _place_url(place: str) -> str:
    """A place as a URL; one that is a variable of Argo's stays as it is. Raises Refused."""
    return place if place.startswith("{{") else place_url(_checked(place))


def _checked(place: str) -> str:
    if "{{" in place and not place.startswith(("s3://", "file://")):
        raise Refused(f"{place} has a variable in it, so it must be a URL: write s3://BUCKET/PATH or file:///PATH")
    return place
