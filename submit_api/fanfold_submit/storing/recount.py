"""Counts again, in the background: what jobs wrote among files, what clearing removed, what a crash left wrong."""

from collections.abc import Callable, Collection
from dataclasses import replace
from itertools import islice

from fanfold_storage.errors import NotFound
from fanfold_storage.objects import Objects
from fanfold_storage.records import Expect, Record, Records, Write, scan_all
from fanfold_submit.storing.accounts import ACCOUNTS, BUNDLES, FILES, SHARED, Account, account_of
from fanfold_submit.storing.stored import StoredBytes

AT_ONCE = 4  # accounts counted by one call
AT_LEAST_EVERY = 86400.0  # seconds: a crash may have left a file uncounted, or counted one that never came
MOST_LISTED = 500_000  # objects; others in the same folder aren't counted


def size_of(objects: Objects, prefix: str, without: Collection[str] = ()) -> int:
    """The bytes of all objects with a prefix; a job may have written millions, so only the first are looked at.

    Those that are counted in one of the accounts `without` are left out.
    """
    found = islice(objects.list(prefix), MOST_LISTED)
    return sum(stat.size for stat in found if not without or account_of(stat.key) not in without)


class Recount:
    """Any number of replicas may count at the same time. Methods raise StorageError: the next call continues."""

    def __init__(self, records: Records, objects: Objects, stored: StoredBytes, now: Callable[[], float]) -> None:
        self._records, self._objects, self._stored, self._now = records, objects, stored, now
        self._missing: set[tuple[str, int]] = set()

    def count_stale(self) -> None:
        """Sum up all accounts, and list the files of some users whose accounts say that they have to be counted."""
        self._stored.sums()
        now = self._now()
        accounts = [(record, Account.of(record.value)) for record in scan_all(self._records, ACCOUNTS).records]
        owners = (record.key.removeprefix(ACCOUNTS) for record, _ in accounts)
        folders = {owner for owner in owners if owner.startswith(f"{SHARED}/")}
        due = [pair for pair in accounts if pair[1].is_stale or now - pair[1].counted > AT_LEAST_EVERY]
        for record, account in due[:AT_ONCE]:
            owner = record.key.removeprefix(ACCOUNTS)
            size = size_of(self._objects, f"{FILES}{owner}/", folders if owner == SHARED else ())
            account = replace(account, files=size, is_stale=False, counted=now)
            # If the account has changed meanwhile, it is counted again.
            self._records.transact([Expect(record.key, record.revision)], [Write(record.key, account.value())])

    def forget_bundles(self) -> None:
        """Count no bundle that wasn't there at this call and the one before: each is counted before it is stored."""
        missing: set[tuple[str, int]] = set()
        for record in scan_all(self._records, BUNDLES).records:
            try:
                self._objects.stat(f"bundles/{record.key.removeprefix(BUNDLES)}")
            except NotFound:
                missing.add((record.key, record.revision))
                if (record.key, record.revision) in self._missing:
                    self._forget(record)
        self._missing = missing

    def _forget(self, bundle: Record) -> None:
        key = ACCOUNTS + bundle.value["owner"]
        found = self._records.get(key)
        account = Account.of(found.value if found else None).plus("bundles", -bundle.value["size"])
        expected = [Expect(bundle.key, bundle.revision), Expect.as_read(key, found)]
        self._records.transact(expected, [Write(bundle.key, None), Write(key, account.value())])
