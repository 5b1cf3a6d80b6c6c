"""The files of a job's inputs, checked before anything is planned: each exists, can be read, and is complete."""

import errno
import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import unquote

from fanfold_steps.inputs.listing import File, fixed_part, list_files
from fanfold_storage.errors import NotFound, Unsupported
from fanfold_storage.urls import local_path

MOST_FILES = 300_000  # of all inputs together: the plan names each of them


class UnusableInput(Exception):
    """A job can't read its input; the text says which, why, and how to mend it."""


def usable_files(inputs: Mapping[str, Sequence[str]]) -> list[File]:
    """The files of all inputs, in order; a place that is named often is listed once.

    Raises:
        UnusableInput: an input doesn't exist, has no files, can't be read, isn't complete; or there are too many files.
        StorageError: the store doesn't respond, or denies access.
    """
    listed: dict[str, list[File]] = {}
    for url in (url for urls in inputs.values() for url in urls):
        if url not in listed:
            listed[url] = _files(url)
        if sum(map(len, listed.values())) > MOST_FILES:
            mend = "name fewer, or put small files together"
            raise UnusableInput(f"the inputs have more than {MOST_FILES:,} files: {mend}")
    files = [replace(file, input=name) for name, urls in inputs.items() for url in urls for file in listed[url]]
    if len(files) > MOST_FILES:
        raise UnusableInput(
            f"the inputs name {len(files):,} files, more than {MOST_FILES:,}: name each place only once"
        )
    return files


def _files(url: str) -> list[File]:
    try:
        files = list_files(url)
    except NotFound as error:
        if (pattern := unquote(url)) != fixed_part(pattern):
            raise UnusableInput(f"the pattern {pattern} matches no file: check it") from error
        hidden = "files whose names begin with a dot or an underscore don't count"
        raise UnusableInput(
            f"the input {url} doesn't exist, or is a folder without files ({hidden}): check the path"
        ) from error
    except Unsupported as error:
        raise UnusableInput(str(error)) from error
    for file in files:
        _check_regular(file)
        if f"/{file.key}".endswith("/_job/job.json"):
            what = f"the input {url} contains the output of an unfinished job ({file.key})"
            raise UnusableInput(f"{what}: let that job finish first, or name the files to read")
    return files


def _check_regular(file: File) -> None:
    """Check that what is listed as a file on this machine can be read as one. Raises UnusableInput."""
    folder = local_path(file.root)
    if folder is None:
        return
    path = folder / file.key
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            mode = path.stat().st_mode
    except FileNotFoundError:
        what = f"the input {path} is a link to {path.readlink()}, which doesn't exist: remove it"
        raise UnusableInput(what) from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnusableInput(f"the input {path} is a link that leads back to itself: remove it") from None
        raise
    if not stat.S_ISREG(mode):
        what = f"the input {path} is neither a file nor a folder"
        raise UnusableInput(f"{what}: name a pipe by itself, or leave it out")
