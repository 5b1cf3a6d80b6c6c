"""A job's parameters as given on the command line (`--param least=3`), checked before anything is written."""

from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from fanfold.errors import Refused
from fanfold_steps.user_code.params import InvalidParams, validated

_COLLECTIONS = {list, set, tuple, frozenset}
_SCALARS = {bool, int, float, str, bytes, NoneType}


def from_options(model: Any, options: Sequence[str]) -> dict[str, Any]:
    """Parameters from `NAME=VALUE`, checked.

    Raises:
        Refused: an option isn't of that form, or the parameters don't fit the job's model.
    """
    params = unchecked(model, options)
    check(model, params)
    return params


def unchecked(model: Any, options: Sequence[str]) -> dict[str, Any]:
    """Parameters from `NAME=VALUE`. A name given several times, or whose field is a collection, becomes a list.

    Raises:
        Refused: an option isn't of that form.
    """
    given: dict[str, list[str]] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not name or not equals:
            raise Refused(f"a parameter is written NAME=VALUE, not {option!r}")
        given.setdefault(name, []).append(value)
    params: dict[str, Any] = {}
    for name, values in given.items():
        types = _types_of_field(model, name)
        if len(values) > 1 and types and types <= _SCALARS:
            raise Refused(f"the parameter {name} takes one value, but was given {len(values)} times: give it once")
        params[name] = values if len(values) > 1 or types & _COLLECTIONS else values[0]
    return params


def from_values(model: Any, given: Any) -> dict[str, Any]:
    """Parameters from values of Python: a mapping by name, or an instance of the job's model.

    They become what JSON has, as pydantic writes it (a date becomes text, a set a list); workers validate them anew.

    Raises:
        Refused: JSON has no form for one, or they don't fit the job's model.
    """
    if not isinstance(given, Mapping) and not (model and isinstance(given, model)):
        kind = f"{model.__name__}(…)" if model else "nothing, as this job takes no parameters"
        raise Refused(f"params is a dict by name, or {kind}, not {given!r:.80}")
    if not given:
        check(model, {})
        return {}
    from pydantic_core import PydanticSerializationError, to_jsonable_python

    try:
        params = dict(to_jsonable_python(given))
    except PydanticSerializationError as error:
        raise Refused(f"the parameters can't be kept as JSON, in which they travel: {error}") from error
    check(model, params)
    return params


def check(model: Any, params: Mapping[str, Any]) -> None:
    """Check parameters against a job's model; a job without a model takes none.

    Raises:
        Refused: they don't fit.
    """
    if model is None:
        if params:
            raise Refused(f"this job takes no parameters, but {next(iter(params))!r} was given: leave it out")
        return
    try:
        validated(model, params)
    except InvalidParams as error:
        raise Refused(str(error)) from error


def takes_plain_text(model: Any, name: str) -> bool:
    """Whether the value of a parameter can be given as a text that isn't JSON."""
    types = _types_of_field(model, name)
    return bool(types) and not types & {*_COLLECTIONS, dict} and all(not hasattr(one, "model_fields") for one in types)


def described(model: Any) -> list[str]:
    """A line of help for each parameter of a job's model."""
    lines = []
    for name, field in (model.model_fields if model else {}).items():
        default = "required" if field.is_required() else f"default: {field.default}"
        lines.append(f"  --param {name}=…  {field.description or ''} ({default})".replace("  (", " ("))
    return lines


def _types_of_field(model: Any, name: str) -> set[Any]:
    """The types that a model's field accepts; empty if there is no such field."""
    field = model.model_fields.get(name) if model else None
    return _alternatives(field.annotation) if field else set()


def _alternatives(annotation: Any) -> set[Any]:
    """The types of a union, without their arguments.

    >>> sorted(kind.__name__ for kind in _alternatives(list[str] | None))
    ['NoneType', 'list']
    """
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return set().union(*map(_alternatives, get_args(annotation)))
    return {origin or annotation}
