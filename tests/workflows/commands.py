"""The command `fanfold run` as users start it, for tests that need a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

RUN = [sys.executable, "-m", "fanfold_client", "run"]


def run_in(
    folder: Path, *words: str | Path, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command line in a folder, to its end."""
    variables = {**os.environ, **(environ or {})}
    return subprocess.run(list(words), cwd=folder, env=variables, capture_output=True, text=True, timeout=60)
