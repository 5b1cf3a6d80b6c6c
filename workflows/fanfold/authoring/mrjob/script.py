"""An mrjob script's job, as the script itself describes it."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fanfold.authoring.mrjob import probe
from fanfold.errors import InvalidJob


@dataclass(frozen=True, slots=True)
class Script:
    """A job as its script describes it, in mrjob's own terms."""

    path: Path
    name: str
    """Of the job's class."""
    steps: list[dict[str, Any]]
    arguments: list[Any]
    """What every task receives besides its step: strings, and `{"path": …, "name": …}` for a file to ship."""
    places: list[str] = field(default_factory=list)
    """Inputs among the options."""
    options: dict[str, tuple[str, Any]] = field(default_factory=dict)
    """mrjob's own options that aren't at their defaults, by mrjob's names: how each is written, and its value."""
    jobconf: dict[str, Any] = field(default_factory=dict)
    sort_values: bool = False
    partitioner: str | None = None
    input_format: str | None = None
    output_format: str | None = None
    libjars: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    dirs: list[str] = field(default_factory=list)
    archives: list[str] = field(default_factory=list)


def ask(path: Path, options: Sequence[str], python: str = sys.executable) -> Script:
    """Ask a script, under an interpreter that can import mrjob, what its job is with these options.

    Raises:
        InvalidJob: there is no such script or interpreter, mrjob isn't installed there, or the script runs no job.
    """
    if not path.is_file():
        raise InvalidJob(f"there is no file {path}: check the path")
    with tempfile.TemporaryDirectory(prefix="fanfold-mrjob-") as folder:
        answer = Path(folder) / "answer"
        command = [python, probe.__file__, str(answer), str(path), *options]
        try:
            process = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        except OSError as error:
            raise InvalidJob(f"--python {python} can't be started: {error.strerror}") from error
        if process.returncode == probe.NO_MRJOB:
            mend = f"install it there ({python} -m pip install mrjob), or name another Python with --python"
            raise InvalidJob(f"mrjob can't be imported by {python}: {mend}")
        if process.returncode or not answer.exists():
            raise InvalidJob(_why_no_answer(path, process))
        return Script(path, **json.loads(answer.read_bytes()))


def _why_no_answer(path: Path, process: "subprocess.CompletedProcess[bytes]") -> str:
    output = (process.stdout + process.stderr).decode("utf-8", "replace").strip()
    if process.returncode:
        return f"{path} can't describe its steps:\n{output or f'it ended with status {process.returncode}'}"
    mend = 'let it end with `if __name__ == "__main__":` and MRYourJob.run()'
    return output or f"{path} runs no mrjob job: {mend}"
