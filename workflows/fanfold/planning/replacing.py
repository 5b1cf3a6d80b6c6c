"""Replace an earlier job's output once the new one is complete (`--overwrite`).

In a folder, the new output and its job's tree are built beside the old one, in `.NAME.fanfold-new`, and the two swap
names in one step. Where this is impossible, in a bucket or on a mount point, the parts are staged in place, and
`finish` deletes the old output just before it makes them visible. Until then the old output is untouched; from then on
the same command can always complete the new one.

Only a job's output is ever replaced: a folder with anything else in it is refused.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fanfold.errors import Refused
from fanfold.planning.exchange import can_exchange, exchange
from fanfold_steps.crash_points import around
from fanfold_steps.outputs.finish import MANIFEST
from fanfold_steps.outputs.place import resolved
from fanfold_storage.errors import NotFound
from fanfold_storage.objects import read_all
from fanfold_storage.urls import local_path, open_objects

_PART = re.compile(r"part-\d{5,}\.[^/]+")


@dataclass(frozen=True, slots=True)
class Target:
    """The URLs where an output belongs (`final`) and where it is built (`work`), which are usually the same.

    `replaces` is the SHA-256 (hex) of the old output's manifest, if that output is replaced in place.
    """

    final: str
    work: str
    replaces: str | None = None

    @property
    def is_beside(self) -> bool:
        """Whether the output is built beside the place where it belongs."""
        return self.work != self.final


def target_of(output: str, inputs: Sequence[str]) -> Target:
    """Where to build the replacement of `output`, which need not exist.

    Raises:
        Refused: the output contains something that no job wrote, or one of the job's inputs.
    """
    for url in inputs:
        if f"{resolved(url)}/".startswith(f"{resolved(output)}/"):
            raise Refused(
                f"the input {url} lies in the output {output}, which would be replaced: choose another output"
            )
    manifest = _manifest(output)
    if manifest is None:
        return Target(output, output)
    folder = _folder(output)
    if folder and can_exchange(folder):
        return Target(output, _beside(folder).as_uri() + "/")
    return Target(output, output, hashlib.sha256(manifest).hexdigest())


def put_in_place(target: Target) -> None:
    """Swap the new, complete output with the old one.

    Raises:
        Refused: somebody has put something into the old output since.
    """
    new, place = _folder(target.work), _folder(target.final)
    assert new
    assert place
    _manifest(target.final)  # raises if it contains something else
    place.mkdir(exist_ok=True)  # it may have been removed since
    shutil.copymode(place, new)
    with around("overwrite.swap"):
        exchange(new, place)


def remove_leftovers(output: str) -> None:
    """Remove a replaced output, or an abandoned replacement, from beside the output."""
    if folder := _folder(output):
        with around("overwrite.old"):
            shutil.rmtree(_beside(folder), ignore_errors=True)


def _manifest(output: str) -> bytes | None:
    """The manifest of an earlier job's output; None if the output doesn't exist.

    Raises:
        Refused: the output contains anything else.
    """
    store = open_objects(output)
    try:
        keys = [stat.key for stat in store.list()]
        manifest = read_all(store, MANIFEST) if MANIFEST in keys else None
    except NotFound:
        return None
    foreign = [key for key in keys if not _is_ours(key)]
    if foreign or not _is_manifest(manifest, keys):
        why = f"it contains {foreign[0]}" if foreign else f"it has no {MANIFEST} file of a job"
        raise Refused(
            f"{output} is not just the output of a job ({why}), so it won't be replaced: "
            "move what you need elsewhere and remove it, or choose another output"
        )
    return manifest


def _is_ours(key: str) -> bool:
    first, _, last = key.rpartition("/")
    return key.startswith("_") or ("/" not in first and _PART.fullmatch(last) is not None)


def _is_manifest(manifest: bytes | None, keys: Sequence[str]) -> bool:
    """Whether it is a job's manifest, or missing because the output so far only consists of its job's tree."""
    if manifest is None:
        return all(key.startswith("_job/") for key in keys)
    try:
        return {"job", "parts"} <= set(json.loads(manifest))
    except (ValueError, TypeError):
        return False


def _folder(url: str) -> Path | None:
    """The folder on this machine that a URL names, with symlinks resolved; None for a bucket."""
    path = local_path(url)
    return path.resolve() if path else None


def _beside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.fanfold-new")
