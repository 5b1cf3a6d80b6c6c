"""Values in words that are the same in every process that made them from the same files."""

import re
import types
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import partial
from hashlib import blake2b
from pathlib import PurePath
from typing import Any

from fanfold_steps.user_code.whose import is_of_user

_PLAIN = (type(None), bool, int, float, complex, type(...))
# By name: only jobs that hold such values have to load the modules.
_EXACT = {
    ("decimal", "Decimal"),
    ("fractions", "Fraction"),
    ("datetime", "date"),
    ("datetime", "datetime"),
    ("datetime", "time"),
    ("datetime", "timedelta"),
    ("uuid", "UUID"),
}
_DEEPEST = 20
_MOST = 20_000  # values within one; of a larger one only the type counts
_LONG = 10_000  # characters or bytes


def digests(value: object, names: Mapping[str, str]) -> str:
    """A short digest of a value's description; and a second one if it holds paths in folders that every process has
    elsewhere. Two values are the same if they share one of their digests.

    Args:
        value: anything.
        names: folders, and names of modules, with what stands for them in every process.
    """
    modules = {name: stands for name, stands in names.items() if not name.startswith("/")}
    return " ".join(dict.fromkeys((_Describer(modules).digest(value), _Describer(names).digest(value))))


def rough_digest(value: object) -> str:
    """A short digest of a value's description, in which strings that may be paths don't count."""
    return _Describer({}, paths=False).digest(value)


class _Describer:
    """Describes values. What is known to differ between processes is left out: in which order a set is kept, and
    everything in objects of installed packages."""

    def __init__(self, names: Mapping[str, str], *, paths: bool = True) -> None:
        self._names = names
        self._paths = paths
        self._left = _MOST

    def digest(self, value: object) -> str:
        """A short digest of a value's description."""
        try:
            described = self._described(value, ())
        except Exception:  # noqa: BLE001 — attributes and comparisons of a user's class may raise anything
            self._left = -1
        return digest_of(described if self._left >= 0 else type(value).__qualname__)

    def _described(self, value: Any, within: tuple[int, ...]) -> str:
        self._left -= 1
        kind = type(value)
        if kind in _PLAIN or (kind.__module__, kind.__qualname__) in _EXACT:
            return repr(value)
        if kind in (str, bytes, bytearray):
            return self._text(value)
        if isinstance(value, PurePath):
            return f"path {self._text(str(value))}"
        if isinstance(value, Enum):
            return f"{kind.__qualname__}.{value.name}"
        if isinstance(value, re.Pattern):
            return f"pattern {value.pattern!r} {value.flags}"
        if (code := code_of(value)) or isinstance(value, type | types.ModuleType | types.BuiltinFunctionType):
            return f"{getattr(value, '__qualname__', value.__name__)} {code.co_firstlineno if code else ''}"
        if id(value) in within or len(within) > _DEEPEST or self._left < 0:
            return "…"
        if isinstance(value, list | tuple | set | frozenset | dict):
            self._left -= len(value)
        return "…" if self._left < 0 else self._compound(value, (*within, id(value)))

    def _compound(self, value: Any, within: tuple[int, ...]) -> str:
        kind = type(value)
        if isinstance(value, list | tuple):
            return f"{kind.__qualname__}{[self._described(one, within) for one in value]}"
        if isinstance(value, set | frozenset):
            return f"{kind.__qualname__}{sorted(self._described(one, within) for one in value)}"
        if isinstance(value, dict):
            return f"{kind.__qualname__}{self._pairs(value.items(), within)}"
        if isinstance(value, partial):
            return f"partial {self._described([value.func, value.args, value.keywords], within)}"
        if isinstance(value, types.MethodType):
            return f"method {self._described([value.__func__, value.__self__], within)}"
        if is_of_user(kind):
            return f"{kind.__qualname__}{self._pairs(state_of(value).items(), within)}"
        return kind.__qualname__

    def _pairs(self, items: Iterable[tuple[Any, Any]], within: tuple[int, ...]) -> list[list[str]]:
        return sorted([self._described(key, within), self._described(value, within)] for key, value in items)

    def _text(self, value: str | bytes | bytearray) -> str:
        if len(value) > _LONG:
            data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
            return f"{type(value).__name__} {blake2b(data).hexdigest()}"
        if isinstance(value, str):
            for name, stands in self._names.items():
                value = stands if value == name else value.replace(f"{name}/", f"{stands}/")
            if "/" in value and not self._paths:
                return "a path"
        return repr(value)


def state_of(value: object) -> dict[str, Any]:
    """The attributes of an object, those in slots too."""
    slots = [name for kind in type(value).__mro__ for name in _slots(vars(kind).get("__slots__", ()))]
    state = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return {**state, **attributes_of(value)}


def attributes_of(value: object) -> dict[str, Any]:
    """What an object's `__dict__` holds; nothing if it has none, or guards it."""
    try:
        return dict(vars(value))
    except Exception:  # noqa: BLE001 — a proxy may raise anything
        return {}


def code_of(value: object) -> types.CodeType | None:
    """The compiled code of a function that is written in Python."""
    return value.__code__ if isinstance(value, types.FunctionType) else None


def digest_of(text: str) -> str:
    """Enough of a digest to tell descriptions apart."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _slots(declared: Any) -> Iterable[str]:
    names = [declared] if isinstance(declared, str) else list(declared)
    return [name for name in names if name not in ("__dict__", "__weakref__")]
