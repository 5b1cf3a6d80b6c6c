"""The files that a URL stands for: a file, all below a folder, or what a pattern matches."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain
from urllib.parse import quote, unquote

from fanfold_storage.errors import NotFound
from fanfold_storage.objects import Objects, Stat, read_all, validate_key
from fanfold_storage.urls import open_objects, split_url

WILD = "*?["
MANIFEST = "_SUCCESS"
HIDDEN = (".", "_")
LARGEST_MANIFEST = 64 << 20


@dataclass(frozen=True, slots=True)
class File:
    """An input file: the store's URL (ends with a slash), its key there, its size in bytes, when it was written; and
    the name of the input that it belongs to, if the job names its inputs."""

    root: str
    key: str
    size: int
    modified: float = 0.0
    input: str = ""


def list_files(url: str) -> list[File]:
    """The file at `url`, or all files below it in key order; or if there are none, what it matches as a pattern.

    In a pattern `*`, `?` and `[…]` stand for characters of a name, but for no dot or underscore at its beginning, and
    `**` for any folders. It matches files; with a slash at the end, folders with all that lies below them.

    Files and folders whose names begin with a dot or an underscore are no data, as in Hadoop; a file that is named
    itself is read. A folder that holds `_SUCCESS` is a job's output: there, the folders of its named outputs are data
    of their own. Of a job that isn't finished `_job/job.json` comes along, for the caller to refuse.

    Raises:
        NotFound: there is neither a file nor a folder, or it holds no data, or the pattern matches nothing.
        InvalidKey: a file's name holds control characters.
    """
    folder, name = split_url(url)
    if name:
        store = open_objects(folder)
        try:
            stat = store.stat(name)
            return [File(store.url, name, stat.size, stat.modified)]
        except NotFound:
            pass
    store = open_objects(f"{url.rstrip('/')}/")
    found = list(store.list())
    if not found:
        store, found = _matching(url)
    else:
        found = [stat for stat in found if not is_hidden(_seen(stat.key))]
    if not found:
        raise NotFound(f"no file at or below {url} but those whose names begin with a dot or an underscore")
    aside = tuple(chain.from_iterable(_no_data(store, stat) for stat in found))
    return [
        File(store.url, validate_key(stat.key), stat.size, stat.modified)
        for stat in found
        if not stat.key.startswith(aside)
    ]


def is_hidden(path: str) -> bool:
    """Whether a file's name, or that of a folder on the way, says that it is no data.

    >>> is_hidden("logs/_temporary/a"), is_hidden("logs/.a.crc"), is_hidden("logs/a_b.c")
    (True, True, False)
    """
    return any(name.startswith(HIDDEN) for name in path.split("/"))


def matches(path: str, pattern: str) -> bool:
    """Whether a file's path is one that a pattern stands for.

    >>> [matches(path, "logs/*/*.gz") for path in ("logs/a/b.gz", "logs/b.gz", "logs/a/.b.gz")]
    [True, False, False]
    >>> [matches(path, "logs/**/*.gz") for path in ("logs/a/b/c.gz", "logs/c.gz", "logs/a/b")]
    [True, True, False]
    >>> matches("logs/a/b/c", "logs/[!b]*/"), matches("logs/b/c", "logs/[!b]*/")
    (True, False)
    """
    parts = pattern.split("/")
    if parts[-1] in ("", "**"):
        parts[-1:] = ["**", "*"]
    reached = _past_folders({0}, parts)
    for name in path.split("/"):
        ahead = {at for at in reached if at < len(parts) and _is_like(name, parts[at])}
        reached = _past_folders({at + (parts[at] != "**") for at in ahead}, parts)
    return len(parts) in reached


def fixed_part(url: str) -> str:
    """What comes before the first wildcard; all of a URL without one.

    >>> fixed_part("s3://logs/2026/a*/b")
    's3://logs/2026/a'
    """
    return url[: min((at for at in map(url.find, WILD) if at >= 0), default=len(url))]


def _matching(url: str) -> tuple[Objects, list[Stat]]:
    """The store that a pattern's fixed folders lead to, and the objects there that it matches. Raises NotFound."""
    is_file = url.startswith("file:")
    text = unquote(url, errors="surrogateescape") if is_file else url
    fixed = fixed_part(text)
    base = fixed.rpartition("/")[0]
    if fixed == text:
        raise NotFound(f"no file at or below {url}")
    pattern = text.removeprefix(f"{base}/")
    deepest = None if "**" in pattern or pattern.endswith("/") else pattern.count("/") + 1
    store = open_objects(f"{_quoted(base) if is_file else base}/")
    listed = store.list(fixed_part(pattern), deepest=deepest)
    if not (found := [stat for stat in listed if matches(_seen(stat.key), pattern)]):
        raise NotFound(f"no file matches {text}")
    return store, found


def _quoted(base: str) -> str:
    scheme, _, path = base.partition("://")
    return f"{scheme}://{quote(os.fsencode(path))}"


def _past_folders(reached: set[int], parts: list[str]) -> set[int]:
    """Places in a pattern, with those that follow where `**` stands for no folder."""
    for at, part in enumerate(parts):
        if at in reached and part == "**":
            reached = reached | {at + 1}
    return reached


def _is_like(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) and (not name.startswith(HIDDEN) or pattern.startswith(name[0]))


def _seen(key: str) -> str:
    """A key as folders and patterns see it: what tells of a job is not hidden from them."""
    return re.sub(rf"(^|/)_({MANIFEST[1:]}|job/job\.json)$", r"\1\2", key)


def _no_data(store: Objects, stat: Stat) -> Iterator[str]:
    """If this tells that its folder is a job's output: how keys begin there of what isn't the output's data."""
    folder, slash, name = stat.key.rpartition("/")
    if name != MANIFEST:
        return
    yield f"{folder}{slash}_"
    try:
        manifest = json.loads(read_all(store, stat.key)) if 0 < stat.size < LARGEST_MANIFEST else {}
        yield from (f"{folder}{slash}{output}/" for output in manifest.get("outputs", {}))
    except (ValueError, AttributeError, TypeError):  # not one of ours
        return
