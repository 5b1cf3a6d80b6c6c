"""Checks before jobs run: the records belong to the objects, and no other service with the local engine uses them.

    submit/store   {id, marked}: a random id, and whether `store.json` has been written
    store.json     {id}: the same id among the objects

With the records of another installation, or with new ones after a loss, the jobs and files in a store would silently
belong to nobody.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fanfold_storage.errors import NotFound
from fanfold_storage.objects import Objects, read_all
from fanfold_storage.records import Expect, Record, Records, Write
from fanfold_submit.jobs.places import JOBS
from fanfold_web.command import CannotServe

RECORD, OBJECT = "submit/store", "store.json"
_LARGEST = 1024  # bytes


class Pairing:
    """Checks that records and objects belong together; pairs them for good if neither has a counterpart yet."""

    def __init__(self, records: Records, objects: Objects) -> None:
        self._records, self._objects = records, objects
        self._checked = False

    def check(self) -> None:
        """Pair the stores, or check that they are paired; does nothing once that has succeeded.

        Raises:
            CannotServe: they belong to others.
            StorageError: a store is unavailable.
        """
        while not self._checked:  # each pass takes one step, or sees that another replica took it
            record, marker = self._records.get(RECORD), self._marker()
            if record is None and marker is None:
                self._refuse_lost_records()
                self._records.transact([Expect(RECORD, 0)], [Write(RECORD, {"id": secrets.token_hex(10)})])
            elif record and not record.value.get("marked") and marker in (None, record.value["id"]):
                self._mark(record)
            elif record is None or marker != record.value["id"]:
                raise CannotServe(self._foreign(known=record is not None))
            else:
                self._checked = True

    def _mark(self, record: Record) -> None:
        """Write `store.json`, then note that in the record. Replicas may do so at once, and a start after a crash."""
        name = record.value["id"]
        if self._objects.put_if_absent(OBJECT, json.dumps({"id": name}).encode()) or self._marker() == name:
            self._records.transact([Expect(RECORD, record.revision)], [Write(RECORD, {"id": name, "marked": True})])

    def _marker(self) -> str | None:
        """The id in `store.json`; None without that file."""
        with suppress(NotFound):
            try:
                return str(json.loads(read_all(self._objects, OBJECT, _LARGEST))["id"])
            except (ValueError, KeyError, TypeError):
                return ""  # which no records have
        return None

    def _refuse_lost_records(self) -> None:
        """Refuse unpaired stores that hold a job's tree but no record of any job. Raises CannotServe."""
        if not self._records.scan("submit/", limit=1).records and next(self._objects.list(JOBS), None):
            raise CannotServe(self._foreign(known=False))

    def _foreign(self, *, known: bool) -> str:
        what = "belong to another store" if known else "know nothing of this store, which is in use"
        return (
            f"the records {what}: {self._objects.url} holds the files and jobs of other records. Serve it with its own "
            "records (from a backup, if they were lost), or choose another store."
        )


@contextmanager
def lock_for_local_engine(objects: Objects) -> Iterator[None]:
    """Lock the store against other services on this machine, since a local engine only knows its own workers.

    A store in S3 can't be locked. Raises CannotServe: another service has locked the store.
    """
    url = urlsplit(objects.url)
    if url.scheme != "file":
        yield
        return
    folder = Path(unquote(url.path))
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotServe(
            f"another service runs the jobs of {folder} with the local engine, which can't share them: stop that one, "
            "or choose another store"
        ) from None
    else:
        yield
    finally:
        os.close(descriptor)
