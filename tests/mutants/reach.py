"""Which tests reach a function: each file of tests is run once by itself under coverage, with all that it starts.

Its quick tests and its thorough ones are two things, and the quick ones are tried first. What was found is kept, and
found again when the file has other tests or imports. Functions that are new since then are reached, as far as is known,
by what reaches their module; modules that are, by the tests of their layer.
"""

import ast
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from coverage import CoverageData

from tests.mutants.copies import CHECKOUT, FOLDER, source_roots

# Of these nothing is learnt: they need a cluster, servers that no wheel brings, or measure other tools.
LEFT_OUT = ("tests/argo/", "tests/storage_servers/", "tests/bench/")
CONFIG = """
[run]
source = {source}
data_file = {folder}/coverage
parallel = true
patch = subprocess, _exit
sigterm = true
"""
QUICK, THOROUGH = "not thorough", "thorough"


@dataclass(frozen=True, slots=True)
class Reach:
    """The quick or the thorough tests of a file: the seconds of a processor that they take, however busy the machine
    is, and each source's functions that they run."""

    tests: str
    marker: str
    seconds: float
    functions: dict[str, list[str]]


def files_of_tests(marker: str) -> list[str]:
    """The files that hold quick or thorough tests against which mutations are tried."""
    found = {path.relative_to(CHECKOUT).as_posix(): path for path in sorted(CHECKOUT.glob("tests/**/test_*.py"))}
    wanted = {name: path for name, path in found.items() if not name.startswith(LEFT_OUT)}
    return [name for name, path in wanted.items() if marker == QUICK or "mark.thorough" in path.read_text()]


def reach_of(tests: str, marker: str, copy: Path) -> Reach:
    """What a file's quick or thorough tests reach; found in the copy if it isn't known yet."""
    digest = fingerprint((CHECKOUT / tests).read_text())
    kept = FOLDER / "reach" / marker / f"{tests.replace('/', '.')}.json"
    if kept.exists() and (told := json.loads(kept.read_text()))["digest"] == digest:
        return Reach(**told["reach"])
    found = _measure(tests, marker, copy)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps({"digest": digest, "reach": asdict(found)}))
    return found


def fingerprint(text: str) -> str:
    """Changes if a file of tests gets other tests or imports, which mostly means that it reaches something else."""
    names = [
        node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    parts = [*sorted(names), *sorted(_imports(text)), str(text.count("mark.thorough"))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def reaching(reaches: list[Reach], source: Path, line: int) -> list[Reach]:
    """The tests that reach a line of a source, the likeliest to see a change first: of quick ones and of thorough ones
    those that import the module by its name, then those of its layer, then the shortest.

    A line of a function is reached by what runs the function; one outside, by what imports the module by its name or
    runs a function of it.
    """
    name, layer = source.as_posix(), f"tests/{source.parts[0]}/"
    module = ".".join(source.with_suffix("").parts[1:]).removesuffix(".__init__")
    importing = {reach.tests for reach in reaches if module in imports_of(reach.tests)}
    function = function_at(source.read_text(), line)
    found = (
        [reach for reach in reaches if function in reach.functions.get(name, ())]
        or [reach for reach in reaches if name in reach.functions or reach.tests in importing]
        or [reach for reach in reaches if reach.tests.startswith(layer)]
    )
    return sorted(
        found,
        key=lambda reach: (
            reach.marker,
            reach.tests not in importing,
            not reach.tests.startswith(layer),
            reach.seconds,
        ),
    )


@cache
def imports_of(tests: str) -> set[str]:
    """The modules that a file of tests imports by name, and whatever else it imports from them."""
    return _imports((CHECKOUT / tests).read_text())


def _imports(text: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return names


def function_at(source: str, line: int) -> str | None:
    """The qualified name of the innermost function that a line belongs to, its decorators and defaults included.

    >>> function_at("MOST = 3\\n\\nclass A:\\n    @cached\\n    def f(self):\\n        return MOST\\n", 4)
    'A.f'
    """
    found = [name for name, first, _, last in functions_of(ast.parse(source)) if first <= line <= last]
    return found[-1] if found else None


def functions_of(node: ast.AST, around: str = "") -> Iterator[tuple[str, int, int, int]]:
    """Each function's qualified name, the line that it begins in, that of its body, and its last; outer ones first."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{around}{child.name}"
            if not isinstance(child, ast.ClassDef):
                first = min([child.lineno, *(each.lineno for each in child.decorator_list)])
                yield name, first, child.body[0].lineno, child.end_lineno or child.lineno
            yield from functions_of(child, f"{name}.")
        else:
            yield from functions_of(child, around)


def _measure(tests: str, marker: str, copy: Path) -> Reach:
    with tempfile.TemporaryDirectory() as folder:
        source = ", ".join(str(copy / root) for root in source_roots())
        (config := Path(folder, "config")).write_text(CONFIG.format(folder=folder, source=source))
        coverage = [str(copy / ".venv/bin/python"), "-B", "-m", "coverage"]
        options = ["-q", "-p", "no:cacheprovider", "-m", marker, tests]
        tests_run = subprocess.Popen(  # what fails under coverage (memory, mostly) has still shown what it reaches
            [*coverage, "run", f"--rcfile={config}", "-m", "pytest", *options],
            cwd=copy,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(tests_run.pid, 0)
        tests_run.returncode = os.waitstatus_to_exitcode(status)
        seconds = usage.ru_utime + usage.ru_stime
        command = [*coverage, "combine", f"--rcfile={config}", "--quiet"]
        subprocess.run(command, cwd=copy, stderr=subprocess.DEVNULL, check=False)  # fails where nothing was reached
        data = CoverageData(f"{folder}/coverage")
        data.read()
        run = {Path(file): set(data.lines(file) or ()) for file in data.measured_files()}
    functions = {
        file.relative_to(copy).as_posix(): functions_run(file.read_text(), lines) for file, lines in run.items()
    }
    return Reach(tests, marker, round(seconds, 1), {name: found for name, found in functions.items() if found})


def functions_run(source: str, lines: set[int]) -> list[str]:
    """The functions of whose bodies some lines were run."""
    found = functions_of(ast.parse(source))
    return [name for name, _, body, last in found if not lines.isdisjoint(range(body, last + 1))]
