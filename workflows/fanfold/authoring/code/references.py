"""References to functions: names under which workers import the very objects that a job holds."""

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

from fanfold.authoring.batch import BatchMapper
from fanfold.authoring.code.bindings import bound_elsewhere, set_by_script
from fanfold.authoring.programs import Program
from fanfold.errors import InvalidJob
from fanfold_steps.failure.user_frames import is_own
from fanfold_steps.job.spec import Function, Identity
from fanfold_steps.job.spec import Program as ProgramSpec
from fanfold_steps.user_code.identity import Absent, identity_of
from fanfold_steps.user_code.whose import is_installed

Refer = Callable[[Callable[..., Any]], Function]
"""Turns a function into a reference to it."""


def reference(function: Callable[..., Any]) -> Function:
    """The reference by which workers import a function, class, object or method.

    Raises:
        InvalidJob: they can't import it, or would import something else under its name.
    """
    module, name = definition_of(function)
    return Function(f"{module_name(module)}:{name}")


def identities_of(functions: Iterable[Callable[..., Any]]) -> dict[str, Identity]:
    """What functions, classes, objects and methods are, by their references, as far as their code and values are known.

    Raises:
        InvalidJob: as `reference`.
    """
    identities = {}
    for function in functions:
        module, name = definition_of(function)
        own = module_name(module)
        names = {module.__name__: own} if module.__name__ == "__main__" else {}
        if getattr(module, "__file__", None):
            names |= dict.fromkeys(_folders(module), ".")
        identity = identity_of(function, dict(_set_variables({module, sys.modules["__main__"]})), names)
        if identity.code or identity.values:
            identities[f"{own}:{name}"] = identity
    return identities


def placeholder(function: Callable[..., Any]) -> Function:
    """A reference to nothing, for checks in which a function's name doesn't matter."""
    return Function("a:function")


def refer_or_run(part: Callable[..., Any] | Program, refer: Refer) -> Function | ProgramSpec:
    """A function by its reference, a program by its command line. Raises InvalidJob."""
    return part.spec if isinstance(part, Program) else refer(part)


def definition_of(wanted: Any) -> tuple[ModuleType, str]:
    """A module, and a name in it that leads to this very function, class, object or method.

    Raises:
        InvalidJob: no name at the top level of a module does.
    """
    for module, name in _names(wanted):
        if _leads_to(module, name, wanted):
            if where := bound_elsewhere(module, name.partition(".")[0]):
                raise InvalidJob(f"{_described(wanted)} is not what workers would import as {name}: {where}")
            return module, name
    if isinstance(wanted, BatchMapper):  # `batch(f)` does what `f` does; the spec says that it takes batches
        return definition_of(wanted.function)
    raise InvalidJob(f"workers can't import {_described(wanted)}: {_mend(wanted)}")


def module_name(module: ModuleType) -> str:
    """The name under which workers import a module; for a script, the name of its file. Raises InvalidJob."""
    if module.__name__ != "__main__":
        return module.__name__
    if module.__spec__:
        return module.__spec__.name
    if not getattr(module, "__file__", None):
        raise InvalidJob("workers can't import a job from an interactive session: save it in a file")
    return importable_name(Path(str(module.__file__)))


def importable_name(file: Path) -> str:
    """The name under which workers import a Python file. Raises InvalidJob: they can't, because of its name."""
    if match := re.search(r"[.:\\\x00-\x1f\x7f]", file.stem):
        raise InvalidJob(f"workers can't import {file}, whose name contains {match[0]!r}: rename it")
    if file.stem in sys.stdlib_module_names:
        raise InvalidJob(f"{file} has the same name as another module, Python's own {file.stem}: rename it")
    return file.stem


def import_root(module: ModuleType) -> Path:
    """The folder that a module is imported from, which becomes the root of its bundle. Raises InvalidJob."""
    file = Path(str(module.__file__)).resolve()
    return file.parents[module_name(module).count(".") + (file.name == "__init__.py")]


def _folders(module: ModuleType) -> Iterator[str]:
    """The folder that a module is imported from: with links, as the module knows it, and without."""
    root, file = import_root(module), Path(str(module.__file__))
    yield from {str(root), str(file.absolute()).removesuffix(f"/{file.resolve().relative_to(root)}")} - {"/"}


def _set_variables(modules: set[ModuleType]) -> Iterator[tuple[str, object]]:
    """The values of variables that scripts and functions set, by `module:name` as workers name them."""
    for module in modules:
        for dotted in sorted(set_by_script(module)):
            first, _, path = dotted.partition(".")
            value = vars(module).get(first, Absent)
            is_of_module = isinstance(value, ModuleType) and path
            name = f"{value.__name__}:{path}" if is_of_module else f"{module_name(module)}:{dotted}"
            for part in path.split(".") if path else ():
                value = getattr(value, part, Absent)
            yield name, value


def _names(wanted: Any) -> Iterator[tuple[ModuleType, str]]:
    """The names that may lead to an object: that of its definition, and those of variables that hold it."""
    owner = getattr(wanted, "__self__", None)
    if owner is None or isinstance(owner, ModuleType):
        kind = getattr(wanted, "__objclass__", None)  # that of a method of a built-in class, as `str.split`
        module = sys.modules.get(getattr(kind or wanted, "__module__", None) or "")
        name = getattr(wanted, "__qualname__", None)
        if module and name and "<" not in name:
            yield module, name
    elif isinstance(owner, type):
        if (module := sys.modules.get(owner.__module__)) and "<" not in owner.__qualname__:
            yield module, f"{owner.__qualname__}.{wanted.__name__}"
    else:
        for module, name in _variables(owner):
            yield module, f"{name}.{wanted.__name__}"
    yield from _variables(wanted)


def _variables(wanted: object) -> Iterator[tuple[ModuleType, str]]:
    """The variables at the top level of modules that hold an object; those in the module of its class come first.

    Installed packages come last: an object such as a compiled pattern may be theirs, too, and workers may lack them.
    """
    own = sys.modules.get(getattr(wanted, "__module__", None) or type(wanted).__module__)
    for module in chain((own, sys.modules.get("__main__")), _modules()):
        file = getattr(module, "__file__", None)
        if not isinstance(module, ModuleType) or (file and is_own(file) and module is not own):
            continue
        for name, value in list(vars(module).items()):
            if value is wanted and not name.startswith("__"):
                yield module, name


def _modules() -> Iterator[ModuleType]:
    """All that are loaded, those of the job first."""
    loaded = list(sys.modules.values())
    yield from sorted(loaded, key=lambda module: is_installed(getattr(module, "__file__", None) or ""))


def _leads_to(module: ModuleType, name: str, wanted: Any) -> bool:
    value: Any = module
    for part in name.split("."):
        try:
            value = getattr(value, part)
        except Exception:  # noqa: BLE001 (a lazy module may raise anything)
            return False
    if value is wanted:
        return True
    return _is_method(wanted) and type(value) is type(wanted) and bool(value == wanted)  # made anew at each access


def _is_method(value: object) -> bool:
    return getattr(value, "__self__", None) is not None and not inspect.isclass(value)


def _described(wanted: Any) -> str:
    """An object in words, with the line where it is defined if that is known."""
    owner = getattr(wanted, "__self__", None)
    if _is_method(wanted) and not isinstance(owner, ModuleType | type):
        return f"the method {wanted.__name__} of an object of class {type(owner).__name__} that no variable holds"
    code = getattr(wanted, "__code__", None)
    if code is None:
        return f"an object of class {type(wanted).__name__} that no variable holds"
    what = "a lambda" if code.co_name == "<lambda>" else f"the function {wanted.__qualname__}"
    return f"{what} defined in {Path(code.co_filename).name}, line {code.co_firstlineno}"


def _mend(wanted: Any) -> str:
    """How to make an object importable."""
    owner = getattr(wanted, "__self__", None)
    if _is_method(wanted) and not isinstance(owner, ModuleType | type):
        return f"write `name = …` with that object at the top level of the module, and use `name.{wanted.__name__}`"
    if getattr(wanted, "__code__", None) is None:
        return "write `name = …` with that object at the top level of the module, and use `name`"
    module, name = sys.modules.get(wanted.__module__ or ""), wanted.__qualname__
    if module and "<" not in name and hasattr(module, name.partition(".")[0]):
        return (
            f"the name {name} leads to something else (decorated, defined again, or one of several made in a loop): "
            "give it a name of its own at the top level of the module"
        )
    return "define it with `def` at the top level of a module"
