"""Records in a SQLite file, for one machine, of which any number of threads and processes may share the file.

The table `current` holds the records; `history` holds recent changes, for pages of one revision and for watches. Every
write is one BEGIN IMMEDIATE transaction, in WAL mode with synchronous=FULL, so a successful write survives a power cut.
Not for network file systems, where WAL doesn't work, nor across a fork: open the file again in the child.
"""

import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path

from fanfold_storage.errors import Compacted, Unavailable
from fanfold_storage.records.encoding import (
    decode_value,
    encode_key,
    encode_keys,
    encode_prefix,
    encode_range,
    encode_writes,
    prefix_end,
)
from fanfold_storage.records.protocol import Change, Conflict, Expect, Page, Record, Write
from fanfold_storage.records.sqlite_file import SqliteFile, snapshot

# How many revisions stay readable for pages and for watches that lag behind.
KEPT_REVISIONS = 10_000
_COMPACT_EVERY = 1_000
_POLL = 0.05
_BATCH = 500
_ROWS = 100  # of one statement
_LAST_PLACE = 1_000

_CHANGES = """
    SELECT key, value, revision, place FROM history
    WHERE (revision, place) > (?, ?) AND key >= ? AND (? IS NULL OR key < ?) ORDER BY revision, place LIMIT ?"""
# With `? IS NULL OR key < ?` SQLite would read on to the last key of all to fill a page.
_SCAN_NOW = """
    SELECT key, value, revision FROM current WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"""
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM current WHERE key >= ? AND key < ? LIMIT ?)"
_ABOVE_ALL = b"\xff" * 1025  # a key has at most 1,024 bytes of UTF-8
# SQLite takes the bare columns of a max() query from the row that holds the maximum.
_SCAN_THEN = """
    SELECT key, value, revision FROM (
        SELECT key, value, max(revision) AS revision FROM history
        WHERE key >= ? AND key < ? AND revision <= ? GROUP BY key)
    WHERE value IS NOT NULL ORDER BY key LIMIT ?"""


class SqliteRecords:
    """The records in the file at `path`, which is created if it doesn't exist."""

    is_local = True  # in WAL mode, readers don't wait for writers

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path.resolve())
        self._watches: weakref.WeakSet[SqliteWatch] = weakref.WeakSet()

    def get(self, key: str) -> Record | None:
        """The record under the key."""
        query = "SELECT value, revision FROM current WHERE key = ? AND (expires IS NULL OR expires > ?)"
        bounds = (encode_key(key), time.time())
        with self._file.querying() as connection:
            rows = connection.execute(query, bounds).fetchall()
        return Record(key, decode_value(rows[0][0]), rows[0][1]) if rows else None

    def get_many(self, keys: Sequence[str]) -> dict[str, Record]:
        """The records under the keys, by one query."""
        encoded = encode_keys(keys)
        query = f"""
            SELECT key, value, revision FROM current
            WHERE key IN ({_question_marks(encoded)}) AND (expires IS NULL OR expires > ?)"""  # noqa: S608
        with self._file.querying() as connection:
            rows = connection.execute(query, (*encoded, time.time())).fetchall()
        return {key.decode(): Record(key.decode(), decode_value(value), revision) for key, value, revision in rows}

    def scan(
        self, prefix: str, *, after: str = "", before: str = "", limit: int = 100, revision: int | None = None
    ) -> Page:
        """A page of records in key order."""
        bounds = _bounds(prefix, after, before)
        self._expire()
        with self._file.reading() as connection:
            now, compacted = _revisions(connection)
            if revision is None or revision == now:
                rows = connection.execute(_SCAN_NOW, (*bounds, limit + 1)).fetchall()
            elif compacted <= revision < now:
                rows = connection.execute(_SCAN_THEN, (*bounds, revision, limit + 1)).fetchall()
            else:
                raise Compacted(f"revision {revision} is gone ({compacted} to {now} are kept): scan again")
        records = [Record(key.decode(), decode_value(value), changed) for key, value, changed in rows[:limit]]
        return Page(records, now if revision is None else revision, len(rows) > limit)

    def count(self, prefix: str, *, after: str = "", before: str = "", most: int) -> int:
        """How many records there are, by one query that looks at keys alone."""
        self._expire()
        with self._file.querying() as connection:
            rows = connection.execute(_COUNT, (*_bounds(prefix, after, before), most)).fetchall()
        return int(rows[0][0])

    def transact(self, expectations: Sequence[Expect], writes: Sequence[Write]) -> int | Conflict:
        """All writes or none."""
        encoded = encode_writes(expectations, writes)
        expected = {(encode_key(expect.key), expect.revision) for expect in expectations}
        self._expire()
        with self._file.writing() as connection:
            keys = [key for key, _ in expected]
            there = f"SELECT key, revision FROM current WHERE key IN ({_question_marks(keys)})"  # noqa: S608
            revisions: dict[bytes, int] = dict(connection.execute(there, keys).fetchall())
            if any(revisions.get(key, 0) != revision for key, revision in expected):
                return Conflict()
            changes = [
                (key, value, None if write.expires_in is None else time.time() + write.expires_in)
                for (key, value), write in zip(encoded, writes, strict=True)
            ]
            return _apply(connection, changes)

    def watch(self, prefix: str, from_revision: int) -> "SqliteWatch":
        """Every change under the prefix from the revision on."""
        watch = SqliteWatch(self, self._file, encode_prefix(prefix), from_revision)
        self._watches.add(watch)
        return watch

    def close(self) -> None:
        """End the watches and close the file."""
        for watch in list(self._watches):
            watch.close()
        self._file.close()

    def _expire(self) -> None:
        """Delete expired records, which `get` doesn't see any more; watches see these changes, too."""
        due = "SELECT key FROM current WHERE expires <= ? ORDER BY expires"
        with self._file.querying() as connection:
            if not connection.execute(f"{due} LIMIT 1", (time.time(),)).fetchall():
                return
        with self._file.writing() as connection:
            keys = connection.execute(due, (time.time(),)).fetchall()
            _apply(connection, [(key, None, None) for (key,) in keys])


class SqliteWatch:
    """A watch that checks every 50 ms whether the file has changed, which only reads shared memory."""

    def __init__(self, records: SqliteRecords, file: SqliteFile, prefix: bytes, from_revision: int) -> None:
        self._records = records
        self._file = file
        self._prefix = prefix
        self._last = (from_revision - 1, _LAST_PLACE)
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Change]:
        """The changes as they come."""
        try:
            with self._file.own_connection() as connection:
                seen = -1
                while not self._closed.is_set():
                    self._records._expire()
                    version = connection.execute("PRAGMA data_version").fetchone()[0]
                    if version != seen:
                        seen = version
                        yield from self._changes(connection)
                    self._closed.wait(_POLL)
        except Unavailable:
            if not self._closed.is_set():  # closing the records closes the file under us
                raise

    def close(self) -> None:
        """End the iteration."""
        self._closed.set()

    def _changes(self, connection: sqlite3.Connection) -> Iterator[Change]:
        end = prefix_end(self._prefix)
        count = _BATCH
        while count == _BATCH:
            with snapshot(connection):
                now, compacted = _revisions(connection)
                if self._last[0] < compacted:
                    raise Compacted(
                        f"changes after revision {self._last[0]} are gone: scan again, and watch from there"
                    )
                rows = connection.execute(_CHANGES, (*self._last, self._prefix, end, end, _BATCH)).fetchall()
            count = len(rows)
            for key, value, revision, place in rows:
                if self._closed.is_set():
                    return
                self._last = (revision, place)
                yield Change(key.decode(), None if value is None else decode_value(value), revision)
        self._last = max(self._last, (now, _LAST_PLACE))  # there are none up to here, whatever is dropped later


def _bounds(prefix: str, after: str, before: str) -> tuple[bytes, bytes]:
    start, end = encode_range(prefix, after, before)
    return start, _ABOVE_ALL if end is None else end


def _question_marks(values: Sequence[bytes]) -> str:
    return ", ".join("?" * len(values))


def _revisions(connection: sqlite3.Connection) -> tuple[int, int]:
    """The store's revision, and the last one whose changes have been dropped, at least in part."""
    row: tuple[int, int] = connection.execute("SELECT revision, compacted FROM state").fetchone()
    return row


def _apply(connection: sqlite3.Connection, changes: Sequence[tuple[bytes, bytes | None, float | None]]) -> int:
    """Write keys, values and expiry times as one revision. Deleting an absent key isn't a change."""
    now, compacted = _revisions(connection)
    revision = now + 1
    delete = "DELETE FROM current WHERE key = ?"
    history = [
        (key, revision, place, value)
        for place, (key, value, _) in enumerate(changes)
        if value is not None or connection.execute(delete, (key,)).rowcount
    ]
    if not history:
        return now
    _insert(connection, "INSERT OR REPLACE INTO current", [(k, v, revision, e) for k, v, e in changes if v is not None])
    _insert(connection, "INSERT INTO history", history)
    connection.execute("UPDATE state SET revision = ?", (revision,))
    if revision - compacted >= KEPT_REVISIONS + _COMPACT_EVERY:
        _compact(connection, compacted, revision - KEPT_REVISIONS)
    return revision


def _insert(connection: sqlite3.Connection, into: str, rows: Sequence[tuple[object, object, object, object]]) -> None:
    """Insert rows by few statements: each gives up the GIL, and while a writer waits for it, all other writers wait."""
    for start in range(0, len(rows), _ROWS):
        some = rows[start : start + _ROWS]
        values = ", ".join(["(?, ?, ?, ?)"] * len(some))
        connection.execute(f"{into} VALUES {values}", [value for row in some for value in row])


def _compact(connection: sqlite3.Connection, done: int, until: int) -> None:
    """Drop changes that were superseded by revision `until`; only keys that changed since `done` can have any."""
    since = {"done": done, "until": until}
    connection.execute(
        """
        DELETE FROM history WHERE (key, revision) IN (
            SELECT old.key, old.revision
            FROM (SELECT key, max(revision) AS last FROM history
                  WHERE revision > :done AND revision <= :until GROUP BY key) AS touched
            JOIN history AS old ON old.key = touched.key AND old.revision < touched.last)""",
        since,
    )
    connection.execute("DELETE FROM history WHERE revision > :done AND revision <= :until AND value IS NULL", since)
    connection.execute("UPDATE state SET compacted = :until", since)
