"""Places as people write them: paths on this machine, and URLs."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from fanfold.errors import Refused
from fanfold_steps.inputs.splits import inputs_by_name
from fanfold_steps.job.spec import NAME, Inputs, JobSpec

Place = str | os.PathLike[str]
"""A place as Python programs name it."""
Input = Place | Sequence[Place] | Mapping[str, Place | Sequence[Place]]
"""The input of a job as Python programs give it: a place, several, or those of each named input."""

_SCHEMES = {"abfs", "abfss", "file", "files", "ftp", "gs", "hdfs", "http", "https", "s3", "s3a", "s3n", "sftp", "wasb"}
"""Schemes that people know from other tools: a place that starts with one isn't meant as a folder's name."""


def place_url(place: str) -> str:
    """A place as a URL: `s3://…` and `file://…` stay as they are, anything else is a path on this machine.

    Raises:
        Refused: it is a URL of another kind.
    """
    scheme, colon, rest = place.partition(":")
    if place.startswith(("file://", "s3://")):
        return place
    if colon and (rest.startswith("//") or scheme in _SCHEMES):
        mend = f"write a path (./{place} if a file has that name), file:///PATH or s3://BUCKET/PATH"
        service = "; files:… is a place in the service, for `fanfold submit`" if scheme == "files" else ""
        raise Refused(f"this command can't read or write {place}: {mend}{service}")
    return Path(place).absolute().as_uri() + ("/" if place.endswith("/") else "")


def folder_url(place: str) -> str:
    """An output folder as a URL that ends with a slash. Raises Refused: as `place_url`, or it is standard output."""
    if place == "-":
        raise Refused(
            "the output is a folder, so it can't go to standard output: name a folder (./- if that's its name)"
        )
    return place_url(place).rstrip("/") + "/"


def inputs_of(spec: JobSpec, places: Sequence[str], locate: Callable[[str], str] = place_url) -> Inputs:
    """A job's inputs as given by `--input`: places, or `NAME=PLACE` for a job with named inputs.

    Args:
        spec: the job, which says whether its inputs have names.
        places: the values of `--input`.
        locate: turns a place into what the job reads.

    Raises:
        InvalidInputs: the names don't fit the job's.
        Refused: as `locate`.
    """
    if not spec.inputs:
        for given in places:
            _refuse_name(given)
        return [locate(place) for place in places]
    named: dict[str, list[str]] = {}
    for given in places:
        name, equals, place = given.partition("=")
        has_name = bool(equals and re.fullmatch(NAME, name))
        named.setdefault(name if has_name else "", []).append(locate(place) if has_name else given)
    return inputs_by_name(spec, named)


def input_values(spec: JobSpec, input: Input) -> list[str]:
    """What a command would be given as `--input`. Raises Refused: nothing, no place, or a name where inputs have none.

    >>> input_values(JobSpec(), "a.txt")
    ['a.txt']
    """
    if not isinstance(input, Mapping):
        given: object = input
        is_one = isinstance(given, str | bytes | os.PathLike) or not isinstance(given, Iterable)
        places: list[Any] = [given] if is_one else list(cast(Iterable[Any], given))
        if not places:
            raise Refused("the job has no input: give at least one file or folder")
        if wrong := [place for place in places if not isinstance(place, str | os.PathLike)]:
            raise Refused(f"an input is a path or a URL, or a list of them, not {wrong[0]!r:.80}")
        return [os.fspath(place) for place in places]
    if not spec.inputs:
        raise Refused("the job's input has no name: give its places alone, not in a dict")
    if unknown := [name for name in input if name not in spec.inputs]:
        raise Refused(f"the job has no input called {unknown[0]!r:.80}: it reads {', '.join(spec.inputs)}")
    return [f"{name}={place}" for name, one in input.items() for place in input_values(JobSpec(), one)]


def _refuse_name(given: str) -> None:
    """Raise Refused for `NAME=PLACE` in a job whose input has no name, unless a file is called that."""
    name, equals, place = given.partition("=")
    if equals and re.fullmatch(NAME, name) and Path(place).exists() and not Path(given).exists():
        raise Refused(f"the job's input has no name: write --input {place} instead of --input {given}")
