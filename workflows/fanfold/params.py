"""Parameters as people give them: `--param least=3`, checked before anything is written."""

from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from fanfold.planner import Refused
from fanfold_steps.params import InvalidParams, validated

_SEVERAL = {list, set, tuple, frozenset}
_ONE = {bool, int, float, str, bytes, NoneType}


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
    for name in several:
        if _takes_one(model, name):
            raise Refused(f"the parameter {name} takes one value, but was given {len(given[name])} times: give it once")
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
    return field is not None and not _SEVERAL.isdisjoint(_kinds(field.annotation))


def _takes_one(model: Any, name: str) -> bool:
    field = model.model_fields.get(name) if model else None
    return field is not None and _ONE.issuperset(_kinds(field.annotation))


def _kinds(annotation: Any) -> set[Any]:
    """What a field may be, `list[str] | None` a list or None.

    >>> sorted(kind.__name__ for kind in _kinds(list[str] | None))
    ['NoneType', 'list']
    """
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return set().union(*map(_kinds, get_args(annotation)))
    return {origin or annotation}
