"""A job as its Workflow's templates hold it: what is fixed when they are rendered, and what is a parameter."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, cast

from fanfold.definitions.code import code_for
from fanfold.definitions.options import JobOptions, Places
from fanfold.definitions.parameters import Parameters, given_parameters, open_parameters
from fanfold.definitions.places import folder, has_variable, input_parameter, input_parameters
from fanfold.engines.argo.pods import PodSettings
from fanfold.errors import Refused
from fanfold.planning.compiled import CompiledJob
from fanfold.planning.sizing import Sizing, check_sizing
from fanfold_steps.definition.definition import AUTO, Definition
from fanfold_steps.job.spec import JobSpec

LARGEST_DEFINITION = 120 << 10  # bytes: Linux allows one variable of a process 128 KiB
LONGEST_NAME = 50  # of a task and its templates: Argo makes the names of pods from it
_POD_OPTIONS = ("image", "service_account", "s3_secret", "s3_endpoint", "s3_region", "namespace", "deadline")


@dataclass(frozen=True, slots=True)
class DefinedJob:
    """A job in a Workflow that plans itself."""

    definition: Definition
    pods: PodSettings
    parameters: dict[str, str | None]
    """The Workflow's parameters for the job, with their values; None: not known yet."""
    options: tuple[str, ...]
    """The worker's options that take them."""
    workers: int | None
    """The number of map pods; None: it is one of the parameters."""
    partitions: int | None
    """None: it is a parameter, or follows from the size of the input."""


def defined(
    compiled: CompiledJob,
    input: Places | None,
    output: str | None,
    options: Mapping[str, Any],
    *,
    is_open: bool = False,
) -> DefinedJob:
    """A job for a Workflow.

    Args:
        compiled: the job.
        input, output: where its data lie; None: a parameter without a value.
        options: `JobOptions`, and those of a Workflow that matter here.
        is_open: whether the number of workers, and all of the job's parameters, are parameters of the Workflow.

    Raises:
        Refused: something in it can't work, whatever the data.
        StorageError: the code can't be put to where the pods fetch it.
    """
    chosen = cast(JobOptions, options)
    pods = _pods(options)
    workers, partitions = _count(chosen, "workers"), _count(chosen, "partitions")
    check_sizing(Sizing(partitions, chosen.get("split_size"), workers, None), "argo")
    take = open_parameters if is_open else given_parameters
    job_params = take(compiled.model, {**compiled.params, **chosen.get("params", {})})
    inputs = input_parameters(compiled.spec, input, pods)
    is_variable = is_open or workers is None
    parameters = {
        **inputs,
        "output": None if output is None else folder("the output", output, pods),
        "partitions": str(chosen.get("partitions") or AUTO),
        **({"workers": str(chosen.get("workers") or 1)} if is_variable else {}),
        **job_params.values,
    }
    _check_owner(chosen)
    code = code_for(compiled, chosen.get("bundles"), pods, has_image="image" in chosen)
    spec = code.spec
    definition = Definition(
        spec=spec,
        bundle_url=code.bundle_url,
        wheels_url=code.wheels_url,
        store=folder("the store", chosen["store"], pods) if chosen.get("store") else None,
        owner=chosen.get("owner", ""),
        split_size=chosen.get("split_size"),
        memory=chosen.get("memory"),
        in_order=chosen.get("in_order", False),
        params=job_params.kinds,
    )
    _check_size(definition)
    worker_options = _worker_options(spec, job_params, None if is_variable else workers)
    return DefinedJob(definition, pods, parameters, worker_options, None if is_variable else workers, partitions)


def _worker_options(spec: JobSpec, params: Parameters, workers: int | None) -> tuple[str, ...]:
    """The worker's options. Each is one argument, so that a value that begins with a dash is none of its own."""
    return (
        *(f"--input={name + '=' if name else ''}{_variable(input_parameter(name))}" for name in spec.inputs or [""]),
        f"--output={_variable('output')}",
        f"--partitions={_variable('partitions')}",
        f"--workers={_variable('workers') if workers is None else workers}",
        *(f"--param={name}={_variable(parameter)}" for parameter, name in params.names.items()),
    )


def _variable(parameter: str) -> str:
    return f"{{{{inputs.parameters.{parameter}}}}}"


def _pods(options: Mapping[str, Any]) -> PodSettings:
    claim, _, mount = options.get("claim", "").partition(":")
    given = {name: options[name] for name in _POD_OPTIONS if options.get(name) is not None}
    defaults = {"namespace": "fanfold", "image": f"fanfold-steps:{version('fanfold')}"}
    return PodSettings(**{**defaults, **given}, claim=claim or None, mount=mount.rstrip("/") or "/data")


def _count(options: JobOptions, name: str) -> int | None:
    """A number of workers or partitions; None: Argo will fill it in. Raises Refused."""
    value: object = options.get(name)
    if value is None:
        return 1 if name == "workers" else None
    if isinstance(value, str) and (has_variable(value) or (name == "partitions" and value == AUTO)):
        return None
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    if type(value) is int:
        return value
    raise Refused(f"{name} must be a number, or a variable of Argo's, not {value!r:.80}")


def _check_size(definition: Definition) -> None:
    size = len(definition.to_text().encode())
    if size > LARGEST_DEFINITION:
        what = (
            f"the job's description has {size >> 10} KiB, more than the {LARGEST_DEFINITION >> 10} that fit into a pod"
        )
        raise Refused(f"{what}: give it fewer stages, or shorter programs")


def _check_owner(options: JobOptions) -> None:
    owner = options.get("owner", "")
    if owner and not options.get("store"):
        raise Refused(f"the owner {owner!r:.80} has no effect without a service's storage: add its store")
    if owner and not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", owner):
        raise Refused(f"the owner {owner!r:.80} is not the id of a user: `fanfold whoami --json` tells it")


def slug(name: str) -> str:
    """A name as Kubernetes allows it.

    >>> slug("Words per_day!"), slug("…")
    ('words-per-day', 'job')
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-") or "job"


def check_name(what: str, name: str, longest: int = 63) -> str:
    """The name of an object in Kubernetes. Raises Refused."""
    if len(name) > longest or not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name):
        rule = f"up to {longest} lower-case letters, digits and dashes, such as {slug(name)[:longest]}"
        raise Refused(f"{what} can't be called {name!r:.80}: use {rule}")
    return name
