"""Counts again what jobs wrote among files, and what clearing removed: in the background, a few accounts at a time."""

from dataclasses import replace

from fanfold_storage.errors import NotFound
from fanfold_storage.objects import Objects
from fanfold_storage.records import Expect, Record, Records, Write, scan_all
from fanfold_submit.storing.accounts import ACCOUNTS, BUNDLES, Account
from fanfold_submit.storing.stored import StoredBytes

AT_ONCE = 4  # accounts counted by one call


class Recount:
    """Any number of replicas may count at the same time. Methods raise StorageError: the next call continues."""

    def __init__(self, records: Records, objects: Objects, stored: StoredBytes) -> None:
        self._records, self._objects, self._stored = records, objects, stored

    def count_stale(self) -> None:
        """Sum up all accounts, and list the files of some users whose accounts say that they have to be counted."""
        self._stored.sums()
        stale = [record for record in scan_all(self._records, ACCOUNTS).records if record.value["is_stale"]]
        for record in stale[:AT_ONCE]:
            owner = record.key.removeprefix(ACCOUNTS)
            size = sum(stat.size for stat in self._objects.list(f"files/{owner}/"))
            account = replace(Account.of(record.value), files=size, is_stale=False)
            # If the account has changed meanwhile, it is counted again.
            self._records.transact([Expect(record.key, record.revision)], [Write(record.key, account.value())])

    def forget_bundles(self) -> None:
        """Count no bundle that isn't there any more."""
        for record in scan_all(self._records, BUNDLES).records:
            try:
                self._objects.stat(f"bundles/{record.key.removeprefix(BUNDLES)}")
            except NotFound:
                self._forget(record)

    def _forget(self, bundle: Record) -> None:
        key = ACCOUNTS + bundle.value["owner"]
        found = self._records.get(key)
        account = Account.of(found.value if found else None).plus("bundles", -bundle.value["size"])
        expected = [Expect(bundle.key, bundle.revision), Expect(key, found.revision if found else 0)]
        self._records.transact(expected, [Write(bundle.key, None), Write(key, account.value())])
