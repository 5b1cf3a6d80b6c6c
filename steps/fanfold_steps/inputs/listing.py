"""The files that a URL refers to: a file, all files in a folder, or those that a pattern matches."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain, islice
from urllib.parse import quote, unquote

from fanfold_storage.errors import InvalidKey, NotFound, StorageError, Unsupported
from fanfold_storage.objects import Objects, Stat, read_all, readable_key
from fanfold_storage.urls import join_url, open_objects, split_url

WILD = "*?[{"
MANIFEST = "_SUCCESS"
HIDDEN = (".", "_")
LARGEST_MANIFEST = 64 << 20
MOST_ALTERNATIVES = 1000  # of one pattern: thirty pairs of braces would stand for a billion


@dataclass(frozen=True, slots=True)
class File:
    """An input file: its store's URL (which ends with a slash), its key there, its size in bytes, when it was modified
    (Unix seconds), and the name of the input that it belongs to, if the job names its inputs."""

    root: str
    key: str
    size: int
    modified: float = 0.0
    input: str = ""


def list_files(url: str) -> list[File]:
    """The file at `url`, or all files below it in key order; if there are none, the files that it matches as a pattern.

    In a pattern `*`, `?` and `[…]` stand for characters of a name, except for a dot or underscore at its beginning,
    `{…,…}` for one of several alternatives, and `**` for any number of folders. A pattern matches files or, if it ends
    with a slash, folders with all that lies below them.

    Files and folders whose names begin with a dot or an underscore are skipped, as in Hadoop; a file that is named
    itself is read. A folder that contains `_SUCCESS` is a job's output: the folders of its named outputs don't belong
    to it. If a job isn't finished, its `_job/job.json` is included, so that the caller can refuse it.

    Raises:
        NotFound: there is neither a file nor a folder, or it contains no data, or the pattern matches nothing.
        InvalidKey: a file's name isn't one that can be read.
        Unsupported: a file claims to be empty, but isn't; or a pattern has more than 1000 alternatives.
    """
    folder, name = split_url(url)
    if name:
        store = open_objects(folder)
        try:
            stat = store.stat(name)
            return [_refuse_sizeless(File(store.url, name, stat.size, stat.modified), store)]
        except NotFound:
            pass
        except InvalidKey:
            readable_key(name)  # a folder may be called so
    store = open_objects(f"{url.rstrip('/')}/")
    stats = list(store.list())
    if not stats:
        store, stats = _matching(url)
    else:
        stats = [stat for stat in stats if not is_hidden(_unhidden(stat.key))]
    if not stats:
        raise NotFound(f"no file at or below {url}, except some whose names begin with a dot or an underscore")
    excluded = tuple(chain.from_iterable(_not_input(store, stat) for stat in stats))
    return [
        _refuse_sizeless(File(store.url, readable_key(stat.key), stat.size, stat.modified), store)
        for stat in stats
        if not stat.key.startswith(excluded)
    ]


def is_hidden(path: str) -> bool:
    """Whether the name of a file, or of a folder that it lies in, begins with a dot or an underscore.

    >>> is_hidden("logs/_temporary/a"), is_hidden("logs/.a.crc"), is_hidden("logs/a_b.c")
    (True, True, False)
    """
    return any(name.startswith(HIDDEN) for name in path.split("/"))


def matches(path: str, pattern: str) -> bool:
    """Whether a file's path matches a pattern.

    >>> [matches(path, "logs/*/*.gz") for path in ("logs/a/b.gz", "logs/b.gz", "logs/a/.b.gz")]
    [True, False, False]
    >>> [matches(path, "logs/**/*.gz") for path in ("logs/a/b/c.gz", "logs/c.gz", "logs/a/b")]
    [True, True, False]
    >>> matches("logs/a/b/c", "logs/[!b]*/"), matches("logs/b/c", "logs/[!b]*/")
    (True, False)
    >>> [matches(path, "logs/{a,b/{c,d}}.gz") for path in ("logs/a.gz", "logs/b/d.gz", "logs/b.gz")]
    [True, True, False]
    """
    return any(_matches(path, plain) for plain in alternatives(pattern))


def alternatives(pattern: str) -> list[str]:
    """A pattern with braces as several patterns without; braces that aren't closed stand for themselves.

    Raises Unsupported if there are more than 1000.

    >>> alternatives("{a,b/{c,d}}e{"), alternatives("{a}")
    (['ae{', 'b/ce{', 'b/de{'], ['a'])
    """
    found = list(islice(_without_braces(pattern), MOST_ALTERNATIVES + 1))
    if len(found) > MOST_ALTERNATIVES:
        what = f"the braces in {pattern!r:.200} stand for more than {MOST_ALTERNATIVES} patterns"
        raise Unsupported(f"{what}: name a folder, or use * instead")
    return found


def _without_braces(pattern: str) -> Iterator[str]:
    start = pattern.find("{")
    words = _words(pattern, start) if start >= 0 else None
    if words is None:
        yield pattern
        return
    end = start + len(",".join(words)) + 2
    for word in words:
        yield from _without_braces(pattern[:start] + word + pattern[end:])


def separated(places: str) -> list[str]:
    """Split places at commas outside braces, unless there is a file whose name contains the commas.

    >>> separated("a,{b,c}/d,e")
    ['a', '{b,c}/d', 'e']
    """
    return [places] if os.path.lexists(places) else _words(f"{{{places}}}", 0) or [places]


def _words(text: str, start: int) -> list[str] | None:
    """What commas separate in the braces that open at `start`, except in inner braces; None if they aren't closed."""
    depth, words, begin = 0, [], start + 1
    for at in range(start, len(text)):
        if text[at] == "{":
            depth += 1
        elif text[at] == "}":
            depth -= 1
        if (text[at] == "," and depth == 1) or depth == 0:
            words.append(text[begin:at])
            begin = at + 1
        if depth == 0:
            return words
    return None


def _matches(path: str, pattern: str) -> bool:
    parts = pattern.split("/")
    if parts[-1] in ("", "**"):
        parts[-1:] = ["**", "*"]
    reached = _past_folders({0}, parts)
    for name in path.split("/"):
        ahead = {at for at in reached if at < len(parts) and _is_like(name, parts[at])}
        reached = _past_folders({at + (parts[at] != "**") for at in ahead}, parts)
    return len(parts) in reached


def fixed_part(url: str) -> str:
    """The part of a URL before its first wildcard; all of it if there is none.

    >>> fixed_part("s3://logs/2026/a*/b")
    's3://logs/2026/a'
    """
    return url[: min((at for at in map(url.find, WILD) if at >= 0), default=len(url))]


def _matching(url: str) -> tuple[Objects, list[Stat]]:
    """The store at the folders before a pattern's first wildcard, and the objects that match. Raises NotFound."""
    is_file = url.startswith("file:")
    text = unquote(url, errors="surrogateescape") if is_file else url
    fixed = fixed_part(text)
    base = fixed.rpartition("/")[0]
    if fixed == text:
        raise NotFound(f"no file at or below {url}")
    pattern = text.removeprefix(f"{base}/")
    plains = alternatives(pattern)
    is_deep = "**" in pattern or any(plain.endswith("/") for plain in plains)
    deepest = None if is_deep else max(plain.count("/") for plain in plains) + 1
    store = open_objects(f"{_quoted(base) if is_file else base}/")
    listed = store.list(fixed_part(pattern), deepest=deepest)
    if not (stats := [stat for stat in listed if any(_matches(_unhidden(stat.key), plain) for plain in plains)]):
        raise NotFound(f"no file matches {text}")
    return store, stats


def _refuse_sizeless(file: File, store: Objects) -> File:
    """The file, unless it is like those in /proc, which claim to be empty, so that nothing would be read."""
    if file.size or not file.root.startswith("file:"):
        return file
    try:
        is_empty = not any(store.read(file.key, 0, 1))
    except StorageError:  # the task that reads the file will report it
        return file
    if not is_empty:
        what = f"{join_url(file.root, file.key)} claims to have 0 bytes, but has more, like files in /proc"
        raise Unsupported(f"{what}: copy it (cat FILE > COPY) and read the copy")
    return file


def _quoted(base: str) -> str:
    scheme, _, path = base.partition("://")
    return f"{scheme}://{quote(os.fsencode(path))}"


def _past_folders(reached: set[int], parts: list[str]) -> set[int]:
    """Positions in a pattern, with those that are reached when `**` stands for no folder."""
    for at, part in enumerate(parts):
        if at in reached and part == "**":
            reached = reached | {at + 1}
    return reached


def _is_like(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) and (not name.startswith(HIDDEN) or pattern.startswith(name[0]))


def _unhidden(key: str) -> str:
    """A key under which a job's own files, `_SUCCESS` and `_job/job.json`, aren't hidden."""
    return re.sub(rf"(^|/)_({MANIFEST[1:]}|job/job\.json)$", r"\1\2", key)


def _not_input(store: Objects, stat: Stat) -> Iterator[str]:
    """If `stat` shows that its folder is a job's output: the prefixes of keys there that aren't the output's data."""
    folder, slash, name = stat.key.rpartition("/")
    if name != MANIFEST:
        return
    yield f"{folder}{slash}_"
    try:
        manifest = json.loads(read_all(store, stat.key)) if 0 < stat.size < LARGEST_MANIFEST else {}
        yield from (f"{folder}{slash}{output}/" for output in manifest.get("outputs", {}))
    except (ValueError, AttributeError, TypeError):  # not one of ours
        return
