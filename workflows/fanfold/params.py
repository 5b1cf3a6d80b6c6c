"""Parameters as people give them: `--param least=3`, checked before anything is written."""

from collections.abc import Mapping, Sequence
from typing import Any, get_origin

from fanfold.planner import Refused
from fanfold_steps.params import InvalidParams, validated


def from_options(model: Any, options: Sequence[str]) -> dict[str, Any]:
    """Parameters from `NAME=VALUE`; a name that comes several times, or whose field takes several values, has a list.

    Raises:
        Refused: not of that form, or they don't fit the job.
    """
    given: dict[str, list[str]] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not name or not equals:
            raise Refused(f"a parameter is written NAME=VALUE, not {option!r}")
        given.setdefault(name, []).append(value)
    several = {name for name, values in given.items() if len(values) > 1 or _takes_several(model, name)}
    params = {name: values if name in several else values[0] for name, values in given.items()}
    check(model, params)
    return params


def check(model: Any, params: Mapping[str, Any]) -> None:
    """See that parameters fit a job's model, or that none are given to a job without one. Raises Refused."""
    if model is None:
        if params:
            raise Refused(f"this job takes no parameters, but {next(iter(params))!r} was given: leave it out")
        return
    try:
        validated(model, params)
    except InvalidParams as error:
        raise Refused(str(error)) from error


def _takes_several(model: Any, name: str) -> bool:
    field = model.model_fields.get(name) if model else None
    return field is not None and get_origin(field.annotation) in (list, set, tuple, frozenset)
