"""Pickle functions by cloudpickle, and note what they refer to. Loaded only for functions that were typed."""

import dis
import hashlib
import inspect
import io
import linecache
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType, FunctionType, MappingProxyType, ModuleType
from typing import Any

import cloudpickle

from fanfold.errors import InvalidJob
from fanfold_steps.user_code.pickled import code_of_cell

_PROTOCOL = 5
_IN_PYTHON = 1 << 9  # the flag of classes that a `class` statement made


class NotingPickler(cloudpickle.Pickler):  # type: ignore[misc]  # it has no types
    """Notes the classes that it pickles by content, the modules that it pickles by name, the names of modules that
    functions import when they run, and the lines of functions from a notebook's cells, which tracebacks show."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=_PROTOCOL)
        self.classes: list[type] = []
        self.modules: list[ModuleType] = []
        self.imports: set[str] = set()
        self.sources: dict[str, str] = {}

    def reducer_override(self, obj: Any) -> Any:
        """How cloudpickle pickles an object; code from a cell gets the name of its lines in place of a file's."""
        if isinstance(obj, CodeType) and (lines := _lines_of(obj)):
            name = f"<cell {hashlib.sha256(lines.encode()).hexdigest()[:8]}>"
            self.sources[name] = lines
            make, parts = self.dispatch_table[CodeType](obj)
            return code_of_cell, (make, parts, name)
        how = super().reducer_override(obj)
        if isinstance(obj, ModuleType):
            self.modules.append(obj)
        elif isinstance(obj, type | FunctionType):
            if how is NotImplemented:
                self.modules += [module for module in [sys.modules.get(obj.__module__ or "")] if module]
            elif isinstance(obj, type):
                self.classes += [obj] if obj.__flags__ & _IN_PYTHON else []
            else:
                self.imports |= set(_imports(obj.__code__))
        return how


def pickle_all(functions: Mapping[str, Any]) -> tuple[bytes, NotingPickler]:
    """Functions by name, and the classes that they need, in one pickle; and the pickler with its notes.

    Raises:
        InvalidJob: a function refers to something that can't be pickled.
    """
    for name, function in functions.items():
        try:
            _pickled({name: function})
        except Exception as error:
            what = f"{name} was typed, not imported from a file, so it must be pickled, and can't be"
            because = f"{_culprit(function)}{type(error).__name__}: {error}"
            mend = "open or create inside the function what can't be pickled, or save it in a file"
            raise InvalidJob(f"{what}: {because}; {mend}") from error
    _, notes = _pickled(functions)
    return _pickled(functions, notes.classes, notes.sources)


def _pickled(
    functions: Mapping[str, Any], classes: Sequence[type] = (), sources: Mapping[str, str] = MappingProxyType({})
) -> tuple[bytes, NotingPickler]:
    buffer = io.BytesIO()
    pickler = NotingPickler(buffer)
    pickler.dump((dict(functions), list(classes), dict(sources)))
    return buffer.getvalue(), pickler


def _culprit(function: Any) -> str:
    """The variable that a function reads and that can't be pickled, as the beginning of a sentence, if it is known."""
    if not isinstance(function, FunctionType):
        return ""
    try:
        read = inspect.getclosurevars(function)
    except ValueError:  # a variable that isn't set yet
        return ""
    for name, value in {**read.nonlocals, **read.globals}.items():
        try:
            _pickled({name: value})
        except Exception:  # noqa: BLE001 (pickling runs code of any object)
            return f"it reads {name!r} ({type(value).__name__}): "
    return ""


def _lines_of(code: CodeType) -> str:
    """The lines of code from a notebook's cell, below as many empty ones as precede it there; empty for other code.

    The rest of the cell stays here: it may hold whatever was typed.
    """
    if Path(code.co_filename).is_file():
        return ""
    lines = linecache.getlines(code.co_filename)[: _last_line(code)]
    return "\n" * (code.co_firstlineno - 1) + "".join(lines[code.co_firstlineno - 1 :]) if lines else ""


def _last_line(code: CodeType) -> int:
    inner = [_last_line(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return max([*inner, *(line for _, _, line in code.co_lines() if line)], default=0)


def _imports(code: CodeType) -> Iterator[str]:
    """Top-level names of what code imports."""
    yield from (str(one.argval).partition(".")[0] for one in dis.get_instructions(code) if one.opname == "IMPORT_NAME")
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _imports(constant)
