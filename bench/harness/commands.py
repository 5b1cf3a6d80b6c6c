"""How the bench starts things: Fanfold, and its peers, which have an environment of their own."""

import functools
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.harness.ways import Way

ROOT = Path(__file__).parents[2]
PEERS = ROOT / ".venv-bench" / "bin" / "python"
SCRIPTS = ROOT / "bench" / "peers"
WORKERS = 2
BUDGET = "256MiB"  # of the rows that are about memory
ENVIRON = {"POLARS_MAX_THREADS": str(WORKERS), "SPARK_LOCAL_IP": "127.0.0.1"}


def fanfold(job: str, source: Path, *options: str) -> Callable[[Path], Sequence[str]]:
    """`fanfold run` of a built-in or a file of the repository (`examples/wordcount.py`), by two workers."""
    named = str(ROOT / job) if job.endswith(".py") else job
    given = [*options, "--quiet"] if "--workers" in options else [*options, "--workers", str(WORKERS), "--quiet"]
    start = [sys.executable, "-m", "fanfold_client", "run", named, "--input", str(source)]
    return lambda target: [*start, "--output", str(target), *given]


def bare(script: str, source: Path) -> Callable[[Path], Sequence[str]]:
    """A script as one writes it without any library, on Fanfold's own Python."""
    return lambda target: [sys.executable, str(SCRIPTS / script), str(source), str(target)]


def peer(script: str, source: Path, *, runs: int = 1, watch_memory: bool = False) -> Way:
    """A script over one of the peers, with two threads or processes, in the environment of the bench."""

    def command(target: Path) -> Sequence[str]:
        return [str(PEERS), str(SCRIPTS / script), str(source), str(target)]

    return Way(command, runs, ENVIRON, watch_memory)


def spark(script: str, source: Path) -> dict[str, Way]:
    """Spark's way, where there is a Java to run it."""
    return {"spark": peer(script, source, watch_memory=True)} if shutil.which("java") else {}


@functools.cache
def versions() -> dict[str, str]:
    """What was measured beside Fanfold, and its versions."""
    names = "dask duckdb mrjob polars pyspark"
    script = f"import importlib.metadata as m; [print(n, m.version(n)) for n in '{names}'.split()]"
    told = subprocess.run([str(PEERS), "-c", script], check=True, capture_output=True, text=True).stdout
    sort = subprocess.run(["sort", "--version"], check=True, capture_output=True, text=True).stdout
    found = dict(line.split() for line in told.splitlines()) | {"GNU sort": sort.split("\n")[0].split()[-1]}
    return found if shutil.which("java") else found | {"pyspark": "not run: this machine has no Java"}
