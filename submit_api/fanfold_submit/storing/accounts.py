"""What a user keeps in the service, as a record, and the limits on it.

submit/stored/accounts/OWNER   the bytes of a user's files, of the trees of their jobs, of their bundles
submit/stored/trees/ID         a job's tree is counted, with so many bytes; written once, when the job has ended
submit/stored/bundles/SHA256   whose account a bundle, or wheel, is counted in: whoever sent it first

OWNER is a user's id; `@team/GROUP` for the files of a team; `@shared/NAME` for a folder in the shared area, which is
that of a user if it has their name; or `@shared` for what else lies there, also in folders that have no account yet.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fanfold_submit.queueing.limits import Limit

ACCOUNTS = "submit/stored/accounts/"
TREES = "submit/stored/trees/"
BUNDLES = "submit/stored/bundles/"
SHARED, TEAM = "@shared", "@team"
FILES = "files/"  # how the keys of all users' files begin
SHARED_FILES = f"{FILES}{SHARED}/"


@dataclass(frozen=True, slots=True)
class Account:
    """Bytes by kind. `is_stale`: a job has written files since they were counted, or they never were."""

    files: int = 0
    trees: int = 0
    bundles: int = 0
    groups: tuple[str, ...] = ()
    """Of the owner, those with limits, as of the last request."""
    is_stale: bool = True
    counted: float = 0.0
    """When files were counted last, in Unix seconds."""

    @property
    def kept(self) -> int:
        """Bytes of files, and of what is kept with jobs."""
        return self.files + self.trees

    def plus(self, kind: str, size: int) -> "Account":
        """The account with more bytes of a kind, or fewer.

        >>> Account(files=5).plus("files", -7).files
        0
        """
        return replace(self, **{kind: max(0, getattr(self, kind) + size)})

    def value(self) -> dict[str, Any]:
        """The record."""
        return asdict(self) | {"groups": list(self.groups)}

    @classmethod
    def of(cls, value: Mapping[str, Any] | None) -> "Account":
        """The account of a record; an empty one that is to be counted if there is none."""
        return cls(**{**value, "groups": tuple(value["groups"])}) if value else cls()


def account_of(key: str) -> str:
    """In whose account a file is counted, by its key.

    >>> account_of("files/3f9d/a.txt"), account_of("files/@team/choir/a.txt")
    ('3f9d', '@team/choir')
    >>> account_of("files/@shared/ada/a.txt"), account_of("files/@shared/a.txt")
    ('@shared/ada', '@shared')
    """
    area, *rest = key.removeprefix(FILES).split("/")
    return f"{area}/{rest[0]}" if area in (SHARED, TEAM) and len(rest) > 1 else area


@dataclass(frozen=True, slots=True)
class ByteLimits:
    """The limits on what is kept: files together with trees, and bundles together with wheels."""

    kept: Limit = field(default_factory=Limit)
    bundles: Limit = field(default_factory=Limit)
