"""Whether a folder can become a job's output: nothing is in the way, and no input covers it."""

import contextlib
from collections.abc import Iterable
from pathlib import Path

from fanfold_steps.inputs.listing import fixed_part, matches
from fanfold_storage.errors import NotFound
from fanfold_storage.urls import lies_behind_link, local_path, open_objects, split_url


class UnusableOutput(Exception):
    """A job can't write to its output; the text says why, and how to mend it."""


class TakenOutput(UnusableOutput):
    """The output exists already."""


def check_output(url: str) -> None:
    """Check that the output folder is empty, except for the tree of an unfinished job (`_job/`).

    Raises:
        TakenOutput: it isn't.
        UnusableOutput: the output is a file, or would lie in one, or behind a link where those lead nowhere.
    """
    if lies_behind_link(url):
        raise UnusableOutput(f"the output {url} is below a link, and links aren't followed here: choose another output")
    if file := _file_in_path(url):
        what = f"the output {url} can't be a folder, because {file} is a file"
        raise UnusableOutput(f"{what}: choose another output")
    with contextlib.suppress(NotFound):
        for found in open_objects(url).list():
            if not found.key.startswith("_job/"):
                what = f"the output {url} already exists (it contains {found.key})"
                raise TakenOutput(f"{what}: remove it or choose another")


def check_apart(output: str, inputs: Iterable[str]) -> None:
    """Check that no input covers the output folder. Raises UnusableOutput."""
    for url in inputs:
        if _reads(url, output):
            what = f"the output {output} lies in the input {url} and would be read"
            raise UnusableOutput(f"{what}: choose another output")


def resolved(url: str) -> str:
    """A URL without its trailing slash; for a folder on this machine, its path with symlinks resolved."""
    folder, name = split_url(url.rstrip("/"))
    path = local_path(folder)
    return str((path / name).resolve()) if path else url.rstrip("/")


def _file_in_path(url: str) -> Path | None:
    if not url.startswith("file:"):
        return None
    place = Path(resolved(url))
    with contextlib.suppress(PermissionError):
        return next((path for path in (place, *place.parents) if path.is_file()), None)
    return None


def _reads(url: str, output: str) -> bool:
    """Whether an input's URL covers the contents of the output folder."""
    place, folder = resolved(url), resolved(output)
    if folder.startswith(f"{place}/") or place == fixed_part(place):
        return folder.startswith(f"{place}/")
    pattern = place + "/" * url.endswith("/")
    return any(matches(f"{folder}/{name}", pattern) for name in ("part-00000.txt", "_job/job.json"))
