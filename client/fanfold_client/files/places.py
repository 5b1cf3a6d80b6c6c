"""Turn places as people write them into places that the service knows; local files are uploaded."""

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fanfold.foreground.places import place_url
from fanfold.terminal.display import Display
from fanfold_client.api.collections import Files
from fanfold_client.api.problems import Refused
from fanfold_client.files.transfer import Local, distinct, local_files, stored_name, upload
from fanfold_steps.inputs.listing import fixed_part, list_files, matches
from fanfold_storage.errors import NotFound

SCHEME = "files:"
UPLOADS = "uploads/"


def remote_path(place: str) -> str:
    """The path in the service for `put`, `get`, `ls` and `rm`; the prefix `files:` is optional.

    Raises:
        Refused: the place isn't in the service.
    """
    if "://" in place:
        raise Refused(f"{place!r} is not a path in the service: write it like files:texts/")
    return place.removeprefix(SCHEME).removeprefix("/")


def input_place(store: Files, place: str, display: Display) -> str:
    """A place that a job can read: `files:…` and `s3://…` stay as they are, local files are uploaded.

    An upload is stored under the hash of its contents and names, so that the same data is sent only once.

    Raises:
        Refused: it isn't a place, or the local file doesn't exist.
    """
    if place.startswith((SCHEME, "s3://")):
        return place
    if "://" in place:
        raise Refused(
            f"{place!r} is not supported: use files:PATH, s3://BUCKET/PATH, or a file or folder on this machine"
        )
    source = Path(place)
    name = source.resolve().name or "data"
    if source.exists():
        files = local_files(source, name)
    else:
        source, name, files = Path(), "data", _matching(place)
    digests = {file.path: _sha256(file.source) for file in files}
    root = f"{UPLOADS}{content_hash(digests)[:20]}/"
    stored_sizes = {file["path"]: file["size"] for file in store.list(root)}
    wanted = [Local(file.source, root + file.path) for file in files]
    missing = [file for file in wanted if stored_sizes.get(file.path) != file.source.stat().st_size]
    for stored in upload(store, missing, display) if missing else []:
        if stored.get("sha256") != digests[stored["path"].removeprefix(root)]:
            store.remove(stored["path"])
            raise Refused(f"{place} changed while it was being uploaded: submit again once nothing writes to it")
    return f"{SCHEME}{root}{name}{'/' if source.is_dir() else ''}"


def _matching(place: str) -> list[Local]:
    """The local files that match a pattern. Raises Refused: there are none."""
    if sys.platform == "win32":
        return _matching_on_windows(place)
    try:
        files = list_files(place_url(place))
    except NotFound:
        raise _nothing_at(place) from None
    found = [(Path(unquote(urlsplit(file.root).path, errors="surrogateescape")) / file.key, file.key) for file in files]
    return distinct([Local(path, f"data/{stored_name(key)}") for path, key in found])


def _matching_on_windows(place: str) -> list[Local]:
    """The same without the store for folders, which only POSIX systems have."""
    pattern = Path(place).as_posix()
    base = fixed_part(pattern).rpartition("/")[0]
    wanted = pattern.removeprefix(f"{base}/")
    names = (Path(folder, name) for folder, _, files in os.walk(base or ".") for name in files)
    found = [(path, path.relative_to(base or ".").as_posix()) for path in sorted(names)]
    matched = [Local(path, f"data/{stored_name(key)}") for path, key in found if matches(key, wanted)]
    if not matched:
        raise _nothing_at(place)
    return distinct(matched)


def _nothing_at(place: str) -> Refused:
    what = f"{place} is not a file or folder on this machine, and matches none as a pattern"
    return Refused(f"{what}: check the path, or write files:PATH for files in the service")


def output_place(place: str) -> str:
    """A place that a job can write to: `files:…` or `s3://…`. Raises Refused: it is anything else."""
    if place.startswith((SCHEME, "s3://")):
        return place
    raise Refused(
        f"the service can't write to {place!r}: use a place in the service, such as files:counts/, and fetch it with "
        "`fanfold get`; or leave out --output and use `fanfold results`"
    )


def content_hash(digests: Mapping[str, str]) -> str:
    """SHA-256 (hex) of a set of files, from their paths and their own SHA-256.

    >>> content_hash({"a": "1", "b": "2"}) == content_hash({"b": "2", "a": "1"})
    True
    """
    listing = "".join(f"{digests[path]}  {path}\0" for path in sorted(digests))
    return hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
