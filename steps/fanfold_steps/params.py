"""A job's parameters: what was given, checked by the job's own pydantic model.

pydantic itself isn't imported here: only a job that has a model brings it along.
"""

from collections.abc import Mapping
from typing import Any

from fanfold_steps.failure import shortened, shown
from fanfold_storage.extras import to_install

NEEDED = f"a job with parameters needs pydantic: {to_install('steps')}, or an image that has it"


class InvalidParams(ValueError):
    """Parameters that don't fit the job; the text names each."""


def validated(model: Any, given: Mapping[str, Any]) -> Any:
    """The model's object of what was given.

    Raises:
        InvalidParams: one is missing, unknown or of the wrong form.
    """
    if unknown := sorted(set(given) - names(model)):
        known = ", ".join(sorted(names(model))) or "none"
        raise InvalidParams(f"there is no parameter {unknown[0]!r}: the job has {known}")
    try:
        return model.model_validate(dict(given))
    except Exception as error:
        raise InvalidParams("; ".join(_problems(error))) from error


def names(model: Any) -> set[str]:
    """The names that a parameter may be given by."""
    fields = model.model_fields.items()
    return {field.validation_alias if isinstance(field.validation_alias, str) else name for name, field in fields}


def _problems(error: Exception) -> list[str]:
    if not callable(getattr(error, "errors", None)):  # a validator of the user's may raise anything
        return [f"the job's parameters were refused: {type(error).__name__}: {error}"]
    return [_problem(found) for found in error.errors()]  # type: ignore[attr-defined]


def _problem(found: Mapping[str, Any]) -> str:
    place = ".".join(map(str, found["loc"]))
    if found["type"] == "missing":
        return f"the parameter {place} is missing: give it, as --param {place}=VALUE"
    told = found["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    told = f"{told[:1].lower()}{told[1:]}"
    where = f"the parameter {place}" if place else "the parameters"
    return shortened(f"{where}: {told}, not {shown(found.get('input'))}", 300)
