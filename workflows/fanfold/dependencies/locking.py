"""uv, which resolves requirements into a lock file, and what it says if it can't."""

import re
import subprocess
import sys
import tempfile
from functools import cache
from importlib.metadata import requires
from pathlib import Path
from typing import TYPE_CHECKING

from fanfold.dependencies.requirements import Requirements
from fanfold.dependencies.targets import Target
from fanfold.errors import Refused
from fanfold_steps.user_code.packages import find_uv
from fanfold_storage.extras import to_install

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OURS = "fanfold"  # workers have it; it is left out of what they install
_NO_SOLUTION = 1  # uv's exit status
_LONGEST_REASON = 1500


class IndexAway(Refused):
    """The package index doesn't respond."""

    exit_status = 6


def lock_for(requirements: Requirements, target: Target) -> str:
    """The requirements as a `pylock.toml`, which PEP 751 defines. Raises Refused, IndexAway."""
    with tempfile.TemporaryDirectory(prefix="fanfold-resolution-") as folder:
        excludes, constraints = Path(folder) / "excludes.txt", Path(folder) / "constraints.txt"
        excludes.write_text(OURS)
        constraints.write_text("\n".join(own_constraints()))
        command = [find_uv(_no_uv), "pip", "compile", str(requirements.file), *_options(target)]
        done = subprocess.run(
            [*command, "--excludes", str(excludes), "--constraints", str(constraints)],
            cwd=requirements.file.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
    if done.returncode == 0:
        return done.stdout
    why = "; ".join([_reason(done.stderr), *_named_by_us(done.stderr)])
    if done.returncode != _NO_SOLUTION and "Failed to fetch" in done.stderr:
        raise IndexAway(f"no response from the package index: {why}")
    raise Refused(f"the packages of {requirements.file} can't be resolved for {target}: {why}")


def _options(target: Target) -> list[str]:
    options = ["--python-version", target.python, "--python-platform", target.platform, "--only-binary", ":all:"]
    # Without --python, uv searches this machine, and then the network, for a Python of the target's version.
    return [*options, "--python", sys.executable, "--format", "pylock.toml", "--no-header", "--quiet"]


@cache
def own_constraints() -> tuple[str, ...]:
    """The versions that Fanfold needs of packages that it imports into the same process as the job's code."""
    from packaging.requirements import Requirement

    found = [Requirement(text) for text in requires(OURS) or ()]
    shared = [one for one in found if one.name != OURS and _is_in_workers(one)]
    return tuple(sorted({f"{one.name}{one.specifier}" for one in shared}))


def _is_in_workers(requirement: "Requirement") -> bool:
    marker = requirement.marker
    extras = ("", "s3", "batch", "parquet", "steps")
    return marker is None or "extra" not in str(marker) or any(marker.evaluate({"extra": extra}) for extra in extras)


def _named_by_us(stderr: str) -> list[str]:
    """What Fanfold itself needs of the packages that uv complains about."""
    ours = [need for need in own_constraints() if need in stderr]
    return [f"Fanfold itself needs {' and '.join(ours)}"] if ours else []


def _reason(stderr: str) -> str:
    """What uv says, as one sentence.

    >>> _reason("error: No solution found when resolving dependencies\\n  cause: Because x has no usable wheels.")
    'because x has no usable wheels: name a version that has a wheel, or use an image that has the package'
    """
    text = re.sub(r"\s*\bhint: .*", "", stderr, flags=re.DOTALL)
    lines = (re.sub(r"^(error|cause): ", "", line.strip()) for line in text.splitlines())
    reason = " ".join(line for line in lines if line and not line.startswith("No solution found")).rstrip(".")
    reason = re.sub(r"^Because\b", "because", reason)
    reason = re.sub(r"(\. And because you require [^,]+)?, we can conclude that your requirements are \S+$", "", reason)
    reason = reason[:_LONGEST_REASON]
    mend = "name a version that has a wheel, or use an image that has the package"
    return f"{reason}: {mend}" if "no usable wheels" in reason or "no wheels" in reason else reason


def _no_uv(why: str) -> Refused:
    return Refused(f"{why}; run: {to_install('workflows')}")
