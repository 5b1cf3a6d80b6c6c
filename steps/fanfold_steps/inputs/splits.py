"""The files behind a job's inputs, and how they are cut into splits."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from fanfold_steps.formats import reader, unsplittable
from fanfold_steps.inputs.listing import File, list_files
from fanfold_steps.job.formats import InputFormat, Text
from fanfold_steps.job.spec import Inputs, InputSpec, JobSpec
from fanfold_storage.urls import join_url

TEXT = Text()


class InvalidInputs(ValueError):
    """The inputs don't fit the job; the text says which inputs it reads."""


def input_specs(spec: JobSpec) -> dict[str, InputSpec]:
    """How each input of a job is read, in the order of their records; an input without a name is called ''."""
    return spec.inputs or {"": InputSpec(spec.input)}


def inputs_by_name(spec: JobSpec, inputs: Inputs) -> dict[str, list[str]]:
    """The URLs of each of the job's inputs, in the job's order. Raises InvalidInputs: they don't fit the job.

    >>> inputs_by_name(JobSpec(inputs={"users": InputSpec(), "orders": InputSpec()}), {"orders": ["o"], "users": ["u"]})
    {'users': ['u'], 'orders': ['o']}
    """
    urls = inputs if isinstance(inputs, dict) else {"": inputs} if inputs else {}
    specs = input_specs(spec)
    names = ", ".join(specs)
    if "" in specs and urls.keys() - {""}:
        raise InvalidInputs(f"the job's input has no name, but one called {next(iter(urls))} was given: leave it out")
    if "" in urls and "" not in specs:
        raise InvalidInputs(f"the job reads named inputs ({names}): say which, as --input {next(iter(specs))}=PLACE")
    if unknown := urls.keys() - specs.keys():
        raise InvalidInputs(f"the job has no input called {', '.join(sorted(unknown))}: it reads {names}")
    for name in specs:
        if not urls.get(name):
            what = f"input {name}" if name else "input"
            raise InvalidInputs(f"the job has no {what}: give at least one file or folder")
    return {name: urls[name] for name in specs}


def list_inputs(inputs: Mapping[str, Iterable[str]]) -> list[File]:
    """The files of all inputs, in order. Raises NotFound, InvalidKey, Unsupported: as `list_files`."""
    return [replace(file, input=name) for name, urls in inputs.items() for url in urls for file in list_files(url)]


def digest(files: Iterable[File]) -> str:
    """SHA-256 (hex) over the files' keys, sizes and times: it differs if the input has changed.

    It depends neither on the URL by which a store is reached, nor on the order of named inputs.
    """
    state = json.dumps(sorted((file.input, file.key, file.size, file.modified) for file in files))
    return hashlib.sha256(state.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class UnsplitFile:
    """A file that is larger than a split, but has to be read by one task; and why."""

    url: str
    size: int
    why: str


def whole_files(files: Iterable[File], split_size: int, formats: Mapping[str, InputFormat]) -> list[UnsplitFile]:
    """The files that will keep one worker busy for long, as far as their names and formats show.

    >>> whole_files([File("file:///t/", "a.gz", 20), File("file:///t/", "b", 20)], 8, {"": TEXT})
    [UnsplitFile(url='file:///t/a.gz', size=20, why='it is compressed (gzip)')]
    """
    large = (file for file in files if file.size > split_size)
    reasons = ((file, unsplittable(formats[file.input], file.key)) for file in large)
    return [UnsplitFile(join_url(file.root, file.key), file.size, why) for file, why in reasons if why]


Range = tuple[int, int, int]
Split = list[Range]
"""Ranges as (file number, start, stop), in input order: small files share a split, large ones are cut."""


def cut_inputs(files: Iterable[File], split_size: int, formats: Mapping[str, InputFormat]) -> list[Split]:
    """Cut the files of all inputs into splits, each of which belongs to one input."""
    splits: list[Split] = []
    numbered = enumerate(files)
    for name, group in groupby(numbered, key=lambda pair: pair[1].input):
        numbers, own = zip(*group, strict=True)
        splits += [
            [(numbers[at], start, stop) for at, start, stop in split] for split in cut(own, split_size, formats[name])
        ]
    return splits


def cut(files: Iterable[File], split_size: int, format: InputFormat = TEXT) -> list[Split]:
    """Cut files into splits of about `split_size` bytes. Empty files are left out, unless the format reads them.

    A record belongs to the range in which it begins, so a cut may fall anywhere. A file that can't be split is one
    range. If only its first bytes show that it can't be split, all records belong to its first range when it is read.

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
