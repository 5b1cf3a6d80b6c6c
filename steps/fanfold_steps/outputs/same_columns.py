"""Giving all parts of an output the same columns, whatever the records of each part are.

A part is written with the columns of its own records. If these differ from the columns of all parts together, `finish`
rewrites the part. Its new content follows from the parts' records alone, so rewriting it twice gives the same bytes.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fanfold_steps.crash_points import around
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.failure.wording import shown
from fanfold_steps.formats import SharedColumns, Source, open_source, shared_columns
from fanfold_steps.job.formats import OutputFormat, compression_of
from fanfold_steps.memory.scratch import Scratch
from fanfold_steps.tree.commit import Part
from fanfold_storage.objects import Objects


def with_same_columns(output: Objects, folder: str, format: OutputFormat, parts: list[Part]) -> list[Part]:
    """Rewrite the visible parts of an output whose columns differ from those of all parts; returns all parts.

    Raises:
        PermanentFailure: the columns of two parts contradict each other.
    """
    shared = shared_columns(format)
    known = [part for part in parts if part.columns is not None]
    if not shared or not known:
        return parts
    columns = known[0].columns
    for number, part in enumerate(known[1:], 1):
        try:
            columns = shared.together(columns, part.columns)
        except ValueError as error:
            raise _unlike(output, folder, format, known[: number + 1], error) from error
    return [
        part
        if part.columns is None or shared.are_like(part.columns, columns)
        else _rewritten(output, folder, format, part, columns)
        for part in parts
    ]


def _rewritten(output: Objects, folder: str, format: OutputFormat, part: Part, columns: Any) -> Part:
    shared = shared_columns(format)
    assert shared
    with Scratch() as scratch:
        copy, digest = _copied(output, folder, part, scratch, format)
        if digest.sha256 == part.sha256:  # otherwise another worker has rewritten it
            digest = _Digest(shared.rewritten(copy, part.columns, columns))
            with around("finish.columns"):
                output.put(f"{folder}{part.name}", digest)
    return replace(part, bytes=digest.size, sha256=digest.sha256)


def _copied(
    output: Objects, folder: str, part: Part, scratch: Scratch, format: OutputFormat
) -> tuple[Source, "_Digest"]:
    """A copy of a part's current content, and its digest, whatever happens to the part meanwhile."""
    digest = _Digest(output.read(f"{folder}{part.name}"))
    scratch.objects.put(part.name, digest, hint=True)
    return open_source(scratch.objects, part.name, compression_of(format)), digest


def _unlike(
    output: Objects, folder: str, format: OutputFormat, parts: list[Part], error: ValueError
) -> PermanentFailure:
    """The failure that names two parts: the last one, and the first one before it that doesn't go with it.

    Each single one may go with the last, but not all of them together, if each has other fields: then it names the one
    just before.
    """
    shared = shared_columns(format)
    assert shared
    *before, last = parts
    other = next((part for part in before if not _go_together(shared, part, last)), before[-1])
    with Scratch() as scratch:
        named = []
        for part, than in ((other, last), (last, other)):
            copy, _ = _copied(output, folder, part, scratch, format)
            record = shared.first_unlike(copy, part.columns, than.columns)
            named.append(f"{part.name} (the record {shown(record)})")
    what = f"the parts of an output have the same columns, but {' and '.join(named)} don't go together"
    return PermanentFailure("output", f"{what}: {error}")


def _go_together(shared: SharedColumns, one: Part, other: Part) -> bool:
    try:
        shared.together(one.columns, other.columns)
    except ValueError:
        return False
    return True


class _Digest:
    """Passes chunks on; their size and SHA-256 are known at the end."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._sha256 = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._sha256.update(chunk)
            self.size += len(chunk)
            yield chunk
