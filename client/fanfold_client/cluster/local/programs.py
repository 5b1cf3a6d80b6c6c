"""Run other programs than kubectl: minikube, kind, make."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from fanfold_client.api.problems import ClientError, Refused

LAST_LINES = 15


def output_of(command: Sequence[str], seconds: float = 120) -> str:
    """What the command prints. Raises Refused: there is no such program; ClientError: it failed, or took too long."""
    _require(command[0])
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", timeout=seconds
        )
    except subprocess.TimeoutExpired:
        raise ClientError(f"`{' '.join(command)}` took longer than {seconds:.0f} s; try it by hand.") from None
    if done.returncode:
        last = "\n".join(done.stderr.splitlines()[-LAST_LINES:])
        raise ClientError(f"`{' '.join(command)}` failed with status {done.returncode}: {last or 'it printed nothing'}")
    return done.stdout


def run_shown(command: Sequence[str], folder: Path, say: Callable[[str], None]) -> None:
    """Run the command in a folder; each of its lines goes to `say` as it comes. Raises as `output_of` does."""
    _require(command[0])
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder,
        text=True, encoding="utf-8", errors="replace",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            say(f"  {line.rstrip()}")
    if process.returncode:
        raise ClientError(
            f"`{' '.join(command)}` failed with status {process.returncode}; its last lines above say why. Mend that, "
            "then deploy again."
        )


def _require(program: str) -> None:
    if shutil.which(program) is None:
        raise Refused(f"{program} is not installed, or not in PATH: install it and try again.")
