"""Records: small JSON values under ordered keys with transactions and watches, in SQLite or etcd."""

from fanfold_storage.records.protocol import Change, Conflict, Expect, Page, Record, Records, Watch, Write, scan_all

__all__ = ["Change", "Conflict", "Expect", "Page", "Record", "Records", "Watch", "Write", "scan_all"]
