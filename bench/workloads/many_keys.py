"""More keys than memory holds: 2 GB with 20 million distinct keys, each twice and far apart, in 256 MiB."""

from pathlib import Path
from typing import Any

from bench.harness import answers, inputs
from bench.harness.commands import BUDGET, fanfold
from bench.harness.processes import bare_interpreter
from bench.harness.ways import Way, in_turn

SIZE = 2_000_000_000


class WrongTotals(Exception):
    """The output isn't what the input makes."""


def many_keys(scale: float) -> dict[str, Any]:
    """The sum of each key's amounts, its count of keys and total checked."""
    size = round(SIZE * scale)
    source = inputs.warm(inputs.keyed(size))
    keys = size // inputs.KEYED // 2

    def checked(target: Path) -> str:
        amounts = [int(line.split(b"\t")[1]) for file in answers.parts(target) for line in file.open("rb")]
        if (len(amounts), sum(amounts)) != (keys, sum(number % 10 for number in range(2 * keys))):
            raise WrongTotals(f"{len(amounts):,} keys, their amounts {sum(amounts):,} together")
        return "as it must be"

    ways = {"fanfold": Way(fanfold("bench/jobs/amounts.py", source, "--memory", BUDGET), 1, watch_memory=True)}
    found = in_turn(ways, checked)
    return {"bytes": size, "keys": keys, "interpreter_mb": bare_interpreter() / 1e6, "ways": found}
