"""From a place as people write it to one that the service knows: local paths are uploaded on the way."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fanfold.verbs.options import place_url
from fanfold.verbs.progress import Display
from fanfold_client.client import Client
from fanfold_client.problems import Refused
from fanfold_client.transfer import Local, local_files, upload
from fanfold_steps.listing import list_files
from fanfold_storage.errors import NotFound

SCHEME = "files:"
UPLOADS = "uploads/"


def remote_path(place: str) -> str:
    """The path in the service that `put`, `get`, `ls` and `rm` mean; `files:` before it may be left out.

    Raises:
        Refused: it is a place elsewhere.
    """
    if "://" in place:
        raise Refused(f"{place!r} is elsewhere: a REMOTE is a path in the service, like files:texts/")
    return place.removeprefix(SCHEME).removeprefix("/")


def input_place(client: Client, place: str, display: Display) -> str:
    """A place that a job can read: `files:…` and `s3://…` as they are, a local file or folder uploaded.

    An upload lies under the hash of its contents and names, so the same data is sent once, however often submitted.

    Raises:
        Refused: it is no place, and nothing local either.
    """
    if place.startswith((SCHEME, "s3://")):
        return place
    if "://" in place:
        raise Refused(f"{place!r} is no place: write files:PATH, s3://BUCKET/PATH, or a file or folder of this machine")
    source = Path(place)
    name = source.resolve().name or "data"
    if source.exists():
        files = local_files(source, name)
    else:
        source, name, files = Path(), "data", _matching(place)
    digests = {file.path: _sha256(file.source) for file in files}
    root = f"{UPLOADS}{content_hash(digests)[:20]}/"
    there = {file["path"]: file["size"] for file in client.files.list(root)}
    wanted = [Local(file.source, root + file.path) for file in files]
    missing = [file for file in wanted if there.get(file.path) != file.source.stat().st_size]
    for stored in upload(client, missing, display) if missing else []:
        if stored.get("sha256") != digests[stored["path"].removeprefix(root)]:
            client.files.remove(stored["path"])
            raise Refused(f"{place} changed while it was uploaded: submit again when nobody writes there")
    return f"{SCHEME}{root}{name}{'/' if source.is_dir() else ''}"


def _matching(place: str) -> list[Local]:
    """The local files that a pattern stands for."""
    try:
        found = list_files(place_url(place))
    except NotFound:
        what = f"there is no file or folder {place} here, and nothing that it would match as a pattern"
        raise Refused(f"{what}: check the path; files in the service are files:PATH") from None
    return [Local(Path(unquote(urlsplit(file.root).path)) / file.key, f"data/{file.key}") for file in found]


def output_place(place: str) -> str:
    """A place that a job can write: `files:…` or `s3://…`. Raises Refused for anything else."""
    if place.startswith((SCHEME, "s3://")):
        return place
    raise Refused(
        f"the service can't write to {place!r}: name a place there, as in files:counts/, and fetch it with "
        "`fanfold get`; or leave --output out and use `fanfold results`"
    )


def content_hash(digests: Mapping[str, str]) -> str:
    """SHA-256 (hex) that stands for files: their paths and their own SHA-256.

    >>> content_hash({"a": "1", "b": "2"}) == content_hash({"b": "2", "a": "1"})
    True
    """
    listing = "".join(f"{digests[path]}  {path}\0" for path in sorted(digests))
    return hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
