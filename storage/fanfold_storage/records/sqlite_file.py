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
_ROOM = 1 << 20  # bytes that are reserved in the file and its log
_CHECKPOINT_PAGES = 200  # of 4 KiB in the log, which then starts over: fewer than the reserved ones
_CACHE_KIB = 256  # of pages, for each connection. The system keeps them anyway, and memory would grow with the file
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
    """A pool of connections to the file, one for each concurrent caller."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._closed = False
        # Threads queue here; only processes compete for SQLite's own lock, which sleeps and retries without fairness.
        self._writer = threading.Lock()
        self._create()

    @contextlib.contextmanager
    def querying(self) -> Iterator[sqlite3.Connection]:
        """A connection for single queries; each reads a state of its own, and has ended once all its rows are read."""
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

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A transaction that reads one state of the file."""
        with self.querying() as connection, snapshot(connection):
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A write transaction, of which there is one at a time; it is committed unless the block raises."""
        if not self._writer.acquire(timeout=TIMEOUT):
            raise Unavailable(f"{self._path} has been locked by a writer for more than {TIMEOUT:.0f} s: try again")
        try:
            with self.querying() as connection:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    _roll_back(connection)
                    raise
                self._commit(connection)
        finally:
            self._writer.release()

    @contextlib.contextmanager
    def own_connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for long use by one thread."""
        with self.explained():
            connection = self._connect()
            try:
                yield connection
            finally:
                connection.close()

    def close(self) -> None:
        """Close every idle connection; connections in use are closed when they are returned."""
        self._closed = True
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Convert SQLite's errors of the block to Fanfold's."""
        try:
            yield
        except sqlite3.Error as error:
            raise _meaning(error)(f"cannot use {self._path}: {error}. {_mend(error)}") from error

    def _connect(self) -> sqlite3.Connection:
        if self._closed:
            raise Unavailable(f"{self._path} has been closed")
        connection = sqlite3.connect(self._path, timeout=TIMEOUT, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        return connection

    def _commit(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            _roll_back(connection)
            raise Unknown(f"the write to {self._path} may or may not have happened: {error}. {_mend(error)}") from error

    def _create(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Only the owner may read the file, because records may be secret; SQLite's other files get the same mode.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise PermissionDenied(f"cannot open {self._path}: {error.strerror}. Choose another place.") from error
        with self.querying() as connection:
            _begin_wal(connection)
        with self.writing() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in {0, _VERSION}:
                raise Unsupported(f"{self._path} was written by another version of Fanfold (format {version})")
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_VERSION}")
        with self.querying() as connection, contextlib.suppress(sqlite3.OperationalError):  # the disk may be full
            _keep_room(connection)


@contextlib.contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """A context in which all queries read the same state."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


def _roll_back(connection: sqlite3.Connection) -> None:
    """Undo the transaction, unless SQLite has already done so, as on a full disk.

    Its own error must not hide the one that led here; a connection that stays in a transaction is closed, not reused.
    See https://sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction.
    """
    if connection.in_transaction:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


def _begin_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL. SQLite doesn't wait if two processes switch at once, so wait here."""
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


def _keep_room(connection: sqlite3.Connection) -> None:
    """Reserve space in the file and its log, so that small writes still succeed when the disk is full.

    SQLite reuses the pages of deleted rows (https://sqlite.org/fileformat2.html#the_freelist), and its log from the
    start. This doesn't help on file systems that never overwrite in place, such as Btrfs and ZFS.
    """
    connection.execute("CREATE TABLE IF NOT EXISTS room (bytes BLOB)")
    connection.execute("INSERT INTO room VALUES (zeroblob(?))", (_ROOM,))
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    connection.execute("DELETE FROM room")


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
        sqlite3.SQLITE_BUSY: "Another process has locked it for too long: try again.",
        sqlite3.SQLITE_FULL: "The disk is full: make room.",
        sqlite3.SQLITE_READONLY: "Give this user the right to write it and its folder.",
        sqlite3.SQLITE_CANTOPEN: "Give this user the right to write it and its folder.",
        sqlite3.SQLITE_NOTADB: "It is another kind of file: name another path.",
        sqlite3.SQLITE_CORRUPT: "It is damaged: restore it from a backup.",
    }
    return mends.get(_code(error), "Check the disk.")
