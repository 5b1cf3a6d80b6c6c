"""Counts what users keep, without looking at it for each request, and refuses what would exceed a limit.

An upload is counted into its owner's account by compare-and-set before it appears, so a user's limit is exact, however
many uploads there are at once. The sums over all users, and over groups, are those of SUMS_SECONDS ago. What jobs write
among files is counted within about a minute of their end (`recount.Recount`), and so is what a crash left uncounted.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fanfold_storage.errors import Unavailable
from fanfold_storage.records import Conflict, Expect, Records, Write, scan_all
from fanfold_submit.principal import Principal
from fanfold_submit.queueing.limits import Limit
from fanfold_submit.refusals import OverQuota
from fanfold_submit.settings import Settings
from fanfold_submit.storing.accounts import ACCOUNTS, BUNDLES, SHARED, TEAM, TREES, Account, ByteLimits

SUMS_SECONDS = 5.0
_TRIES = 50
Change = tuple[list[Expect], list[Write]]


@dataclass(slots=True)
class Sums:
    """All accounts added up, and those of each group's members."""

    total: Account = field(default_factory=Account)
    groups: dict[str, Account] = field(default_factory=dict)

    def add(self, account: Account) -> None:
        """Add an account."""
        self.total = _sum(self.total, account)
        for group in account.groups:
            self.groups[group] = _sum(self.groups.get(group, Account()), account)


class StoredBytes:
    """The accounts. Methods may raise StorageError."""

    def __init__(self, records: Records, limits: ByteLimits) -> None:
        self._records, self._limits = records, limits
        self._lock = threading.Lock()
        self._sums, self._due = Sums(), 0.0

    def demand_room(self, user: Principal, kind: str = "files", more: int = 1, owner: str | None = None) -> None:
        """Raise OverQuota if so many more bytes of a kind would exceed a limit of the user's, or of another owner's."""
        owner = owner or user.id
        self._demand(user, owner, self._account(owner), kind, more)

    def reserve(self, user: Principal, owner: str, kind: str, more: int, bundle: str | None = None) -> None:
        """Count bytes that are about to be stored; if that fails, give them back with `add`.

        Args:
            user: who sends them.
            owner: in whose account they are counted (`accounts.account_of`).
            kind: `files` or `bundles`.
            more: how many more there will be; below 0, if something larger is replaced.
            bundle: the SHA-256 of a bundle that isn't there yet. If it is counted already, since somebody else is
                storing it or a service crashed before it was stored, it isn't counted once more.

        Raises:
            OverQuota: they would exceed a limit of the user's.
        """
        record = Write(f"{BUNDLES}{bundle}", {"owner": owner, "size": more}) if bundle else None
        groups = self._limits.kept.named(_groups(user, owner))
        for _ in range(_TRIES):
            if record and self._records.get(record.key):
                return
            found = self._records.get(ACCOUNTS + owner)
            before = replace(Account.of(found.value if found else None), groups=groups)
            if more > 0:
                self._demand(user, owner, before, kind, more)
            if found is None and owner.startswith(f"{SHARED}/"):  # what lies in the folder was counted there
                self.add(SHARED, "files", 0, is_stale=True)
            writes = [Write(ACCOUNTS + owner, before.plus(kind, more).value()), *([record] if record else [])]
            expected = [Expect.as_read(ACCOUNTS + owner, found)]
            if self._written([*expected, *([Expect(record.key, 0)] if record else [])], writes):
                return
        raise _contended(owner)

    def add(self, owner: str, kind: str, more: int, *, is_stale: bool = False) -> None:
        """Count what is there, or isn't there any more, whatever the limits."""
        for _ in range(_TRIES):
            found = self._records.get(ACCOUNTS + owner)
            account = Account.of(found.value if found else None).plus(kind, more)
            after = replace(account, is_stale=account.is_stale or is_stale)
            expected = [Expect.as_read(ACCOUNTS + owner, found)]
            if self._written(expected, [Write(ACCOUNTS + owner, after.value())]):
                return
        raise _contended(owner)

    def count_tree(self, job: str, owner: str, size: int, *, writes_files: bool) -> None:
        """Count the tree of a job that has ended, in place of what was counted after an earlier run of the job.

        What it wrote among files is counted soon.
        """
        for _ in range(_TRIES):
            earlier, found = self._records.get(TREES + job), self._records.get(ACCOUNTS + owner)
            if earlier and earlier.value["size"] == size and not writes_files:
                return
            more = size - (earlier.value["size"] if earlier else 0)
            account = Account.of(found.value if found else None).plus("trees", more)
            after = replace(account, is_stale=account.is_stale or writes_files)
            expected = [Expect.as_read(TREES + job, earlier), Expect.as_read(ACCOUNTS + owner, found)]
            tree = Write(TREES + job, {"owner": owner, "size": size})
            if self._written(expected, [Write(ACCOUNTS + owner, after.value()), tree]):
                return
        raise _contended(owner)

    def sums(self) -> Sums:
        """The sums over all users, at most SUMS_SECONDS old."""
        with self._lock:
            if time.monotonic() >= self._due:
                sums = Sums()
                for record in scan_all(self._records, ACCOUNTS).records:
                    sums.add(Account.of(record.value))
                self._sums, self._due = sums, time.monotonic() + SUMS_SECONDS
            return self._sums

    @property
    def last_sums(self) -> Sums:
        """The sums as they were read last, without reading anything."""
        return self._sums

    def _account(self, owner: str) -> Account:
        found = self._records.get(ACCOUNTS + owner)
        return Account.of(found.value if found else None)

    def _demand(self, user: Principal, owner: str, account: Account, kind: str, more: int) -> None:
        limit = self._limits.bundles if kind == "bundles" else self._limits.kept
        sums = self.sums() if limit.total is not None or limit.groups else Sums()
        each = None if owner.startswith(SHARED) and user.is_admin else limit.each
        scopes = [(_named(user, owner), each, account), ("All users", limit.total, sums.total)]
        scopes += [
            (f"The group {group}", limit.groups.get(group), sums.groups.get(group, Account()))
            for group in _groups(user, owner)
        ]
        for who, most, used in scopes:
            there = used.bundles if kind == "bundles" else used.kept
            if most is not None and there + more > most:
                raise OverQuota(_refusal(who, kind, there, most))

    def _written(self, expected: Sequence[Expect], writes: Sequence[Write]) -> bool:
        return not isinstance(self._records.transact(expected, writes), Conflict)


def byte_limits_of(settings: Settings) -> ByteLimits:
    """The limits that an operator has set."""
    return ByteLimits(
        kept=Limit(settings.kept_bytes, settings.kept_bytes_each, settings.kept_bytes_groups),
        bundles=Limit(settings.bundle_bytes, settings.bundle_bytes_each),
    )


def uncounted_tree(records: Records, job: str) -> Change:
    """What a transaction that removes a job must expect and write, so that its tree counts no more."""
    tree = records.get(TREES + job)
    if tree is None:
        return [Expect(TREES + job, 0)], []
    owner = tree.value["owner"]
    found = records.get(ACCOUNTS + owner)
    after = Account.of(found.value if found else None).plus("trees", -tree.value["size"])
    expected = [Expect(tree.key, tree.revision), Expect.as_read(ACCOUNTS + owner, found)]
    return expected, [Write(tree.key, None), Write(ACCOUNTS + owner, after.value())]


def _refusal(who: str, kind: str, there: int, most: int) -> str:
    if kind == "bundles":
        mend = "Ask an administrator to remove old jobs, with which their code goes, or to raise the limit."
        return f"{who} keep{'s' * who.startswith('The')} {there:,} bytes of code and packages, of {most:,}. {mend}"
    mend = "Remove files (DELETE /v1/files/PATH) or jobs (DELETE /v1/jobs/ID)"
    verb = "keeps" if who.startswith("The") else "keep"
    return f"{who} {verb} {there:,} bytes of files and results, of {most:,}. {mend}, or ask an administrator."


def _groups(user: Principal, owner: str) -> tuple[str, ...]:
    """Whose limits hold for an account besides the owner's own and those for all."""
    if owner == user.id:
        return user.groups
    area, _, team = owner.partition("/")
    return (team,) if area == TEAM else ()


def _named(user: Principal, owner: str) -> str:
    """What an account is called in a refusal."""
    return "You" if owner == user.id else f"The area {owner}/"


def _sum(one: Account, other: Account) -> Account:
    return Account(one.files + other.files, one.trees + other.trees, one.bundles + other.bundles)


def _contended(owner: str) -> Unavailable:
    return Unavailable(f"the account {ACCOUNTS}{owner} kept changing: try again")
