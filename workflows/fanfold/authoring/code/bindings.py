"""Names that a script binds and its workers don't: they import the file, whereas the script starts its job in the
middle of it, or under `if __name__ == "__main__":`."""

import ast
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import FrameType, ModuleType

_CHANGING = {
    "add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "setdefault", "sort", "update",
}  # fmt: skip
_ONLY_SCRIPTS = {"__name__", "argv"}  # names whose values differ between a script and the module that workers import
Dotted = str


def bound_elsewhere(module: ModuleType, name: str) -> str:
    """Where a script binds a name in a way that workers don't see, as a clause; empty if it doesn't."""
    if module.__name__ != "__main__" or (tree := _parsed(module)) is None:
        return ""
    current = _current_line(module)
    for node in tree.body:
        if _is_guard(node):
            inner = [one for one in ast.walk(node) if isinstance(one, ast.stmt | ast.expr) and name in _stored(one)]
            if inner:
                return f"line {inner[0].lineno} binds that name in a block that only the script runs, not its workers"
        elif current and node.lineno > current and name in _bound_by(node):
            return (
                f"line {node.lineno} binds that name again, after the job has started. Move the call of job.main() to "
                "the end of the file"
            )
    return ""


def set_by_script(module: ModuleType) -> set[Dotted]:
    """The variables of a module, and their attributes, that its file may set or change when it runs as a script, or
    while its functions run: `LIMIT`, `settings.LIMIT`. Only the file's text is read."""
    if (tree := _parsed(module)) is None:
        return set()
    variables: set[Dotted] = set()
    for node in tree.body:
        if _is_guard(node):
            variables.update(*map(_changed, ast.walk(node)))
        elif _mentions(node, _ONLY_SCRIPTS) and not isinstance(node, ast.FunctionDef | ast.ClassDef):
            variables |= _stored(node) | set().union(*map(_stored, ast.walk(node)))
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            variables |= {name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names}
            variables.update(*(_changed(node) - _stored(node) for node in ast.walk(function)))
    return variables


def _is_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and _mentions(node.test, {"__name__"})


def _mentions(node: ast.AST, names: set[str]) -> bool:
    return any(
        (isinstance(one, ast.Name) and one.id in names) or (isinstance(one, ast.Attribute) and one.attr in names)
        for one in ast.walk(node)
    )


def _stored(node: ast.AST) -> set[Dotted]:
    """The variables that a node binds by itself."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return {node.id}
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    return set()


def _changed(node: ast.AST) -> set[Dotted]:
    """The variables that a node binds, and those whose attribute or content it changes."""
    if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
        return set(_dotted(node))
    if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return set(_dotted(node.value))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGING:
        return set(_dotted(node.func.value))
    return _stored(node)


def _dotted(node: ast.expr) -> Iterator[Dotted]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield from (f"{base}.{node.attr}" for base in _dotted(node.value))


def _bound_by(node: ast.stmt) -> set[str]:
    """The names that a statement at the top level of a module binds."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _current_line(module: ModuleType) -> int:
    """The line of a module's own code that is running; 0 if it has run to its end."""
    frame: FrameType | None = sys._getframe()
    while frame and not (frame.f_globals is vars(module) and frame.f_code.co_name == "<module>"):
        frame = frame.f_back
    return frame.f_lineno if frame else 0


def _parsed(module: ModuleType) -> ast.Module | None:
    file = getattr(module, "__file__", None)
    try:
        return _parsed_text(Path(str(file)).read_bytes()) if file else None
    except (OSError, SyntaxError, ValueError):
        return None


@lru_cache(maxsize=8)
def _parsed_text(text: bytes) -> ast.Module:
    return ast.parse(text)
