"""One job for each group of features: run here, through the services and on a cluster, it has the same bytes."""

import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

JOBS = Path(__file__).parent
SHAPE = ("--partitions", "2")


@dataclass(frozen=True)
class Feature:
    """A job (a file beside this one, or a built-in), what it reads of `write_inputs`, and further words."""

    job: str
    inputs: Sequence[str] | Mapping[str, str]
    words: Sequence[str] = field(default=())

    @property
    def place(self) -> str:
        """The job as the command takes it."""
        return str(JOBS / self.job) if self.job.endswith(".py") else self.job

    def command(self, root: str) -> list[str]:
        """The words after `run` or `submit`, with the inputs below `root` (ends with a slash)."""
        named = self.inputs.items() if isinstance(self.inputs, Mapping) else [("", place) for place in self.inputs]
        places = [f"{name}={root}{place}" if name else f"{root}{place}" for name, place in named]
        return [self.place, *(word for place in places for word in ("--input", place)), *SHAPE, *self.words]


FEATURES = {
    "aggregations": Feature("aggregated.py", ["orders.csv"]),
    "batches": Feature("batches.py", ["orders.csv"]),
    "formats": Feature("formats.py", ["orders.csv"]),
    "join": Feature("joined.py", {"users": "users.csv", "orders": "orders.csv"}),
    "map only": Feature("map_only.py", ["texts/"]),
    "stages": Feature("stages.py", ["texts/"]),
    "surroundings": Feature("surroundings.py", ["texts/"], ["--param", "at_least=4"]),
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


def answer(feature: Feature, inputs: Path, output: Path) -> bytes:
    """The output's bytes as one worker makes them here, of one split."""
    command = [sys.executable, "-m", "fanfold_client", "run", *feature.command(f"{inputs}/")]
    ran = subprocess.run(
        [*command, "--output", str(output), "--workers", "1", "--quiet"], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return parts(output)


def parts(folder: Path) -> bytes:
    """All parts below a folder, those of named outputs too, each name once before its parts."""
    found = sorted(path for path in folder.rglob("part-*") if "_" not in path.relative_to(folder).as_posix()[:1])
    return b"".join(path.read_bytes() for path in found)
