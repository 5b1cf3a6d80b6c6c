"""A job's parameters, checked by the job's own pydantic model.

pydantic isn't imported here: only a job that has a model imports it.
"""

from collections.abc import Mapping
from typing import Any

from fanfold_steps.failure.wording import shortened, shown
from fanfold_storage.extras import to_install

NEEDED = f"a job with parameters needs pydantic: {to_install('steps')}, or an image that has it"


class InvalidParams(ValueError):
    """Parameters that don't fit the job; the text names each."""


def validated(model: Any, params: Mapping[str, Any]) -> Any:
    """An instance of the model with these parameters.

    Raises:
        InvalidParams: one is missing, unknown or invalid.
    """
    if unknown := sorted(set(params) - names(model)):
        known = ", ".join(sorted(names(model))) or "none"
        raise InvalidParams(f"there is no parameter {unknown[0]!r}: the job has {known}")
    try:
        return model.model_validate(dict(params))
    except Exception as error:
        raise InvalidParams("; ".join(_problems(error))) from error


def names(model: Any) -> set[str]:
    """The names of the parameters, as users write them."""
    fields = model.model_fields.items()
    return {field.validation_alias if isinstance(field.validation_alias, str) else name for name, field in fields}


def _problems(error: Exception) -> list[str]:
    if not callable(getattr(error, "errors", None)):  # a validator of the user's may raise anything
        return [f"the job's parameters were refused: {type(error).__name__}: {error}"]
    return [_problem(detail) for detail in error.errors()]  # type: ignore[attr-defined]


def _problem(detail: Mapping[str, Any]) -> str:
    name = ".".join(map(str, detail["loc"]))
    if detail["type"] == "missing":
        return f"the parameter {name} is missing: give it, as --param {name}=VALUE"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = f"{message[:1].lower()}{message[1:]}"
    where = f"the parameter {name}" if name else "the parameters"
    return shortened(f"{where}: {message}, not {shown(detail.get('input'))}", 300)
