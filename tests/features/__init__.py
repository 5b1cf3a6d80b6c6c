"""One job for each group of features: run here, through the services and on a cluster, it has the same bytes."""

import random
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

JOBS = Path(__file__).parent


@dataclass(frozen=True)
class Feature:
    """A job (a file beside this one, or a built-in), what it reads of `write_inputs`, further words, named outputs."""

    job: str
    inputs: Sequence[str] | Mapping[str, str]
    words: Sequence[str] = ("--partitions", "2")
    named: Sequence[str] = ()

    @property
    def place(self) -> str:
        """The job as the command takes it."""
        return str(JOBS / self.job) if self.job.endswith(".py") else self.job

    def command(self, root: str) -> list[str]:
        """The words after `run` or `submit`, with the inputs below `root` (ends with a slash)."""
        named = self.inputs.items() if isinstance(self.inputs, Mapping) else [("", place) for place in self.inputs]
        places = [f"{name}={root}{place}" if name else f"{root}{place}" for name, place in named]
        return [self.place, *(word for place in places for word in ("--input", place)), *self.words]


FEATURES = {
    "aggregations": Feature("aggregated.py", ["orders.csv"]),
    "batches": Feature("batches.py", ["orders.csv"]),
    "formats": Feature("formats.py", ["orders.csv"]),
    "join": Feature("joined.py", {"users": "users.csv", "orders": "orders.csv"}),
    "map only": Feature("map_only.py", ["texts/"], []),
    "named results": Feature("named_results.py", ["orders.csv"]),
    "orders": Feature("orders.py", ["orders.csv"], named=["many"]),
    "parquet": Feature("parquet.py", ["orders.csv"]),
    "programs": Feature("programs.py", ["texts/"]),
    "stages": Feature("stages.py", ["texts/"]),
    "surroundings": Feature("surroundings.py", ["texts/"], ["--param", "at_least=4", "--partitions", "2"]),
    "grep": Feature("grep", ["texts/"], ["--param", "pattern=word1[0-9]"]),
    "sort": Feature("sort", ["texts/"]),
    "topk": Feature("topk", ["texts/"], ["--param", "k=5"]),
}


def write_inputs(folder: Path) -> None:
    """Some texts and two tables, the same each time."""
    chance = random.Random(11)
    words = ["the", "The", "naïve", "dog's", *(f"word{number}" for number in range(80))]
    for number in range(3):
        file = folder / f"texts/{number % 2}/{number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(" ".join(chance.choices(words, k=chance.randint(0, 9))) + "\n" for _ in range(200)))
    users = "".join(f"{number},user {number}\n" for number in range(40))
    (folder / "users.csv").write_text(f"id,name\n{users}")
    orders = [f"{chance.randrange(50)},{chance.randint(1, 9)},{chance.random() * 100:.2f}\n" for _ in range(600)]
    (folder / "orders.csv").write_text(f"user,count,price\n{''.join(orders)}")


def answer(feature: Feature, inputs: Path, output: Path) -> list[bytes]:
    """The bytes of the output and of each named one, as one worker makes them here, of one split."""
    command = [sys.executable, "-m", "fanfold_client", "run", *feature.command(f"{inputs}/")]
    ran = subprocess.run(
        [*command, "--output", str(output), "--workers", "1", "--quiet"], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return [parts(output / name) for name in ("", *feature.named)]


def fetched(feature: Feature, folder: Path, fetch: Callable[..., Any]) -> list[bytes]:
    """The same of a job's results, which `fetch` gets into a folder by the words of `fanfold results`."""
    fetch("--output", folder / "main")
    for name in feature.named:
        fetch("--name", name, "--output", folder / name)
    return [parts(folder / name) for name in ("main", *feature.named)]


def parts(folder: Path) -> bytes:
    """All parts in a folder, in order."""
    found = b"".join(path.read_bytes() for path in sorted(folder.glob("part-*")))
    assert found
    return found
