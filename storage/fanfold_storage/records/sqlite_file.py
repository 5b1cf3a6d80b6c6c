"""One SQLite file: its tables, its connections, and what its errors mean."""

import contextlib
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from fanfold_storage.errors import PermissionDenied, StorageError, Unavailable, Unknown, Unsupported

TIMEOUT = 10.0
_VERSION = 1
_SCHEMA = """
    CREATE TABLE state (revision INTEGER NOT NULL, compacted INTEGER NOT NULL);
    INSERT INTO state VALUES (1, 0);
    CREATE TABLE current (key BLOB PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL, expires REAL)
        WITHOUT ROWID;
    CREATE INDEX expiring ON current (expires) WHERE expires IS NOT NULL;
    CREATE TABLE history (
        key BLOB, revision INTEGER, place INTEGER NOT NULL, value BLOB, PRIMARY KEY (key, revision)) WITHOUT ROWID;
    CREATE INDEX changes ON history (revision, place);
"""


class SqliteFile:
    """A pool of connections to the file: as many as callers are inside at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._closed = False
        # Threads queue here; only processes meet at SQLite's own lock, which is a matter of luck and naps.
        self._writer = threading.Lock()
        self._create()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees one state of the file."""
        with self._connection() as connection, snapshot(connection):
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that nobody else writes beside; committed unless the block raises."""
        if not self._writer.acquire(timeout=TIMEOUT):
            raise Unavailable(f"{self._path} was being written for longer than {TIMEOUT:.0f} s: try again")
        try:
            with self._connection() as connection:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                self._commit(connection)
        finally:
            self._writer.release()

    @contextlib.contextmanager
    def own_connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for one long use by one thread."""
        with self.explained():
            connection = self._connect()
            try:
                yield connection
            finally:
                connection.close()

    def close(self) -> None:
        """Close every idle connection; those in use are closed as they come back."""
        self._closed = True
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Raise SQLite's errors of the block as Fanfold's."""
        try:
            yield
        except sqlite3.Error as error:
            raise _meaning(error)(f"cannot use {self._path}: {error}. {_mend(error)}") from error

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with self.explained():
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                connection = self._connect()
            try:
                yield connection
            finally:
                if self._closed or connection.in_transaction:
                    connection.close()
                else:
                    self._idle.put(connection)

    def _connect(self) -> sqlite3.Connection:
        if self._closed:
            raise Unavailable(f"{self._path} has been closed")
        connection = sqlite3.connect(self._path, timeout=TIMEOUT, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _commit(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise Unknown(f"cannot tell if {self._path} took the write: {error}. {_mend(error)}") from error

    def _create(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # The records hold what others should not read, so the file is the owner's alone; its side files follow.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise PermissionDenied(f"cannot open {self._path}: {error.strerror}. Choose another place.") from error
        with self._connection() as connection:
            _begin_wal(connection)
        with self.writing() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in {0, _VERSION}:
                raise Unsupported(f"{self._path} was written by another version of Fanfold (format {version})")
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_VERSION}")


@contextlib.contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Let every query of the block see the same state."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


def _begin_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL. Two processes that switch at once are told `locked` without waiting, so wait here."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            break
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    if mode != "wal":
        raise Unsupported(f"SQLite cannot keep a write-ahead log here (it stays in mode {mode!r}): choose a local disk")


def _is_busy(error: sqlite3.Error) -> bool:
    return _code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _code(error: sqlite3.Error) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def _meaning(error: sqlite3.Error) -> type[StorageError]:
    if _code(error) in {sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH}:
        return PermissionDenied
    return Unavailable if isinstance(error, sqlite3.OperationalError) else StorageError


def _mend(error: sqlite3.Error) -> str:
    mends = {
        sqlite3.SQLITE_BUSY: "Another process held it for too long: try again.",
        sqlite3.SQLITE_FULL: "The disk is full: make room.",
        sqlite3.SQLITE_READONLY: "Give this user the right to write it and its folder.",
        sqlite3.SQLITE_CANTOPEN: "Give this user the right to write it and its folder.",
        sqlite3.SQLITE_NOTADB: "It is another kind of file: name another path.",
        sqlite3.SQLITE_CORRUPT: "It is damaged: restore it from a copy.",
    }
    return mends.get(_code(error), "Check the disk.")
