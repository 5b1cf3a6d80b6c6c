"""Which job a request means: a built-in one, one in a bundle, or one written out as a spec."""

import json
import re
from dataclasses import replace

from fanfold import builtin
from fanfold import errors as job_errors
from fanfold.planning import params
from fanfold.rules import spec as spec_rules
from fanfold_steps.job.spec import JobSpec
from fanfold_submit.jobs.request import Builtin, Entry, JobRequest, Spec, checked_name
from fanfold_submit.refusals import InvalidParams, InvalidSpec, UnknownJob


def job_spec(request: JobRequest) -> JobSpec:
    """The spec of the requested job, with its name. Raises UnknownJob, InvalidSpec."""
    job = request.job
    try:
        if isinstance(job, Builtin):
            spec = builtin.find(job.builtin)
        elif isinstance(job, Entry):
            spec = spec_rules.parse({"bundle": job.bundle, "entry": job.entry})
        else:
            spec = spec_rules.parse(job.spec)
        asked = {"resources": request.resources, "image": request.image}
        if given := {name: value for name, value in asked.items() if value is not None}:
            spec = spec_rules.parse({**json.loads(spec_rules.to_json(spec)), **given})
    except job_errors.UnknownJob as error:
        raise UnknownJob(str(error)) from None
    except spec_rules.InvalidSpec as error:
        raise InvalidSpec(str(error)) from None
    if spec.bundle is not None and not re.fullmatch("[0-9a-f]{64}", spec.bundle):
        raise InvalidSpec(f"the spec's bundle is the SHA-256 of a zip in hex, not {spec.bundle[:80]!r}")
    return replace(spec, name=request.name or _default_name(job, spec))


def check_params(request: JobRequest, spec: JobSpec) -> None:
    """Check the parameters as far as that needs no code of users; the first worker checks the rest.

    Raises InvalidParams.
    """
    try:
        if isinstance(request.job, Builtin):
            params.check(builtin.load(request.job.builtin).params, request.params)
        elif isinstance(request.job, Spec) and spec.stages and not spec.params:
            params.check(None, request.params)
    except job_errors.Refused as error:
        detail = str(error)
        raise InvalidParams(f"{detail[:1].upper()}{detail[1:]}.") from None


def _default_name(job: Builtin | Entry | Spec, spec: JobSpec) -> str:
    if isinstance(job, Builtin):
        return job.builtin
    if isinstance(job, Entry):
        return job.entry.partition(":")[0]
    try:
        return checked_name(spec.name)
    except ValueError as error:
        raise InvalidSpec(f"name: {error}") from None
