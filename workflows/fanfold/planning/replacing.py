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
from fanfold_steps.inputs.listing import LARGEST_MANIFEST
from fanfold_steps.outputs.finish import MANIFEST
from fanfold_steps.outputs.place import resolved
from fanfold_storage.errors import NotFound, TooLarge
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


def target_of(output: str, inputs: Sequence[str], *, beside: bool = True) -> Target:
    """Where to build the replacement of `output`, which need not exist.

    Args:
        output: the URL of the folder.
        inputs: the URLs of the job's inputs.
        beside: whether this process can swap folders for all workers.

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
    folder = _folder(output) if beside else None
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


def written_by(output: str) -> str | None:
    """The id of the job whose output this is; None if it is no job's."""
    try:
        manifest = json.loads(read_all(open_objects(output), MANIFEST, LARGEST_MANIFEST))
    except (NotFound, TooLarge, ValueError, RecursionError):
        return None
    return str(manifest.get("job")) if isinstance(manifest, dict) else None


def foreign_beside(target: Target) -> str | None:
    """What lies where the new output is to be built, beside the old one, and is no leftover of a job."""
    try:
        return next((stat.key for stat in open_objects(target.work).list() if not _is_ours(stat.key)), None)
    except NotFound:
        return None


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
    has_manifest, has_tree_alone = False, True
    try:
        for stat in store.list():
            if not _is_ours(stat.key):
                raise _not_ours(output, f"it contains {stat.key}")
            has_manifest |= stat.key == MANIFEST
            has_tree_alone &= stat.key.startswith("_job/")
        manifest = read_all(store, MANIFEST, LARGEST_MANIFEST) if has_manifest else None
    except NotFound:
        return None
    except TooLarge:
        manifest = b""
    if not (has_tree_alone if manifest is None else _is_manifest(manifest)):
        raise _not_ours(output, f"it has no {MANIFEST} file of a job")
    return manifest


def _not_ours(output: str, why: str) -> Refused:
    return Refused(
        f"{output} is not just the output of a job ({why}), so it won't be replaced: "
        "move what you need elsewhere and remove it, or choose another output"
    )


def _is_ours(key: str) -> bool:
    first, _, last = key.rpartition("/")
    return key.startswith("_") or ("/" not in first and _PART.fullmatch(last) is not None)


def _is_manifest(manifest: bytes) -> bool:
    try:
        return {"job", "parts"} <= set(json.loads(manifest))
    except (ValueError, TypeError, RecursionError):
        return False


def _folder(url: str) -> Path | None:
    """The folder on this machine that a URL names, with symlinks resolved; None for a bucket."""
    path = local_path(url)
    return path.resolve() if path else None


def _beside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.fanfold-new")
