"""The columns of tables, as their files' first lines name them."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.formats import open_source
from fanfold_steps.formats.separated.reader import SeparatedReader
from fanfold_steps.formats.table import told_format
from fanfold_steps.inputs.listing import File
from fanfold_steps.job.formats import CSV, TSV
from fanfold_storage.errors import StorageError
from fanfold_storage.urls import open_objects

MOST_FILES = 1000
"""Whose first lines are worth reading ahead of all else."""
_AT_ONCE = 16  # a request each


def shared_columns(files: Sequence[File]) -> list[str] | None:
    """The columns that all these files of separated values have, in the same order; None if any is another table, or
    something is wrong with it, which whoever reads it will tell."""
    if not 0 < len(files) <= MOST_FILES:
        return None
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = {columns and tuple(columns) for columns in pool.map(_columns, files)}
    only = found.pop()
    return list(only) if only and not found and _are_utf8(only) else None


def _are_utf8(names: Iterable[str]) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for name in names for letter in name)


def _columns(file: File) -> Sequence[str] | None:
    told = told_format(file.key)
    if not isinstance(told, CSV | TSV):
        return None
    try:
        source = open_source(open_objects(file.root), file.key, None)
        return None if source.is_kept else SeparatedReader(told).names(source)
    except (PermanentFailure, StorageError):
        return None
