"""Replace: a new output takes the place of an old one only when it is whole (`--overwrite`).

In a folder the new output, with its job's tree, is made beside the old one, in `.NAME.fanfold-new`, and the two change
names in one step. Where that can't be, in a bucket or on a mount point, the parts are staged where they belong, and
`finish` takes the old output away just before it makes them visible; until then the old one is untouched, and from
then on the same command can always complete the new one.

Only a job's output is ever replaced: a folder with anything else in it is refused.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.request import url2pathname

from fanfold.exchange import can_exchange, exchange
from fanfold.planner import Refused, resolved
from fanfold_steps.crash_points import around
from fanfold_steps.finish import MANIFEST
from fanfold_storage.errors import NotFound
from fanfold_storage.objects import read_all
from fanfold_storage.urls import open_objects

_PART = re.compile(r"part-\d{5,}\.[^/]+")


@dataclass(frozen=True, slots=True)
class Target:
    """Where an output belongs (`final`) and where it is made (`work`), as URLs; mostly the same.

    `replaces` is the SHA-256 (hex) of the old output's manifest, where that output gives way in place.
    """

    final: str
    work: str
    replaces: str | None = None

    @property
    def is_beside(self) -> bool:
        """Whether the output is made beside its place."""
        return self.work != self.final


def target_of(output: str, inputs: Sequence[str]) -> Target:
    """Where to make what is to replace `output`, which may be free.

    Raises:
        Refused: something is there that no job wrote, or that the job reads.
    """
    for url in inputs:
        if f"{resolved(url)}/".startswith(f"{resolved(output)}/"):
            raise Refused(
                f"the input {url} lies in the output {output}, which is to be replaced: choose another output"
            )
    manifest = _manifest(output)
    if manifest is None:
        return Target(output, output)
    folder = _folder(output)
    if folder and can_exchange(folder):
        return Target(output, _beside(folder).as_uri() + "/")
    return Target(output, output, hashlib.sha256(manifest).hexdigest())


def put_in_place(target: Target) -> None:
    """Let the new output, which is whole, change names with the old one, and remove that.

    Raises:
        Refused: somebody put something into the old one meanwhile.
    """
    new, place = _folder(target.work), _folder(target.final)
    assert new
    assert place
    _manifest(target.final)
    place.mkdir(exist_ok=True)  # it may have been removed meanwhile
    shutil.copymode(place, new)
    with around("overwrite.swap"):
        exchange(new, place)


def remove_leftovers(output: str) -> None:
    """Remove what an output that was replaced, or a replacement that was given up, left beside it."""
    if folder := _folder(output):
        with around("overwrite.old"):
            shutil.rmtree(_beside(folder), ignore_errors=True)


def _manifest(output: str) -> bytes | None:
    """The manifest of the job's output that is there; None if nothing is. Raises Refused if it is anything else."""
    store = open_objects(output)
    try:
        keys = [stat.key for stat in store.list()]
        manifest = read_all(store, MANIFEST) if MANIFEST in keys else None
    except NotFound:
        return None
    foreign = [key for key in keys if not _is_ours(key)]
    if foreign or not _is_manifest(manifest, keys):
        told = f"it holds {foreign[0]}" if foreign else f"it has no {MANIFEST} of a job"
        raise Refused(
            f"{output} is not only the output of a job ({told}), so it is not replaced: "
            "move away what you need and remove it, or choose another output"
        )
    return manifest


def _is_ours(key: str) -> bool:
    first, _, last = key.rpartition("/")
    return key.startswith("_") or ("/" not in first and _PART.fullmatch(last) is not None)


def _is_manifest(manifest: bytes | None, keys: Sequence[str]) -> bool:
    """Whether it is one, or there need be none: an output that isn't whole yet has only its job's tree."""
    if manifest is None:
        return all(key.startswith("_job/") for key in keys)
    try:
        return {"job", "parts"} <= set(json.loads(manifest))
    except (ValueError, TypeError):
        return False


def _folder(url: str) -> Path | None:
    """The folder of this machine that a URL names, links followed; None for a bucket."""
    return Path(url2pathname(url.removeprefix("file://"))).resolve() if url.startswith("file:") else None


def _beside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.fanfold-new")
