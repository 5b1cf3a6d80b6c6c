"""Parse a JobSpec from JSON that anyone may have written, and publish its JSON Schema."""

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

from fanfold.rules.dependencies import dependency_problems
from fanfold.rules.job_rules import job_problems
from fanfold.rules.side_files import leaves_bundle
from fanfold.rules.spec_problems import describe_errors
from fanfold_steps.job.spec import BatchFunction, Function, JobSpec

_ADAPTER = TypeAdapter(JobSpec)
_NAME = r"[^\W\d]\w*(\.[^\W\d]\w*)*"
_MODULE = r"[^\W\d]\w*(\.[^\W\d]\w*)*|[^.:/\\\x00-\x1f\x7f]+"  # a module's file may have any name: `my-job.py`
_REFERENCE = re.compile(f"({_MODULE}):{_NAME}")


class InvalidSpec(ValueError):
    """Not a JobSpec. The message gives the path of each wrong field (`stages.0.map.function: …`)."""


def parse(data: dict[str, Any]) -> JobSpec:
    """A JobSpec from parsed JSON.

    Raises:
        InvalidSpec: a field is missing, unknown or of the wrong type, or the fields contradict each other.
    """
    try:
        # Strict, so that `true` and "3" don't pass for numbers.
        spec = _ADAPTER.validate_json(json.dumps(data), strict=True, extra="forbid")
    except ValidationError as error:
        raise InvalidSpec(f"not a JobSpec: {describe_errors(error.errors())}") from error
    if bool(spec.entry) == bool(spec.stages):
        raise InvalidSpec(
            "a JobSpec has either `stages` or an `entry` (the `module:name` of a Job), not both or neither"
        )
    if spec.bundle is not None and not re.fullmatch(r"[0-9a-f]{64}", spec.bundle):
        raise InvalidSpec(f"bundle: must be a SHA-256 in 64 lower-case hex digits, not {spec.bundle!r:.80}")
    for reference in _references(spec):
        if not _REFERENCE.fullmatch(reference):
            raise InvalidSpec(f"a function is written module:name, not {reference!r:.80}")
    if problem := next(job_problems(spec), None):
        raise InvalidSpec(": ".join(problem))
    _check_side_files(spec)
    if spec.dependencies and (problem_of := next(dependency_problems(spec.dependencies), None)):
        raise InvalidSpec(f"dependencies: {problem_of}")
    return spec


def _check_side_files(spec: JobSpec) -> None:
    """A `Job` packs its side files itself; a bundle that somebody else packed must contain them."""
    if spec.files and spec.bundle is None:
        raise InvalidSpec("files: side files lie in the bundle, but the spec names no bundle")
    for name, path in spec.files.items():
        if leaves_bundle(path):
            what = f"the path of side file {name} must lie inside the bundle, like lists/stop.txt"
            raise InvalidSpec(f"files: {what}, not {path!r:.80}")


def _references(spec: JobSpec) -> Iterator[str]:
    if spec.entry:
        yield spec.entry
    if spec.params:
        yield spec.params.function
    for named in spec.inputs.values():
        if isinstance(named.map, Function):
            yield named.map.function
    for stage in spec.stages:
        for part in (stage.map, stage.reduce, stage.combine, stage.partition):
            if isinstance(part, Function):
                yield part.function
            elif isinstance(part, BatchFunction):
                yield part.batch


def to_json(spec: JobSpec) -> str:
    """A spec as JSON, in the form that `parse` accepts."""
    return _ADAPTER.dump_json(spec).decode()


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a JobSpec (draft 2020-12)."""
    return _ADAPTER.json_schema()
