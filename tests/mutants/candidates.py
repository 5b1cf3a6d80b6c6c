"""Which mutations are worth a try: those that look like a mistake somebody might make."""

import ast
import random
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from cosmic_ray.work_item import MutationSpec

# Cosmic Ray replaces each operator by every other one. `a ** b` for `a < b` is caught by whatever runs the line, and
# `x == None` for `x is None` by nothing; what stays are the neighbours, for which it takes a test that looks.
OPERATORS = re.compile(
    r"core/(ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_FloorDiv|FloorDiv_Mul|Div_Mul|Mod_FloorDiv|Pow_Mul"
    r"|RShift_LShift|LShift_RShift|BitOr_BitAnd|BitAnd_BitOr|BitXor_BitOr)"
    r"|ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq|Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Is_IsNot|IsNot_Is)"
    r"|ReplaceUnaryOperator_Delete_(USub|Not|Invert)"
    r"|AddNot|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr|ReplaceOrWithAnd|ReplaceBreakWithContinue"
    r"|ReplaceContinueWithBreak|ExceptionReplacer|NumberReplacer|RemoveDecorator|ZeroIterationForLoop)"
)
Position = tuple[int, int]


def candidates(sources: Iterable[Path]) -> list[MutationSpec]:
    """All mutations of these files, in order; of those that do the same at one place (a number up or down), each."""
    operators = {name: get_operator(name)() for name in operator_names() if OPERATORS.fullmatch(name)}
    found: list[MutationSpec] = []
    for source in sources:
        idle = list(_idle(ast.parse(source.read_text())))
        occurrences = dict.fromkeys(operators, -1)
        for node in ast_nodes(get_ast_from_path(source)):
            for name, operator in operators.items():
                for start, end in operator.mutation_positions(node):
                    occurrences[name] += 1
                    if not any(first <= start and end <= last for first, last in idle):
                        found.append(MutationSpec(source, name, occurrences[name], start, end))
    return sorted(found, key=lambda each: (each.module_path, each.start_pos, each.operator_name, each.occurrence))


def sample(mutations: Iterable[MutationSpec], count: int, seed: int) -> list[MutationSpec]:
    """So many of them, drawn by chance, and the same every time for a seed; at most one of a kind at one place."""
    draw = random.Random(seed)
    places = defaultdict(list)
    for mutation in mutations:
        places[mutation.module_path, mutation.start_pos, mutation.operator_name].append(mutation)
    shuffled = draw.sample(sorted(places), len(places))
    return list(islice(filter(compiles, (draw.choice(places[place]) for place in shuffled)), count))


def compiles(mutation: MutationSpec) -> bool:
    """Whether it can be made, and leaves Python behind: unlike a name with a dot in place of an exception's, which
    Cosmic Ray 8.7 stumbles over, and `not` before a walrus, or `//` for the star among parameters."""
    operator = get_operator(mutation.operator_name)()
    try:
        compile(mutate_code(mutation.module_path.read_text(), operator, mutation.occurrence), "mutated", "exec")
    except (AttributeError, SyntaxError):
        return False
    return True


def changed_since(base: str, mutations: Iterable[MutationSpec]) -> list[MutationSpec]:
    """Those in lines that differ from a commit's.

    Raises:
        subprocess.CalledProcessError: there is no such commit; Git has said so.
    """
    command = ["git", "diff", "--merge-base", "--unified=0", "--no-color", "--no-ext-diff", base, "--", "*.py"]
    lines: dict[Path, set[int]] = defaultdict(set)
    path = Path()
    for line in subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines():
        if line.startswith("+++ b/"):
            path = Path(line.removeprefix("+++ b/"))
        elif hunk := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line):
            first, count = int(hunk[1]), int(hunk[2] or 1)
            lines[path] |= set(range(first, first + count))
    return [each for each in mutations if each.start_pos[0] in lines[each.module_path] and compiles(each)]


def _idle(module: ast.Module) -> Iterator[tuple[Position, Position]]:
    """Where a change means nothing while the code runs: types, what is for the type checker, a dataclass's form, an
    example in an API's description, and `zip(…, strict=True)`, which only asserts."""
    for node in ast.walk(module):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            yield _span(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns:
            yield _span(node.returns)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield _span(node)
        elif isinstance(node, ast.ClassDef):
            yield from (_span(each) for each in node.decorator_list if ast.unparse(each).startswith("dataclass("))
        elif isinstance(node, ast.Call):
            asserting = "strict" if ast.unparse(node.func) == "zip" else None
            yield from (_span(each.value) for each in node.keywords if each.arg and each.arg in {"examples", asserting})


def _span(node: ast.expr | ast.stmt) -> tuple[Position, Position]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
