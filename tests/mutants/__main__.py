"""`python -m tests.mutants [--base COMMIT] [--sample COUNT] [--seed N] [--only KIND]`: mutations that no test sees.

Without --sample, all mutations of the lines that differ from the base (default: main); with it, so many of them, or of
everything if no base is given; with --only, those alone of whose operator's name it is a part (Number, Exception, …).
What survives is printed with its place and the change.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from queue import SimpleQueue

from cosmic_ray.work_item import MutationSpec

from tests.mutants.candidates import candidates, changed_since, sample
from tests.mutants.copies import CHECKOUT, refresh, source_roots
from tests.mutants.reach import QUICK, THOROUGH, Reach, files_of_tests, reach_of, reaching
from tests.mutants.trials import Verdict, try_out


def main() -> int:
    """Try the mutations that the command line asks for; 0, whatever survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--base", metavar="COMMIT")
    parser.add_argument("--sample", type=int, metavar="COUNT")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", metavar="KIND", default="")
    parser.add_argument("--quick", action="store_true", help="leave thorough tests out")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="COUNT")
    options = parser.parse_args()
    os.chdir(CHECKOUT)
    mutations = candidates(path for root in source_roots() for path in sorted(Path(root).rglob("*.py")))
    mutations = [each for each in mutations if options.only in each.operator_name]
    if options.base or options.sample is None:
        mutations = changed_since(options.base or "main", mutations)
    if options.sample is not None:
        mutations = sample(mutations, options.sample, options.seed)
    if not mutations:
        print("There is nothing to mutate: name a base that the code differs from, or --sample COUNT.")
        return 0
    tell(list(tried(mutations, [QUICK] if options.quick else [QUICK, THOROUGH], options.workers)))
    return 0


def tried(mutations: list[MutationSpec], markers: list[str], workers: int) -> Iterator[Verdict]:
    """The verdicts as they come, each worker in a copy of its own; survivors are printed at once."""
    free: SimpleQueue[Path] = SimpleQueue()
    for number in range(workers):
        free.put(refresh(number))
    with ThreadPoolExecutor(workers) as threads:

        def reach(marker: str, tests: str) -> Reach:
            copy = free.get()
            try:
                return reach_of(tests, marker, copy)
            finally:
                free.put(copy)

        print("Finding which tests reach which functions, where it isn't known …", file=sys.stderr)
        units = [(marker, tests) for marker in markers for tests in files_of_tests(marker)]
        reaches = list(threads.map(lambda unit: reach(*unit), units))

        def trial(mutation: MutationSpec) -> Verdict:
            reached = reaching(reaches, mutation.module_path, mutation.start_pos[0])
            copy = free.get()
            try:  # in a process of its own: Cosmic Ray finds a module by the folder that it stands in
                with get_context("spawn").Pool(1) as process:
                    return process.apply(try_out, (mutation, reached, copy))
            finally:
                free.put(copy)

        trials = [threads.submit(trial, mutation) for mutation in mutations]
        for number, done in enumerate(as_completed(trials), 1):
            verdict = done.result()
            if verdict.caught_by is None:
                how = (
                    f"{verdict.tried} of {verdict.reached} files of tests that run it"
                    if verdict.reached
                    else "no test runs it"
                )
                print(
                    f"\n{verdict.place} survives ({how}; {verdict.mutation.operator_name})\n{changes(verdict)}",
                    flush=True,
                )
            print(f"{number} of {len(mutations)}: {verdict.place}: {verdict.caught_by or 'survived'}", file=sys.stderr)
            yield verdict


def changes(verdict: Verdict) -> str:
    """The changed lines of a mutation, as a diff has them."""
    lines = verdict.diff.splitlines()
    return "\n".join(line for line in lines if line.startswith(("-", "+")) and not line.startswith(("---", "+++")))


def tell(verdicts: list[Verdict]) -> None:
    """How many were caught, and which tests fail by themselves."""
    caught = sum(verdict.caught_by is not None for verdict in verdicts)
    for test in sorted({test for verdict in verdicts for test in verdict.unsteady}):
        print(f"\n{test} failed without a mutation too, or once and not again, and was left out where it did.")
    print(f"\n{caught} of {len(verdicts)} mutations were caught ({caught / len(verdicts):.0%}).")


if __name__ == "__main__":
    sys.exit(main())
