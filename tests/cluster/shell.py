"""Run other programs, and fail with a message that says what, where and how to mend."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin")


class ClusterError(Exception):
    """Something the test cluster needs did not work; the message is for the person who started it."""


def say(text: str) -> None:
    """Tell the person how it goes, on stderr: stdout is for what a script may read."""
    print(text, file=sys.stderr, flush=True)


def environment(extra: Mapping[str, str] | None = None, path: Sequence[Path] = ()) -> dict[str, str]:
    """Ours plus `extra`; `path` goes first, the system's own folders last (a user's PATH may lack sbin)."""
    own = os.environ.get("PATH", "").split(os.pathsep)
    folders = [*map(str, path), *own, *SYSTEM_FOLDERS]
    return {**os.environ, **(extra or {}), "PATH": os.pathsep.join(dict.fromkeys(filter(None, folders)))}


def run(
    *command: str | Path,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
    check: bool = True,
) -> str:
    """Run to the end and return what it printed; raise ClusterError with its last lines if it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, input=stdin, env=environment() if env is None else env, cwd=cwd, timeout=timeout,
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
    except FileNotFoundError as missing:
        raise ClusterError(f"{words[0]} is not on this machine: run `python -m tests.cluster build`.") from missing
    except subprocess.TimeoutExpired as late:
        raise ClusterError(f"`{' '.join(words)}` gave no answer within {timeout:.0f} s.") from late
    if check and done.returncode:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-20:])
        place = f" in {cwd}" if cwd else ""
        raise ClusterError(f"`{' '.join(words)}`{place} ended with status {done.returncode}:\n{last}")
    return done.stdout
