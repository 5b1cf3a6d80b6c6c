"""The files behind an input URL, and how they are cut into splits."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from fanfold_steps.formats import reader, unsplittable
from fanfold_steps.formats.declared import InputFormat, Text
from fanfold_storage.errors import NotFound
from fanfold_storage.objects import validate_key
from fanfold_storage.urls import open_objects, split_url

TEXT = Text()


@dataclass(frozen=True, slots=True)
class File:
    """An input file: the store's URL (ends with a slash), its key there, its size in bytes, when it was written."""

    root: str
    key: str
    size: int
    modified: float = 0.0


def list_files(url: str) -> list[File]:
    """The file at `url`, or all files below it in key order.

    A folder that holds `_SUCCESS` is a job's output: there, what begins with `_` is no data.

    Raises:
        NotFound: there is neither a file nor a folder.
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
        raise NotFound(f"no file at or below {url}")
    if any(stat.key == "_SUCCESS" for stat in found):
        found = [stat for stat in found if not stat.key.startswith("_")]
    return [File(store.url, validate_key(stat.key), stat.size, stat.modified) for stat in found]


def digest(files: Iterable[File]) -> str:
    """SHA-256 (hex) over keys, sizes and times: another one, other input. Where the store is seen doesn't matter."""
    told = json.dumps([(file.key, file.size, file.modified) for file in files])
    return hashlib.sha256(told.encode()).hexdigest()


Range = tuple[int, int, int]
Split = list[Range]
"""(file number, start, stop) in input order: small files share a split, large ones are cut."""


def cut(files: Iterable[File], split_size: int, format: InputFormat = TEXT) -> list[Split]:
    """Cut files into splits of about `split_size` bytes; empty files are in none, unless they are records.

    A record belongs to the range in which it begins, so a cut may fall anywhere. A file that can't be split is one
    range; so is, when it is read, one that only its first bytes tell: its other ranges are then without records.

    >>> cut([File("file:///t/", "a", 5), File("file:///t/", "b", 0), File("file:///t/", "c", 7)], 8)
    [[(0, 0, 5)], [(2, 0, 7)]]
    >>> cut([File("file:///t/", "a", 20)], 8)
    [[(0, 0, 8)], [(0, 8, 16)], [(0, 16, 20)]]
    >>> cut([File("file:///t/", "a.gz", 20)], 8)
    [[(0, 0, 20)]]
    """
    reads_empty = reader(format).reads_empty
    splits: list[Split] = []
    current: Split = []
    room = split_size
    for number, file in enumerate(files):
        if current and file.size > room:
            splits.append(current)
            current, room = [], split_size
        if reads_empty and not file.size:
            current.append((number, 0, 0))
        length = file.size if unsplittable(format, file.key) else split_size
        for start in range(0, file.size, max(length, 1)):
            stop = min(start + length, file.size)
            current.append((number, start, stop))
            room -= stop - start
            if room <= 0:
                splits.append(current)
                current, room = [], split_size
    return [*splits, current] if current else splits
