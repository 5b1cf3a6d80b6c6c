"""Check a JobSpec that came from outside, and publish its JSON Schema."""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

from fanfold.rules import job_problems
from fanfold.side_files import leaves
from fanfold.spec_problems import told
from fanfold_steps.spec import Batch, Function, JobSpec

_ADAPTER = TypeAdapter(JobSpec)
_NAME = r"[^\W\d]\w*(\.[^\W\d]\w*)*"
_REFERENCE = re.compile(f"{_NAME}:{_NAME}")


class InvalidSpec(ValueError):
    """Not a JobSpec; the text names each wrong place as a path (`stages.0.map.function: …`)."""


def parse(data: dict[str, Any]) -> JobSpec:
    """A JobSpec from JSON that anyone may have written.

    Raises:
        InvalidSpec: a field is missing, unknown or of the wrong form, or the parts don't fit together.
    """
    try:
        spec = _ADAPTER.validate_python(data, strict=False, extra="forbid")
    except ValidationError as error:
        raise InvalidSpec(f"not a JobSpec: {told(error.errors())}") from error
    if bool(spec.entry) == bool(spec.stages):
        raise InvalidSpec("a JobSpec has either `stages` or an `entry` (`module:name` of a Job), not both or neither")
    if spec.bundle is not None and not re.fullmatch(r"[0-9a-f]{64}", spec.bundle):
        raise InvalidSpec(f"bundle: a SHA-256 in 64 lower-case hex digits, not {spec.bundle!r:.80}")
    for reference in _references(spec):
        if not _REFERENCE.fullmatch(reference):
            raise InvalidSpec(f"a function is named as module:name, not {reference!r:.80}")
    if problem := next(job_problems(spec), None):
        raise InvalidSpec(": ".join(problem))
    _check_side_files(spec)
    return spec


def _check_side_files(spec: JobSpec) -> None:
    """Those of a `Job` are packed with it; a bundle that comes by itself must hold them."""
    if spec.files and spec.bundle is None:
        raise InvalidSpec("files: side files lie in the bundle, but the spec names none")
    for name, path in spec.files.items():
        if leaves(path):
            what = f"the side file {name} lies in the bundle, by a path like lists/stop.txt"
            raise InvalidSpec(f"files: {what}, not at {path!r:.80}")


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
            elif isinstance(part, Batch):
                yield part.batch


def to_json(spec: JobSpec) -> str:
    """A spec in the form that `parse` takes."""
    return _ADAPTER.dump_json(spec).decode()


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a JobSpec (draft 2020-12)."""
    return _ADAPTER.json_schema()
