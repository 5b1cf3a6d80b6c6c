"""Areas: the folders and objects that a job's code may reach, by URL; it reaches nothing else of the store."""

from collections.abc import Iterable
from dataclasses import dataclass

from fanfold_storage.urls import split_url


@dataclass(frozen=True, slots=True)
class Area:
    """A folder, with a slash at the end of its URL, or a single object; only `is_writable` ones may be changed."""

    url: str
    is_writable: bool = False

    @property
    def is_on_disk(self) -> bool:
        """Whether it is on a volume, which pods mount."""
        return self.url.startswith("file:")

    @property
    def is_in_s3(self) -> bool:
        """Whether it is in a bucket, for which pods need credentials."""
        return self.url.startswith("s3:")

    def covers(self, other: "Area") -> bool:
        """Whether access to this area includes access to the other.

        >>> Area("s3://b/x/", is_writable=True).covers(Area("s3://b/x/y/")), Area("s3://b/x/").covers(Area("s3://b/xy"))
        (True, False)
        """
        is_within = other.url == self.url or (self.url.endswith("/") and other.url.startswith(self.url))
        return is_within and (self.is_writable or not other.is_writable)


def minimal(areas: Iterable[Area]) -> tuple[Area, ...]:
    """The areas without those that others cover, in the order of their URLs, so that a folder precedes what it holds.

    >>> minimal([Area("s3://b/x/y/"), Area("s3://b/x/"), Area("s3://b/x/z", is_writable=True)])
    (Area(url='s3://b/x/', is_writable=False), Area(url='s3://b/x/z', is_writable=True))
    """
    found: list[Area] = []
    for area in sorted(set(areas), key=lambda area: (area.url, not area.is_writable)):
        if not any(other.covers(area) for other in found):
            found.append(area)
    return tuple(found)


def folder_of(url: str) -> str:
    """The folder that a URL names, or the one that holds what it names."""
    return url if url.endswith("/") else split_url(url)[0]
