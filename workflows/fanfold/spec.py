"""Check a JobSpec that came from outside, and publish its JSON Schema."""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from fanfold_steps.spec import JobSpec

_ADAPTER = TypeAdapter(JobSpec)


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
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InvalidSpec(f"not a JobSpec: {problems}") from error
    if bool(spec.entry) == bool(spec.stages):
        raise InvalidSpec("a JobSpec has either `stages` or an `entry` (`module:name` of a Job), not both or neither")
    if len(spec.stages) > 1:
        raise InvalidSpec("several stages are not supported yet: submit one job for each")
    return spec


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a JobSpec (draft 2020-12)."""
    return _ADAPTER.json_schema()
