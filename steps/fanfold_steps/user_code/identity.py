"""What a function, class or object is, for workers to tell whether a name leads them to what the job was given."""

import inspect
import sys
import types
from collections.abc import Mapping
from functools import partial
from typing import Any

from fanfold_steps.job.spec import Identity
from fanfold_steps.user_code.reached import Reached, held_by, parts_of
from fanfold_steps.user_code.values import attributes_of, code_of, digests, state_of
from fanfold_steps.user_code.whose import is_of_python, is_of_user

_MOST_VALUES = 50
_OWN = ""
_MEND = (
    'workers import the file, where nothing under `if __name__ == "__main__":` runs, and environment and time are '
    "other ones: define it the same way for every import, and pass what varies as a parameter (params=…)"
)


class Absent:
    """Stands for a variable that isn't there."""


def identity_of(given: Any, variables: Mapping[str, object], names: Mapping[str, str]) -> Identity:
    """What a function, class or object is.

    Args:
        given: what a job was given, or what a name leads to.
        variables: what variables of its module hold, by `module:name`; those that its code doesn't read don't count.
        names: as in `digests`, for values; of modules also for `variables`.
    """
    values = {name: digests(value, names) for name, value in sorted(_values(given).items())[:_MOST_VALUES]}
    if all(is_of_python(_file(part)) for part in parts_of(given)):
        return Identity(_name(given), values=values)
    reached = Reached(given, names)
    for name, value in variables.items():
        module, _, path = name.partition(":")
        if f"{module}:{path.partition('.')[0]}" in reached.variables:
            values[name] = digests(value, names)
    return Identity(_name(given), "" if reached.is_rewritten else _python(), reached.code, values)


def difference(given: Identity, found: Identity) -> str | None:
    """How what a worker found isn't what the job was given, and how to mend it, in a clause; None if it is the same."""
    lines = given.code.get(_OWN, ""), found.code.get(_OWN, "")
    if given.name != found.name or _line(lines[0]) != _line(lines[1]):
        return f"there it is {_described(found)}, but the job was given {_described(given)}; {_MEND}"
    is_same_python = bool(given.python) and given.python == found.python
    for name in sorted({*given.code, *found.code}) if is_same_python else sorted({*given.code} & {*found.code}):
        ours, theirs = given.code.get(name, ""), found.code.get(name, "")
        if ours != theirs if is_same_python else _line(ours) != _line(theirs):
            what = f"{name}, which it uses, is" if name not in (_OWN, "…") else "its code is"
            return f"{what} not the same there as where the job was made; {_MEND}"
    for name in sorted({*given.values, *found.values}):
        if {*given.values.get(name, "").split()}.isdisjoint(found.values.get(name, "").split()):
            module, is_variable, variable = name.partition(":")
            what = f"the variable {variable} of {module}, which it reads," if is_variable else f"its {name}"
            return f"{what} has another value there than where the job was made; {_MEND}"
    return None


def variables_of(identity: Identity) -> dict[str, object]:
    """What the variables that an identity names hold in this process."""
    return {name: variable(name) for name in identity.values if ":" in name}


def variable(name: str) -> object:
    """What `module:name` holds in this process, or `Absent`."""
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module, Absent)
    for part in path.split("."):
        found = getattr(found, part, Absent)
    return found


def _values(given: Any) -> dict[str, Any]:
    """The values that a function, class or object holds besides its code, by name: closures, attributes, arguments."""
    if isinstance(given, types.FunctionType):
        return {} if is_of_python(_file(given)) else held_by(given)
    if isinstance(given, types.MethodType):
        return {**held_by(given.__func__), **_values(given.__self__)}
    if isinstance(given, types.BuiltinFunctionType):
        return {} if isinstance(given.__self__, types.ModuleType | type | None) else {"object": given.__self__}
    if isinstance(given, partial):
        return {**_values(given.func), "arguments": (given.args, given.keywords)}
    if isinstance(given, type):
        return _attributes(given)
    if "__wrapped__" in attributes_of(given):
        return _values(given.__wrapped__)
    return {**_attributes(type(given)), **state_of(given)} if is_of_user(type(given)) else {"object": given}


def _attributes(kind: type) -> dict[str, Any]:
    """The attributes of a class and of those that it inherits from, without methods; a model's fields by defaults."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if is_of_user(base):
            own = {name: value for name, value in vars(base).items() if not _is_special(name, value)}
            found |= own | {name: one.default for name, one in vars(base).get("__pydantic_fields__", {}).items()}
    return found


def _is_special(name: str, value: object) -> bool:
    return (name.startswith("__") and name.endswith("__")) or inspect.isroutine(value) or isinstance(value, property)


def _name(given: Any) -> str:
    if isinstance(given, partial):
        return f"partial of {_name(given.func)}"
    if isinstance(given, types.MethodType) and not isinstance(given.__self__, type):
        return f"{type(given.__self__).__qualname__}.{given.__func__.__name__}"
    if code := code_of(given):
        return code.co_qualname
    if "__wrapped__" in attributes_of(given) and not isinstance(given, type):
        return _name(given.__wrapped__)
    is_named = isinstance(given, type) or inspect.isroutine(given)
    return str(given.__qualname__ if is_named else type(given).__qualname__)


def _file(part: Any) -> str:
    code = code_of(part)
    return code.co_filename if code else getattr(sys.modules.get(part.__module__), "__file__", None) or ""


def _python() -> str:
    optimized = f" -O{sys.flags.optimize}" if sys.flags.optimize else ""
    return f"{sys.implementation.name} {sys.version.split()[0]}{optimized}"


def _line(code: str) -> str:
    return code.partition(":")[0]


def _described(identity: Identity) -> str:
    line = _line(identity.code.get(_OWN, ""))
    return f"{identity.name} of line {line}" if line.strip("0") else identity.name
