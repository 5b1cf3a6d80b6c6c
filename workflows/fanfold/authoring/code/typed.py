"""Functions that were typed at a prompt or in a notebook, which no worker can import: they travel by cloudpickle."""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeGuard

from fanfold.authoring.batch import BatchMapper
from fanfold.authoring.code.references import definition_of, reference
from fanfold.errors import InvalidJob
from fanfold_steps.job.spec import Function
from fanfold_steps.user_code.pickled import MODULE, this_python
from fanfold_steps.user_code.reached import parts_of
from fanfold_steps.user_code.values import code_of
from fanfold_steps.user_code.whose import is_installed


@dataclass(frozen=True, slots=True)
class TypedFunctions:
    """A job's functions that travel as a pickle, and what must travel with them."""

    names: dict[int, str] = field(default_factory=dict)
    """By `id`: the names under which workers find them."""
    pickle: bytes = b""
    modules: list[ModuleType] = field(default_factory=list)
    """Modules that they refer to and that aren't installed."""
    imports: set[str] = field(default_factory=set)
    """Top-level names of the modules that they import when they run."""

    @property
    def python(self) -> str | None:
        """The version of Python that can run them; None if there are none."""
        return this_python() if self.names else None

    def refer(self, function: Any) -> Function:
        """The reference by which workers find a function. Raises InvalidJob."""
        name = self.names.get(id(function))
        return Function(f"{MODULE}:{name}") if name else reference(function)


NONE_TYPED = TypedFunctions()


def typed_among(functions: Iterable[Any], *, in_file: bool) -> TypedFunctions:
    """The functions, classes and objects that only a pickle can carry.

    Args:
        functions: all functions of a job.
        in_file: whether the job is written in a file. Then a function that can't be imported, such as a lambda, is a
            mistake unless it was typed.

    Raises:
        InvalidJob: one can be neither imported nor pickled.
    """
    names: dict[int, str] = {}
    typed: dict[str, Any] = {}
    for function in functions:
        if id(function) not in names and _is_typed(function, in_file=in_file):
            name = names[id(function)] = _free_name(function, typed)
            typed[name] = function.function if isinstance(function, BatchMapper) else function
    if not typed:
        return NONE_TYPED
    from fanfold.authoring.code.pickler import pickle_all  # loads cloudpickle

    data, notes = pickle_all(typed)
    modules = [module for module in notes.modules if has_file(module) and not is_installed(str(module.__file__))]
    return TypedFunctions(names, data, modules, notes.imports)


def has_file(module: ModuleType | None) -> TypeGuard[ModuleType]:
    """Whether a module comes from a file, and not from a prompt, a notebook or standard input."""
    file = getattr(module, "__file__", None)
    return bool(file) and Path(str(file)).is_file()


def _is_typed(function: Any, *, in_file: bool) -> bool:
    try:
        module, _ = definition_of(function)
    except InvalidJob:
        if in_file and all(map(_has_file, parts_of(function))):
            raise
        return True
    is_prompt = module is sys.modules["__main__"] and not has_file(module)
    return is_prompt or not all(map(_is_importable, parts_of(function)))


def _has_file(part: Any) -> bool:
    """Whether a function or class is defined in a file."""
    code = code_of(part)
    return Path(code.co_filename).is_file() if code else has_file(sys.modules.get(part.__module__))


def _is_importable(part: Any) -> bool:
    """Whether importing the module that names a function defines it: not if it was typed afterwards."""
    code = code_of(part)
    return code is None or not code.co_filename.startswith("<") or code.co_filename.startswith(("<string>", "<frozen"))


def _free_name(function: Any, others: Iterable[str]) -> str:
    """The name under which workers find a function: its own if possible, with a number if others have that."""
    own = re.sub(r"\W|^\d+", "", str(getattr(function, "__name__", type(function).__name__))) or "function"
    number = sum(re.sub(r"_\d+$", "", name) == own for name in others)
    return f"{own}_{number + 1}" if number else own
