"""The parameters of a job as parameters of a Workflow, whose values are texts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fanfold.definitions.places import has_variable
from fanfold.errors import Refused
from fanfold.planning.params import check, takes_plain_text
from fanfold_steps.definition.definition import ParamKind

RESERVED = {"input", "output", "partitions", "workers", "step", "index"}


@dataclass(frozen=True, slots=True)
class Parameters:
    """A job's parameters in a Workflow."""

    values: dict[str, str | None] = field(default_factory=dict)
    """By the name of the Workflow's parameter; None: whoever submits it must give one."""
    names: dict[str, str] = field(default_factory=dict)
    """The job's own name of each."""
    kinds: dict[str, ParamKind] = field(default_factory=dict)
    """How each is written, by the job's own name."""

    def add(self, name: str, kind: ParamKind, value: str | None) -> None:
        """Add a parameter of the job."""
        parameter = parameter_name(name)
        self.values[parameter] = value
        self.names[parameter] = name
        self.kinds[name] = kind


def parameter_name(name: str) -> str:
    """The Workflow's parameter for one of the job's: of the same name, unless that has a meaning of its own.

    >>> parameter_name("least"), parameter_name("output")
    ('least', 'param-output')
    """
    return f"param-{name}" if name in RESERVED else name


def given_parameters(model: Any, params: Mapping[str, Any]) -> Parameters:
    """The parameters that a Workflow is rendered with. Raises Refused: they don't fit the job's model."""
    if model is None or not any(isinstance(value, str) and has_variable(value) for value in params.values()):
        check(model, params)
    found = Parameters()
    for name, value in params.items():
        if isinstance(value, str):
            found.add(name, "text", value)
        elif isinstance(value, bool | int | float):
            found.add(name, "text", json.dumps(value))
        else:
            found.add(name, "json", _json(name, value))
    return found


def open_parameters(model: Any, params: Mapping[str, Any]) -> Parameters:
    """All parameters of a job, for a template: with the values given, or the defaults of the job's model.

    Raises:
        Refused: the values don't fit.
    """
    fields = model.model_fields if model else {}
    if unknown := [name for name in params if name not in fields]:
        raise Refused(f"this job has no parameter {unknown[0]!r}: leave it out")
    is_complete = all(name in params or not one.is_required() for name, one in fields.items())
    if is_complete and not any(isinstance(value, str) and has_variable(value) for value in params.values()):
        check(model, params)
    found = Parameters()
    for name, one in fields.items():
        is_plain = takes_plain_text(model, name)
        value = params[name] if name in params else None if one.is_required() else one.default
        if one.is_required() and name not in params:
            found.add(name, "text" if is_plain else "json", None)
        elif is_plain and isinstance(value, str | bool | int | float):
            found.add(name, "text", value if isinstance(value, str) else json.dumps(value))
        elif is_plain:
            found.add(name, "optional", "")
        else:
            found.add(name, "json", _json(name, value) if name in params else "")
    return found


def _json(name: str, value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        mend = "give it as JSON does: strings, numbers, lists, dicts"
        raise Refused(f"the parameter {name} can't be written into a Workflow ({error}): {mend}") from error
