"""One mutation tried: made in a copy, the tests run that reach it, and undone."""

import os
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome

from tests.mutants.reach import QUICK, THOROUGH, Reach

MOST_SECONDS = 180.0  # of a processor, for one mutation, as its tests take without it and under coverage
PYTEST = [".venv/bin/python", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--timeout", "60"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a mutation: the test that caught it; none, if it survived the tests of so many files."""

    mutation: MutationSpec
    caught_by: str | None
    diff: str = ""
    tried: int = 0
    reached: int = 0
    unsteady: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where it is, as `file:line`."""
        return f"{self.mutation.module_path}:{self.mutation.start_pos[0]}"


def try_out(mutation: MutationSpec, reached: list[Reach], copy: Path) -> Verdict:
    """Whether a test, of those that reach a mutation, fails with it, whenever it is run, and passes without.

    A machine that is busy makes tests fail and time out, so each failure is looked at again by itself.

    Raises:
        RuntimeError: Cosmic Ray can't make the mutation.
    """
    os.chdir(copy)
    tried: list[Reach] = []
    seconds = 0.0
    for reach in reached:
        if not tried or seconds + reach.seconds <= MOST_SECONDS:
            tried.append(reach)
            seconds += reach.seconds
    unsteady: list[str] = []
    limit = 5 * seconds + 120
    while True:
        command = _command(tried, unsteady)
        result = mutate_and_test([mutation], command, limit)
        if result.worker_outcome != WorkerOutcome.NORMAL or result.test_outcome == TestOutcome.INCOMPETENT:
            raise RuntimeError(f"{mutation.module_path}:{mutation.start_pos[0]}: {result.output}")
        survives = Verdict(mutation, None, result.diff or "", len(tried), len(reached), tuple(unsteady))
        if result.test_outcome == TestOutcome.SURVIVED:
            return survives
        failed = re.search(r"^(?:FAILED|ERROR) (\S+\.py(?:::.*?)?)(?: - |$)", result.output or "", re.MULTILINE)
        if failed:
            if _passes(single := _single(failed[1])) and not _passes(single, mutation):
                return replace(survives, caught_by=failed[1])
            unsteady.append(failed[1])
        elif _passes(command, seconds=limit):
            return replace(survives, caught_by="a time-out" if result.output == "timeout" else "the tests' start")
        else:
            limit *= 2  # it is the machine that is slow, not the mutation


def _command(tried: list[Reach], left_out: list[str]) -> str:
    """Runs these tests, the quick ones first, until one fails."""
    commands = []
    for marker in (QUICK, THOROUGH):
        if files := [reach.tests for reach in tried if reach.marker == marker]:
            deselected = [f"--deselect={test}" for test in left_out]
            command = shlex.join([*PYTEST, "-m", marker, *files, *deselected])
            commands.append(f"{{ {command} || test $? -eq 5; }}")  # 5: none is left to be run
    return shlex.join(["sh", "-c", " && ".join(commands) or "true"])


def _single(test: str) -> str:
    return shlex.join([*PYTEST, test])


def _passes(command: str, mutation: MutationSpec | None = None, seconds: float = 180.0) -> bool:
    """Whether tests pass in so many seconds, with a mutation or as the code is."""
    mutations = [mutation] if mutation else []
    return bool(mutate_and_test(mutations, command, seconds).test_outcome == TestOutcome.SURVIVED)
