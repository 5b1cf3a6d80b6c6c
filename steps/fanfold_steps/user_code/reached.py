"""The code that a function reaches by its names, compiled and in digests."""

import dis
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from fanfold_steps.user_code.values import attributes_of, code_of, digest_of, rough_digest
from fanfold_steps.user_code.whose import is_installed, is_of_user

_MOST = 2_000  # functions and classes that are followed
_NAMED = 20  # of them, how many have a digest of their own
_OTHERS = "…"
_METHODS = (staticmethod, classmethod, property, types.FunctionType, types.MethodType)


class Reached:
    """What is reached from a function, a class or an object, that itself included."""

    def __init__(self, root: object, names: Mapping[str, str]) -> None:
        self.variables: set[str] = set()
        """The variables of modules that are read, as `module:name`."""
        self.is_rewritten = False
        """Whether some of it was compiled from other code than its file holds, as test tools do."""
        self._names = names
        self._seen: set[int] = set()
        self._found: dict[str, list[str]] = {}
        waiting = list(parts_of(root))
        self._roots = {id(part) for part in waiting}
        while waiting and len(self._seen) < _MOST:
            part = waiting.pop(0)
            if id(part) not in self._seen and (id(part) in self._roots or _is_followed(part)):
                self._seen.add(id(part))
                waiting += self._follow(part)

    @property
    def code(self) -> dict[str, str]:
        """Line numbers and digests by qualified name; beyond the first ones, all share one entry."""
        found = {name: texts[0] if len(texts) == 1 else _together(texts) for name, texts in sorted(self._found.items())}
        named, others = list(found.items())[:_NAMED], list(found.items())[_NAMED:]
        return {**dict(named), **({_OTHERS: _together(map(":".join, others))} if others else {})}

    def _follow(self, part: Any) -> list[Any]:
        """Note a function or class; returns those that it leads to."""
        code = code_of(part)
        if code is None:
            members = {name: one for name, one in vars(part).items() if isinstance(one, _METHODS)}
            self._note(part.__qualname__, 0, [sorted(members), [base.__qualname__ for base in part.__bases__]])
            return [one for member in (*members.values(), *part.__bases__) for one in parts_of(member)]
        self.is_rewritten |= _is_rewritten(part)
        self._note_variables(part)
        led = list(_led_to(part.__globals__, set(_names(code))))
        links = [(name, one.__qualname__) for name, one in led]
        held, is_root = held_by(part).values(), id(part) in self._roots
        key = "" if is_root else code.co_qualname
        self._note(key, code.co_firstlineno, [_described(code), links, [] if is_root else [*map(rough_digest, held)]])
        return [*(one for _, one in led), *(one for value in held for one in _parts_if_any(value))]

    def _note_variables(self, function: types.FunctionType) -> None:
        namespace = function.__globals__
        own = namespace.get("__name__", "")
        self.variables |= {f"{self._names.get(own, own)}:{name}" for name in _global_names(function.__code__)}
        names = set(_names(function.__code__))
        for _, module in _modules(namespace, names):
            self.variables |= {f"{module.__name__}:{attribute}" for attribute in names}

    def _note(self, name: str, line: int, described: object) -> None:
        self._found.setdefault(name, []).append(f"{line}:{digest_of(repr(described))}")


def held_by(function: Any) -> dict[str, Any]:
    """A function's defaults and the variables of its closure, by name; nothing of what isn't written in Python."""
    if (code := code_of(function)) is None:
        return {}
    arguments = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    held = dict(zip(arguments[len(arguments) - len(defaults) :], defaults, strict=True))
    held |= function.__kwdefaults__ or {}
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            held[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    return held


def parts_of(value: Any) -> Iterator[Any]:
    """The functions and classes that something callable consists of."""
    if isinstance(value, types.FunctionType | type):
        yield value
    elif isinstance(value, types.MethodType):
        yield value.__func__
        yield from parts_of(value.__self__)
    elif isinstance(value, staticmethod | classmethod):
        yield from parts_of(value.__func__)
    elif isinstance(value, property):
        yield from (one for function in (value.fget, value.fset) for one in parts_of(function))
    elif isinstance(value, partial):
        yield from (one for part in (value.func, *value.args, *value.keywords.values()) for one in parts_of(part))
    elif wrapped := attributes_of(value).get("__wrapped__"):
        yield from parts_of(wrapped)
    elif is_of_user(type(value)):
        yield type(value)


def _parts_if_any(value: Any) -> list[Any]:
    try:
        return list(parts_of(value))
    except Exception:  # noqa: BLE001 — a proxy may raise anything
        return []


def _led_to(namespace: dict[str, Any], names: set[str]) -> Iterator[tuple[str, Any]]:
    """The functions and classes that the names lead to, also through modules of the job."""
    for name in sorted(names & namespace.keys()):
        yield from ((name, part) for part in _parts_if_any(namespace[name]))
    for name, module in _modules(namespace, names):
        for attribute in sorted(names & vars(module).keys()):
            yield from ((f"{name}.{attribute}", part) for part in _parts_if_any(vars(module)[attribute]))


def _modules(namespace: dict[str, Any], names: set[str]) -> Iterator[tuple[str, types.ModuleType]]:
    """Modules of the job among what names lead to."""
    for name in sorted(names & namespace.keys()):
        module = namespace[name]
        if issubclass(type(module), types.ModuleType):  # a proxy may refuse to tell its class
            file = getattr(module, "__file__", None)
            if file and not is_installed(file):
                yield name, module


def _is_followed(part: Any) -> bool:
    code = code_of(part)
    return not is_installed(code.co_filename) if code else is_of_user(part)


def _is_rewritten(function: types.FunctionType) -> bool:
    loader = function.__globals__.get("__loader__")
    kind = loader if isinstance(loader, type) else type(loader)
    return kind.__module__.partition(".")[0] not in (*sys.stdlib_module_names, "_frozen_importlib")


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _global_names(code: types.CodeType) -> Iterator[str]:
    """The names in code that are variables of its module or built in, not attributes."""
    yield from (one.argval for one in dis.get_instructions(code) if one.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _global_names(constant)


def _described(constant: object) -> str:
    """Code, or a constant in it, in words that don't depend on where it lies or in which order sets are kept."""
    if isinstance(constant, types.CodeType):
        code = constant
        names = (code.co_name, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        shape = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        constants = [_described(one) for one in code.co_consts]
        return repr((names, shape, code.co_code, code.co_exceptiontable, constants))
    if isinstance(constant, frozenset):
        return f"frozenset{sorted(map(_described, constant))}"
    if isinstance(constant, tuple):
        return f"tuple{list(map(_described, constant))}"
    return f"{type(constant).__name__} {constant!r}"


def _together(texts: Iterable[str]) -> str:
    return f"0:{digest_of(repr(sorted(texts)))}"
