"""On one machine: word count of 200 MB by the record API beside a bare two-process script."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import text
from bench.timing import side_by_side

HERE = Path(__file__).parent
SIZE = 200_000_000
RUNS = 5


def measure() -> dict[str, Any]:
    """The figures, as JSON."""
    with tempfile.TemporaryDirectory(prefix="fanfold-bench-") as folder:
        source = text.make(Path(tempfile.gettempdir()) / "fanfold-bench-input", SIZE)
        target = Path(folder) / "out"
        ours = [sys.executable, str(HERE.parent / "examples/wordcount.py"), "--input", str(source)]
        commands = {
            "fanfold": lambda: [*ours, "--output", str(target), "--workers", "2", "--partitions", "2", "--quiet"],
            "bare": lambda: [sys.executable, str(HERE / "bare.py"), str(source), str(target)],
        }
        times = side_by_side(commands, RUNS, lambda: shutil.rmtree(target, ignore_errors=True))
    return {
        "bytes": SIZE,
        **{name: found.as_json() for name, found in times.items()},
        "ratio": round(times["fanfold"].median / times["bare"].median, 2),
    }
