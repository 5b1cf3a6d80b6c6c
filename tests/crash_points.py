"""The crash points that stand in the source: `tests/workflows/test_crashes.py` kills a process at each."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("steps/fanfold_steps", "workflows/fanfold")
COMMITTED = ("map", "shuffle", "reduce")  # the steps whose commits go through `JobTree.commit`, one call for all


def writes() -> list[str]:
    """The writes that have a point before them and one after, in order of their names."""
    calls = (call for folder in FOLDERS for file in (ROOT / folder).rglob("*.py") for call in _calls(file))
    return sorted({name for call in calls for name in _names(call.args[0])})


def points() -> list[str]:
    """All points."""
    return [f"{write}.{when}" for write in writes() for when in ("before", "after")]


def _calls(file: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "around":
            yield node


def _names(argument: ast.expr) -> list[str]:
    if isinstance(argument, ast.Constant):
        return [str(argument.value)]
    source = ast.unparse(argument)
    assert source == "f'{task.step}.commit'", f"a crash point needs a literal name, not {source}"
    return [f"{step}.commit" for step in COMMITTED]
